"""Whether a gain in robustness is real: attacks networks through ``workers.verification``, and judges the evidence."""

from orchestrator.verification.rules import Check, check_rules
from orchestrator.verification.verdict import (
    HOLDS,
    LEAST_DIFFERENT,
    MASKING,
    ONLY_FGSM,
    UNDECIDED,
    VERSION,
    Verdict,
    judge,
)

__all__ = [
    "HOLDS",
    "LEAST_DIFFERENT",
    "MASKING",
    "ONLY_FGSM",
    "UNDECIDED",
    "VERSION",
    "Check",
    "Verdict",
    "check_rules",
    "judge",
]
