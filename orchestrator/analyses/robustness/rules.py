"""Sanity rules: what no network breaks whose robustness is measured rather than hidden from the attacker.

After Athalye et al. 2018, "Obfuscated Gradients Give a False Sense of Security" (§3.1), and Carlini et al. 2019, "On
Evaluating Adversarial Robustness" (§5). Attacks are searches and images are a sample, so a rule counts as broken only
where it is by more than a tolerance, and significantly so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from prunesweep.results_store.verdict_names import FGSM, FGSM_MARGIN, NETWORK, PGD, PGD_MARGIN, SQUARE, TRANSFER_FROM

if TYPE_CHECKING:
    from prunesweep.workers.analyses.robustness.evidence import EpsilonOutcome, Evidence, NetworkEvidence

# A rule is broken by chance in at most this share of cases; there are about twenty comparisons a network.
ALPHA = 0.001
# Shares of the images by which a rule may be broken without alarm: searches with few steps find no more than that less.
TOLERANCE = 0.02
# Networks trained with mixed or smoothed labels withstand cross-entropy by some points more, and honestly so.
LOSS_TOLERANCE = 0.1
# Long training leaves some images with a loss so small that fp32 has no gradient of it.
VANISHING_TOLERANCE = 0.1

LOSS_PAIRS = ((FGSM, FGSM_MARGIN), (PGD, PGD_MARGIN))
STEP_PAIRS = ((FGSM, PGD), (FGSM_MARGIN, PGD_MARGIN))
WHITE_BOX = (FGSM, FGSM_MARGIN, PGD, PGD_MARGIN)


@dataclass(frozen=True)
class Check:
    """One comparison that a rule asks for.

    ``share`` of ``images`` are against it, as many or more by chance with probability ``p``; ``line`` says it in words.
    """

    rule: str
    broken: bool
    share: float
    p: float
    images: int
    line: str

    def to_json(self) -> dict[str, str | float | int | bool]:
        return dict(vars(self))


def check_rules(evidence: Evidence, name: str = NETWORK) -> list[Check]:
    """All comparisons of one of the evidence's networks, broken and unbroken."""
    network = evidence.networks[name]
    return [
        *_never_rises(network),
        *_steps_are_stronger(network),
        *_white_box_is_strongest(network),
        *_everything_fools(network, evidence),
        *_losses_agree(network),
        *_gradients_are_there(network, evidence),
    ]


def _never_rises(network: NetworkEvidence) -> Iterator[Check]:
    """A larger ball holds the smaller one."""
    for attack in WHITE_BOX:
        for smaller, larger in pairwise(sorted(_epsilons(network, attack))):
            less, more = network.outcome(attack, smaller), network.outcome(attack, larger)
            yield _paired(
                "accuracy never rises with ε",
                more,
                less,
                f"{attack} leaves {{share:.1%}} more at {in_levels(larger)} than at {in_levels(smaller)}",
                TOLERANCE,
            )


def _steps_are_stronger(network: NetworkEvidence) -> Iterator[Check]:
    """Many small steps find at least what a large one does."""
    for one, many in STEP_PAIRS:
        for epsilon in sorted(_epsilons(network, one) & _epsilons(network, many)):
            yield _paired(
                "PGD ≤ FGSM",
                network.outcome(many, epsilon),
                network.outcome(one, epsilon),
                f"{many} leaves {{share:.1%}} more than {one} at {in_levels(epsilon)}",
                TOLERANCE,
            )


def _white_box_is_strongest(network: NetworkEvidence) -> Iterator[Check]:
    """Who sees the gradients finds at least what those find who do not."""
    for outcome in network.outcomes:
        if outcome.attack != SQUARE and not outcome.attack.startswith(TRANSFER_FROM):
            continue
        white = [network.outcome(attack, outcome.epsilon) for attack in WHITE_BOX if _has(network, attack, outcome)]
        if len(white) < len(WHITE_BOX):
            continue  # images of others at an ε at which PGD was not run
        attacked = np.logical_and.reduce([each.attacked for each in white])
        standing = np.logical_and.reduce([network.clean, *(each.correct for each in white)]) & attacked
        # Square sees only what stands, of the images that PGD saw at every ε.
        images = _subset(network) if outcome.attack == SQUARE else int(attacked.sum())
        fooled = int((standing & outcome.attacked & ~outcome.correct).sum())
        yield _share(
            "black-box ≥ white-box",
            fooled,
            images,
            TOLERANCE,
            f"{outcome.attack} fools {{share:.1%}} of the images at {in_levels(outcome.epsilon)} "
            "that no attack by gradients does",
        )


