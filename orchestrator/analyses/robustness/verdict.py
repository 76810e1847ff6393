"""The verdict: whether the evidence confirms a gain in robustness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from prunesweep.orchestrator.analyses.robustness.rules import broken, check_rules
from prunesweep.orchestrator.statistics.paired import Difference, image_gains, paired_difference
from prunesweep.results_store.verdict_names import BASELINE, CONTROL, FGSM, HOLDS, NETWORK

if TYPE_CHECKING:
    from prunesweep.workers.analyses.robustness.evidence import Evidence

MASKING = "gradient masking suspected"
ONLY_FGSM = "only against FGSM"
UNDECIDED = "undecided"

# Confidence of the one-sided bounds; the bootstrap resamples images, each with its outcomes at all ε.
CONFIDENCE = 0.95
# If two networks differ on fewer images, the bootstrap's lower bound is too high.
LEAST_DIFFERENT = 10


@dataclass(frozen=True)
class Verdict:
    """A verdict with its evidence.

    Attributes:
        verdict: ``HOLDS``, ``MASKING``, ``ONLY_FGSM`` or ``UNDECIDED``.
        gain: gain over the baseline in worst-case accuracy, in percentage points.
        lower: one-sided lower bound of ``gain`` at ``CONFIDENCE``.
        gain_over_control: gain over the control in worst-case accuracy; None if there is no control.
        lower_over_control: one-sided lower bound of ``gain_over_control``; None if there is no control.
        alarms: one line for each check in which the network breaks a sanity rule.
        evidence: every number that was measured, as JSON values.
    """

    verdict: str
    gain: float
    lower: float
    gain_over_control: float | None
    lower_over_control: float | None
    alarms: list[str]
    evidence: dict[str, Any]


def judge(evidence: Evidence) -> Verdict:
    """Return the verdict on whether the network of the evidence is more robust than the baseline.

    - *holds*: the one-sided 95 % lower bound of the gain in worst-case accuracy is above 0, the networks differ on at
      least ``LEAST_DIFFERENT`` images, and the network breaks no sanity rule;
    - *gradient masking suspected*: the network breaks a rule;
    - *only against FGSM*: the network breaks no rule, and the lower bound of the gain under FGSM on cross-entropy is
      above 0, at the ε of the worst-case accuracy or at the ε that sweeps report;
    - *undecided*: otherwise.

    Worst-case accuracy is the share of images that no attack of the evidence fools, as the mean over
    ``evidence.epsilons``. The bounds are from resampled images
    (``prunesweep.orchestrator.statistics.paired_difference``).
    """
    checks = {name: check_rules(evidence, name) for name in evidence.networks}
    alarms = broken(checks[NETWORK])
    over_baseline = _worst_case_gain(evidence, BASELINE)
    over_control = _worst_case_gain(evidence, CONTROL) if CONTROL in evidence.networks else None
    fgsm = {"graded": _fgsm_gain(evidence, evidence.epsilons), "headline": _fgsm_gain(evidence, (evidence.headline,))}
    differ = int((image_gains([_worst_cases(evidence, BASELINE)]) != 0).sum())
    return Verdict(
        verdict=_verdict(alarms, over_baseline, differ, list(fgsm.values())),
        gain=over_baseline.gain,
        lower=over_baseline.low,
        gain_over_control=over_control.gain if over_control else None,
        lower_over_control=over_control.low if over_control else None,
        alarms=alarms,
        evidence={
            **evidence.to_json(),
            "confidence": CONFIDENCE,
            "images_that_differ": differ,
            "fgsm_gain": {name: {"gain": found.gain, "lower": found.low} for name, found in fgsm.items()},
            "checks": {name: [check.to_json() for check in made] for name, made in checks.items()},
            "alarms_of_others": {name: broken(made) for name, made in checks.items() if name != NETWORK},
        },
    )


def _verdict(alarms: list[str], gain: Difference, differ: int, fgsm: list[Difference]) -> str:
    if alarms:
        return MASKING
    if gain.low > 0 and differ >= LEAST_DIFFERENT:
        return HOLDS
    return ONLY_FGSM if any(found.low > 0 for found in fgsm) else UNDECIDED


def _worst_case_gain(evidence: Evidence, other: str) -> Difference:
    return paired_difference([_worst_cases(evidence, other)], confidence=CONFIDENCE, lower_only=True)


def _worst_cases(evidence: Evidence, other: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return masks, bool (ε, images), of the images that no attack fools, for the network and for ``other``."""
    ours, theirs = (
        np.stack([evidence.networks[name].worst_case(epsilon) for epsilon in evidence.epsilons])
        for name in (NETWORK, other)
    )
    return ours, theirs


def _fgsm_gain(evidence: Evidence, epsilons: tuple[float, ...]) -> Difference:
    ours, theirs = (
        np.stack([evidence.networks[name].outcome(FGSM, epsilon).correct for epsilon in epsilons])
        for name in (NETWORK, BASELINE)
    )
    return paired_difference([(ours, theirs)], confidence=CONFIDENCE, lower_only=True)
