"""Attacks on a network that use its own gradients and logits, and the adversarial images that the attacks find."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from prunesweep.results_store.verdict_names import AUTOATTACK, FGSM, FGSM_MARGIN, PGD, PGD_MARGIN, SQUARE
from prunesweep.sweeps.analyses import Effort
from prunesweep.workers.analyses.robustness.evidence import EpsilonOutcome, ImageFlags
from prunesweep.workers.attacks.autoattack import autoattack_images
from prunesweep.workers.attacks.fgsm import fgsm_step
from prunesweep.workers.attacks.losses import LOSSES, gradient_signs, input_gradient, logit_margins, misclassified
from prunesweep.workers.attacks.pgd import pgd_images
from prunesweep.workers.attacks.square import square_images
from prunesweep.workers.attacks.subject import LARGE_IMAGE_BATCH, LARGE_SIDE, VANISHING_GRADIENT
from prunesweep.workers.attacks.worst_case import Search

# Fixed like the batch size of evaluations, but smaller, because compared networks are in memory together.
COMPARISON_BATCH = 100


@dataclass(frozen=True)
class AttackSample:
    """Test images to attack.

    Attributes:
        images: float32 (N, 3, H, W) in [0, 1].
        labels: true classes, int64 (N,).
        indices: positions of the images in the test set, int64 (N,), on the CPU.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def part(self, chosen: Tensor) -> "AttackSample":
        """Return the chosen images, with their labels and indices.

        Args:
            chosen: mask of the images to return, bool (N,), on the CPU.
        """
        there = chosen.to(self.images.device)
        return AttackSample(self.images[there], self.labels[there], self.indices[chosen])

    def batches(self) -> Iterator["AttackSample"]:
        """Yield the images in batches of a fixed size."""
        size = COMPARISON_BATCH if self.images.shape[-1] < LARGE_SIDE else LARGE_IMAGE_BATCH
        for start in range(0, len(self), size):
            one = slice(start, start + size)
            yield AttackSample(self.images[one], self.labels[one], self.indices[one])


@dataclass(frozen=True)
class CraftedImages:
    """The adversarial images of one attack within one ε.

    Attributes:
        epsilon: radius of the L∞ ball, in [0, 1].
        attacked: mask of the images of the sample that were attacked, bool (N,).
        images: the attacked images after the attack, float32 (attacked, 3, H, W) in [0, 1].
    """

    epsilon: float
    attacked: Tensor
    images: Tensor


@dataclass(frozen=True)
class OwnAttackOutcomes:
    """The outcomes of a network under the attacks that use its own gradients and logits.

    Attributes:
        clean: as in ``NetworkEvidence``.
        outcomes: as in ``NetworkEvidence``.
        crafted: the adversarial images of all attacks, which are later given to other networks.
        vanishing: as in ``NetworkEvidence``.
        logit_margin: as in ``NetworkEvidence``.
    """

    clean: ImageFlags
    outcomes: tuple[EpsilonOutcome, ...]
    crafted: tuple[CraftedImages, ...]
    vanishing: Mapping[str, float]
    logit_margin: float


@dataclass(frozen=True)
class Radii:
    """The ε within which networks are attacked; ``Evidence`` explains them.

    Attributes:
        graded: the ε at which gains are taken, ascending; ``epsilons`` in ``Evidence``.
        far: an ε at which only a network with masked gradients stays correct on any image.
        everything: an ε within which every image can be made grey.
        headline: the ε that sweeps report for FGSM.
    """

    graded: tuple[float, ...]
    far: float
    everything: float
    headline: float