def _everything_fools(network: NetworkEvidence, evidence: Evidence) -> Iterator[Check]:
    """Within ε = 0.5 every image can be made the same grey."""
    for attack in (PGD, PGD_MARGIN):
        outcome = network.outcome(attack, evidence.everything)
        left, images = int((outcome.correct & outcome.attacked).sum()), int(outcome.attacked.sum())
        line = f"{attack} leaves {{share:.1%}} at {evidence.everything:g}, where chance is {1 / evidence.classes:.1%}"
        yield _share("at most chance at ε ≥ 0.5", left, images, 1 / evidence.classes, line)


def _losses_agree(network: NetworkEvidence) -> Iterator[Check]:
    """Large logits blunt cross-entropy, and leave the margin loss as it is."""
    for entropy, margin in LOSS_PAIRS:
        for epsilon in sorted(_epsilons(network, entropy) & _epsilons(network, margin)):
            yield _paired(
                "the margin loss finds what cross-entropy does",
                network.outcome(entropy, epsilon),
                network.outcome(margin, epsilon),
                f"{entropy} leaves {{share:.1%}} more than {margin} at {in_levels(epsilon)}",
                LOSS_TOLERANCE,
            )


def _gradients_are_there(network: NetworkEvidence, evidence: Evidence) -> Iterator[Check]:
    """Without a gradient there is nothing to follow."""
    images = int((network.smallest > 0).sum())  # those of the subset that are classified rightly
    for loss, share in network.vanishing.items():
        line = f"the {loss.replace('_', '-')} loss has no gradient on {{share:.1%}} of the images"
        yield _share("gradients do not vanish", round(share * images), images, VANISHING_TOLERANCE, line)


def _paired(
    rule: str, should_be_less: EpsilonOutcome, should_be_more: EpsilonOutcome, line: str, tolerance: float
) -> Check:
    """Whether an attack leaves more images than it should: one-sided exact McNemar on those that both saw."""
    both = should_be_less.attacked & should_be_more.attacked
    against, for_it = _discordant(should_be_less.correct[both], should_be_more.correct[both])
    images = int(both.sum())
    share = (against - for_it) / max(1, images)
    p = float(binom.sf(against - 1, against + for_it, 0.5))
    return Check(rule, share > tolerance and p < ALPHA, share, p, images, line.format(share=share))


def _discordant(ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> tuple[int, int]:
    return int((ours & ~theirs).sum()), int((~ours & theirs).sum())


def _share(rule: str, count: int, images: int, allowed: float, line: str) -> Check:
    """Whether a share is above what is allowed: exact, one-sided binomial test."""
    share = count / max(1, images)
    p = float(binom.sf(count - 1, images, allowed))
    return Check(rule, share > allowed and p < ALPHA, share, p, images, line.format(share=share))


def _epsilons(network: NetworkEvidence, attack: str) -> set[float]:
    return {outcome.epsilon for outcome in network.outcomes if outcome.attack == attack}


def _has(network: NetworkEvidence, attack: str, outcome: EpsilonOutcome) -> bool:
    return outcome.epsilon in _epsilons(network, attack)


def _subset(network: NetworkEvidence) -> int:
    """How many images the dear attacks are made on."""
    return len(network.smallest)


def in_levels(epsilon: float) -> str:
    """An ε as people read it, in levels of a pixel."""
    return f"{epsilon * 255:.3g}/255"


def broken(checks: Sequence[Check]) -> list[str]:
    """The alarms: rule and figures of each broken comparison, one line each."""
    return [f"{check.rule}: {check.line} (p = {check.p:.1g})" for check in checks if check.broken]
