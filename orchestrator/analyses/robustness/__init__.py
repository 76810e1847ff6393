"""Verification of a gain in robustness: attacks by ``prunesweep.workers.analyses.robustness``, judged by rules."""

from prunesweep.orchestrator.analyses.robustness.rules import Check, check_rules
from prunesweep.orchestrator.analyses.robustness.verdict import (
    LEAST_DIFFERENT,
    MASKING,
    ONLY_FGSM,
    UNDECIDED,
    Verdict,
    judge,
)
from prunesweep.results_store.verdict_names import HOLDS

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
