"""Sanity rules that a network obeys unless its robustness comes from hiding its gradients from the attacker.

After Athalye et al. 2018, "Obfuscated Gradients Give a False Sense of Security" (§3.1), and Carlini et al. 2019, "On
Evaluating Adversarial Robustness" (§5). An attack may miss adversarial images and the images are only a sample, so a
rule counts as broken only if the violation exceeds a tolerance and is statistically significant.
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

# The probability that chance alone breaks a rule in one comparison; there are about twenty comparisons per network.
ALPHA = 0.001
# Tolerated share of images that violate a rule: attacks with few steps miss about as many.
TOLERANCE = 0.02
# Networks trained with mixed or smoothed labels are more robust to cross-entropy by some points, without masking.
LOSS_TOLERANCE = 0.1
# After long training the loss of some images is so small that its gradient underflows in fp32.
VANISHING_TOLERANCE = 0.1

LOSS_PAIRS = ((FGSM, FGSM_MARGIN), (PGD, PGD_MARGIN))
STEP_PAIRS = ((FGSM, PGD), (FGSM_MARGIN, PGD_MARGIN))
WHITE_BOX = (FGSM, FGSM_MARGIN, PGD, PGD_MARGIN)


@dataclass(frozen=True)
class Check:
    """One comparison that tests a rule.

    Attributes:
        rule: the rule, in words.
        broken: whether the comparison breaks the rule.
        share: share of the images that violate the rule, in [0, 1]. If two attacks are compared, the share with the
            opposite result is subtracted, so that it is in [-1, 1].
        p: probability that chance alone gives at least as many violations.
        images: number of images that are compared.
        line: the result of the comparison, in words.
    """

    rule: str
    broken: bool
    share: float
    p: float
    images: int
    line: str

    def to_json(self) -> dict[str, str | float | int | bool]:
        """Return the attributes as JSON values."""
        return dict(vars(self))


def check_rules(evidence: Evidence, name: str = NETWORK) -> list[Check]:
    """Return all checks of one network of the evidence, whether the rules are broken or not."""
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
    """Check that accuracy never rises with ε, because a larger ball around an image contains the smaller one."""
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
    """Check that PGD fools as many images as FGSM, because many small steps find at least what one large step finds."""
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
    """Check that black-box attacks fool few images that white-box attacks miss, because gradients help the attacker."""
    for outcome in network.outcomes:
        if outcome.attack != SQUARE and not outcome.attack.startswith(TRANSFER_FROM):
            continue
        white = [network.outcome(attack, outcome.epsilon) for attack in WHITE_BOX if _has(network, attack, outcome)]
        if len(white) < len(WHITE_BOX):
            continue  # transferred images at an ε at which PGD was not run
        attacked = np.logical_and.reduce([each.attacked for each in white])
        standing = np.logical_and.reduce([network.clean, *(each.correct for each in white)]) & attacked
        # Square attacks only those images of the subset that no attack has fooled; the share is of the subset.
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
    """Check that the accuracy at ε = 0.5 is at most chance, because every image can be made the same grey there."""
    for attack in (PGD, PGD_MARGIN):
        outcome = network.outcome(attack, evidence.everything)
        correct, images = int((outcome.correct & outcome.attacked).sum()), int(outcome.attacked.sum())
        line = f"{attack} leaves {{share:.1%}} at {evidence.everything:g}, where chance is {1 / evidence.classes:.1%}"
        yield _share("at most chance at ε ≥ 0.5", correct, images, 1 / evidence.classes, line)


def _losses_agree(network: NetworkEvidence) -> Iterator[Check]:
    """Check that attacks on cross-entropy fool nearly as many images as attacks on the margin loss.

    Large logits weaken cross-entropy, but not the margin loss.
    """
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
    """Check that gradients vanish on few images, because an attack has nothing to follow where they vanish."""
    images = int((network.smallest > 0).sum())  # in the subset and correctly classified
    for loss, share in network.vanishing.items():
        line = f"the {loss.replace('_', '-')} loss has no gradient on {{share:.1%}} of the images"
        yield _share("gradients do not vanish", round(share * images), images, VANISHING_TOLERANCE, line)


def _paired(
    rule: str, should_be_less: EpsilonOutcome, should_be_more: EpsilonOutcome, line: str, tolerance: float
) -> Check:
    """Compare two attacks on the images that both attacked, by the one-sided exact McNemar test.

    Args:
        rule: the rule that the comparison tests, in words.
        should_be_less: outcome of the attack that should leave fewer images correct.
        should_be_more: outcome of the attack that should leave more images correct.
        line: the result in words, with a field for ``share``.
        tolerance: share of the images above which violations may break the rule.
    """
    both = should_be_less.attacked & should_be_more.attacked
    against, in_favour = _discordant(should_be_less.correct[both], should_be_more.correct[both])
    images = int(both.sum())
    share = (against - in_favour) / max(1, images)
    p = float(binom.sf(against - 1, against + in_favour, 0.5))
    return Check(rule, share > tolerance and p < ALPHA, share, p, images, line.format(share=share))


def _discordant(ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> tuple[int, int]:
    """Return the number of images on which only ``ours`` is correct, and that on which only ``theirs`` is."""
    return int((ours & ~theirs).sum()), int((~ours & theirs).sum())


def _share(rule: str, count: int, images: int, allowed: float, line: str) -> Check:
    """Check that the share ``count / images`` is not above ``allowed``, by the exact one-sided binomial test."""
    share = count / max(1, images)
    p = float(binom.sf(count - 1, images, allowed))
    return Check(rule, share > allowed and p < ALPHA, share, p, images, line.format(share=share))


def _epsilons(network: NetworkEvidence, attack: str) -> set[float]:
    return {outcome.epsilon for outcome in network.outcomes if outcome.attack == attack}


def _has(network: NetworkEvidence, attack: str, outcome: EpsilonOutcome) -> bool:
    return outcome.epsilon in _epsilons(network, attack)


def _subset(network: NetworkEvidence) -> int:
    """Return the number of images in the subset for the expensive attacks."""
    return len(network.smallest)


def in_levels(epsilon: float) -> str:
    """Return an ε as text in levels of a pixel, such as ``8/255``."""
    return f"{epsilon * 255:.3g}/255"


def broken(checks: Sequence[Check]) -> list[str]:
    """Return one line for each check that is broken, with the rule and the numbers."""
    return [f"{check.rule}: {check.line} (p = {check.p:.1g})" for check in checks if check.broken]