def attack_alone(
    network: nn.Module, sample: AttackSample, subset: Tensor, radii: Radii, effort: Effort
) -> OwnAttackOutcomes:
    """Attack a network by means of its own gradients and logits, and return the outcomes.

    FGSM attacks all images within each graded ε and ``headline``, and the subset within ``far``. PGD attacks all images
    within each graded ε, and the subset within ``far`` and ``everything``. Square attacks the images of the subset that
    remain correctly classified, within the largest graded ε and within ``far``, because its few queries find nothing
    within a smaller ε. AutoAttack attacks those of the first ``effort.autoattack`` images of the subset that remain
    correctly classified, within the largest graded ε.

    Args:
        network: images in [0, 1] to logits, in evaluation mode.
        sample: the test images.
        subset: mask of the images for the expensive attacks, bool (N,), on the CPU.
        radii: the ε of the attacks.
        effort: numbers of steps, restarts, queries and images.
    """
    every_image = torch.ones(len(sample), dtype=torch.bool)
    clean, margin = _clean(network, sample)
    run = _AttackRun(network, sample)
    run.fgsm(every_image, {*radii.graded, radii.headline})
    run.fgsm(subset, {radii.far} - {*radii.graded, radii.headline})
    for epsilon in radii.graded:
        run.pgd(every_image, epsilon, effort)
    for epsilon in sorted({radii.far, radii.everything}):
        run.pgd(subset, epsilon, effort)
    for epsilon in (max(radii.graded), radii.far):
        run.square(subset & clean & run.remaining(epsilon), epsilon, effort.queries)
    if effort.autoattack:
        largest = max(radii.graded)
        first = subset & (subset.cumsum(0) <= effort.autoattack)
        run.autoattack(first & clean & run.remaining(largest), largest)
    vanishing = _vanishing(network, sample, subset & clean)
    return OwnAttackOutcomes(clean.numpy(), tuple(run.outcomes), tuple(run.crafted), vanishing, margin)


def attack_by_transfer(
    network: nn.Module, sample: AttackSample, crafted: tuple[CraftedImages, ...], attack: str
) -> list[EpsilonOutcome]:
    """Return the outcomes of a network on images that were crafted on another network, one outcome for each ε.

    A network counts as fooled by an image if it misclassifies any of the adversarial images that were crafted from the
    image within ε.

    Args:
        network: the network that classifies the images.
        sample: the test images.
        crafted: adversarial images of the other network.
        attack: the name of the attack in the outcomes, such as ``transfer_from_baseline``.
    """
    outcomes = []
    for epsilon in sorted({found.epsilon for found in crafted}):
        correct = torch.ones(len(sample), dtype=torch.bool)
        attacked = torch.zeros(len(sample), dtype=torch.bool)
        for found in (found for found in crafted if found.epsilon == epsilon):
            shown = sample.part(found.attacked)
            correct[found.attacked] &= ~_misclassified(network, AttackSample(found.images, shown.labels, shown.indices))
            attacked |= found.attacked
        outcomes.append(EpsilonOutcome(attack, epsilon, correct.numpy(), attacked.numpy()))
    return outcomes


