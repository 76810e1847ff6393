"""Judges the evidence that ``workers.verification`` gathers: sanity rules and the verdict, in numpy alone."""

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
