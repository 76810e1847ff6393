"""Verification of a gain in robustness: rules that judge the attacks of ``prunesweep.workers.analyses.robustness``."""

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