class _AttackRun:
    """Several attacks on one network, whose outcomes and adversarial images are collected."""

    def __init__(self, network: nn.Module, sample: AttackSample) -> None:
        self._network = network
        self._sample = sample
        self.outcomes: list[EpsilonOutcome] = []
        self.crafted: list[CraftedImages] = []

    def remaining(self, epsilon: float) -> Tensor:
        """Return a mask, bool (N,), of the images that no attack so far has fooled within ε."""
        left = [torch.from_numpy(outcome.correct) for outcome in self.outcomes if outcome.epsilon == epsilon]
        return torch.stack(left).all(0)

    def fgsm(self, attacked: Tensor, epsilons: set[float]) -> None:
        """Attack with FGSM on both losses.

        The signs of the gradient do not depend on ε, so they are computed once per loss for all ε.
        """
        some = self._sample.part(attacked)
        for name, loss in ((FGSM, "cross_entropy"), (FGSM_MARGIN, "margin")) if epsilons else ():
            parts = [gradient_signs(self._network, part.images, part.labels, loss)[0] for part in some.batches()]
            signs = torch.cat(parts)
            for epsilon in sorted(epsilons):
                images = fgsm_step(some.images, signs, epsilon)
                fooled = _misclassified(self._network, AttackSample(images, some.labels, some.indices))
                self._note(name, epsilon, attacked, images, fooled)

    def pgd(self, attacked: Tensor, epsilon: float, effort: Effort) -> None:
        """Attack with PGD on both losses."""
        for name, loss in ((PGD, "cross_entropy"), (PGD_MARGIN, "margin")):
            search = partial(
                pgd_images, self._network, epsilon=epsilon, steps=effort.steps, restarts=effort.restarts, loss=loss
            )
            self._search(name, epsilon, attacked, search)

    def square(self, attacked: Tensor, epsilon: float, queries: int) -> None:
        """Attack with the Square Attack."""
        self._search(SQUARE, epsilon, attacked, partial(square_images, self._network, epsilon=epsilon, queries=queries))

    def autoattack(self, attacked: Tensor, epsilon: float) -> None:
        """Attack with AutoAttack."""

        def search(images: Tensor, labels: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
            return autoattack_images(self._network, images, labels, epsilon=epsilon)

        self._search(AUTOATTACK, epsilon, attacked, search)

    def _search(self, attack: str, epsilon: float, attacked: Tensor, search: Search) -> None:
        some = self._sample.part(attacked)
        found = [search(part.images, part.labels, part.indices) for part in some.batches()]
        images = torch.cat([images for images, _ in found]) if found else some.images
        fooled = torch.cat([fooled for _, fooled in found]).cpu() if found else torch.zeros(0, dtype=torch.bool)
        self._note(attack, epsilon, attacked, images, fooled)

    def _note(self, attack: str, epsilon: float, attacked: Tensor, images: Tensor, fooled: Tensor) -> None:
        correct = torch.ones(len(self._sample), dtype=torch.bool)
        correct[attacked] = ~fooled
        self.outcomes.append(EpsilonOutcome(attack, epsilon, correct.numpy(), attacked.numpy()))
        self.crafted.append(CraftedImages(epsilon, attacked, images))


def _clean(network: nn.Module, sample: AttackSample) -> tuple[Tensor, float]:
    """Return a mask of the correctly classified images, bool (N,) on the CPU, and the mean logit margin."""
    with torch.inference_mode():
        parts = [(network(part.images), part.labels) for part in sample.batches()]
    correct = torch.cat([~misclassified(logits, labels) for logits, labels in parts]).cpu()
    margins = torch.cat([logit_margins(logits, labels) for logits, labels in parts])
    return correct, margins.double().mean().item()


def _misclassified(network: nn.Module, sample: AttackSample) -> Tensor:
    """Return a mask of the misclassified images, bool (N,) on the CPU."""
    with torch.inference_mode():
        parts = [misclassified(network(part.images), part.labels).cpu() for part in sample.batches()]
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.bool)


def _vanishing(network: nn.Module, sample: AttackSample, chosen: Tensor) -> dict[str, float]:
    """Return, by loss, the share of the chosen images on which the gradient vanishes.

    The gradient vanishes if every component is below ``VANISHING_GRADIENT``. The share is 0 if no image is chosen.
    """
    some = sample.part(chosen)
    shares = {}
    for loss in LOSSES:
        largest = [_largest_gradient(network, part, loss) for part in some.batches()]
        shares[loss] = float(np.mean((torch.cat(largest) < VANISHING_GRADIENT).cpu().numpy())) if largest else 0.0
    return shares


def _largest_gradient(network: nn.Module, sample: AttackSample, loss: str) -> Tensor:
    """Return the largest absolute component of a loss's gradient for each image, (N,)."""
    gradient, _ = input_gradient(network, sample.images, sample.labels, loss)
    return gradient.abs().amax((1, 2, 3)).nan_to_num(0.0)
