"""Whether a gain in robustness is real: ``workers.verification`` attacks the networks, and the evidence is judged."""

from prunesweep.orchestrator.verification.rules import Check, check_rules
from prunesweep.orchestrator.verification.verdict import (
    HOLDS,
    LEAST_DIFFERENT,
    MASKING,
    ONLY_FGSM,
    UNDECIDED,
    Verdict,
    judge,
)

__all__ = [
    "HOLDS",
    "LEAST_DIFFERENT",
    "MASKING",
    "ONLY_FGSM",
    "UNDECIDED",
    "Check",
    "Verdict",
    "check_rules",
    "judge",
]
