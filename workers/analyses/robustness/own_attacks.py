"""One network under all attacks that are made on it, with the images that they found."""

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
from prunesweep.workers.attacks.fgsm import step
from prunesweep.workers.attacks.losses import LOSSES, gradient_signs, input_gradient, logit_margins, misclassified
from prunesweep.workers.attacks.pgd import pgd_images
from prunesweep.workers.attacks.square import square_images
from prunesweep.workers.attacks.subject import LARGE_IMAGE_BATCH, LARGE_SIDE, VANISHING
from prunesweep.workers.attacks.worst_case import Search

# Fixed, as that of evaluations; smaller, since networks that are compared are in memory together.
COMPARISON_BATCH = 100


@dataclass(frozen=True)
class AttackSample:
    """Images to attack.

    ``images``: float32 (N, 3, H, W) in [0, 1]; ``labels``: int64 (N,); ``indices``: (N,) in the test set, on the CPU.
    """

    images: Tensor
    labels: Tensor
    indices: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, chosen: Tensor) -> "AttackSample":
        """Some of them; ``chosen``: bool (N,) on the CPU."""
        there = chosen.to(self.images.device)
        return AttackSample(self.images[there], self.labels[there], self.indices[chosen])

    def batches(self) -> Iterator["AttackSample"]:
        size = COMPARISON_BATCH if self.images.shape[-1] < LARGE_SIDE else LARGE_IMAGE_BATCH
        for start in range(0, len(self), size):
            one = slice(start, start + size)
            yield AttackSample(self.images[one], self.labels[one], self.indices[one])


@dataclass(frozen=True)
class CraftedImages:
    """What one attack within one ε made of the images of ``attacked``, bool (N,): float32 (attacked, 3, H, W)."""

    epsilon: float
    attacked: Tensor
    images: Tensor


@dataclass(frozen=True)
class OwnAttackOutcomes:
    """One network's outcomes under its own attacks; see ``NetworkEvidence``."""

    clean: ImageFlags
    outcomes: tuple[EpsilonOutcome, ...]
    crafted: tuple[CraftedImages, ...]
    vanishing: Mapping[str, float]
    logit_margin: float


@dataclass(frozen=True)
class Radii:
    """The ε that are attacked within; see ``Evidence``."""

    graded: tuple[float, ...]
    far: float
    everything: float
    headline: float


def attack_alone(
    network: nn.Module, sample: AttackSample, subset: Tensor, radii: Radii, effort: Effort
) -> OwnAttackOutcomes:
    """Attacks one network by its own gradients and logits.

    FGSM and PGD see all images within each graded ε, and those of the subset within ``far`` and ``everything``. Square
    sees those images of the subset that they left standing, within the largest graded ε and ``far``: with so few
    queries it finds nothing nearer. AutoAttack sees the first so many of the subset within the largest graded ε, if
    they still stand. What is found is shown to the other networks by ``show``.

    Args:
        network: images in [0, 1] to logits, in evaluation mode.
        subset: bool (N,), on the CPU.
    """
    everyone = torch.ones(len(sample), dtype=torch.bool)
    clean, margin = _clean(network, sample)
    run = _Run(network, sample)
    run.fgsm(everyone, {*radii.graded, radii.headline})
    run.fgsm(subset, {radii.far} - {*radii.graded, radii.headline})
    for epsilon in radii.graded:
        run.pgd(everyone, epsilon, effort)
    for epsilon in sorted({radii.far, radii.everything}):
        run.pgd(subset, epsilon, effort)
    for epsilon in (max(radii.graded), radii.far):
        run.square(subset & clean & run.standing(epsilon), epsilon, effort.queries)
    if effort.autoattack:
        largest = max(radii.graded)
        first = subset & (subset.cumsum(0) <= effort.autoattack)
        run.autoattack(first & clean & run.standing(largest), largest)
    vanishing = _vanishing(network, sample, subset & clean)
    return OwnAttackOutcomes(clean.numpy(), tuple(run.outcomes), tuple(run.crafted), vanishing, margin)


def show(
    network: nn.Module, sample: AttackSample, crafted: tuple[CraftedImages, ...], attack: str
) -> list[EpsilonOutcome]:
    """What is left of the images when the network is shown those that were crafted on another, an outcome an ε."""
    outcomes = []
    for epsilon in sorted({found.epsilon for found in crafted}):
        correct = torch.ones(len(sample), dtype=torch.bool)
        attacked = torch.zeros(len(sample), dtype=torch.bool)
        for found in (found for found in crafted if found.epsilon == epsilon):
            shown = sample.part(found.attacked)
            correct[found.attacked] &= ~_wrong(network, AttackSample(found.images, shown.labels, shown.indices))
            attacked |= found.attacked
        outcomes.append(EpsilonOutcome(attack, epsilon, correct.numpy(), attacked.numpy()))
    return outcomes


class _Run:
    """Gathers the outcomes of attacks on one network, and the images that they made."""

    def __init__(self, network: nn.Module, sample: AttackSample) -> None:
        self._network = network
        self._sample = sample
        self.outcomes: list[EpsilonOutcome] = []
        self.crafted: list[CraftedImages] = []

    def standing(self, epsilon: float) -> Tensor:
        """Which images no attack so far fools within ε, bool (N,)."""
        left = [torch.from_numpy(outcome.correct) for outcome in self.outcomes if outcome.epsilon == epsilon]
        return torch.stack(left).all(0)

    def fgsm(self, attacked: Tensor, epsilons: set[float]) -> None:
        """On both losses. The signs do not depend on ε, so one gradient serves all."""
        some = self._sample.part(attacked)
        for name, loss in ((FGSM, "cross_entropy"), (FGSM_MARGIN, "margin")) if epsilons else ():
            parts = [gradient_signs(self._network, part.images, part.labels, loss)[0] for part in some.batches()]
            signs = torch.cat(parts)
            for epsilon in sorted(epsilons):
                images = step(some.images, signs, epsilon)
                fooled = _wrong(self._network, AttackSample(images, some.labels, some.indices))
                self._note(name, epsilon, attacked, images, fooled)

    def pgd(self, attacked: Tensor, epsilon: float, effort: Effort) -> None:
        """On both losses."""
        for name, loss in ((PGD, "cross_entropy"), (PGD_MARGIN, "margin")):
            search = partial(
                pgd_images, self._network, epsilon=epsilon, steps=effort.steps, restarts=effort.restarts, loss=loss
            )
            self._search(name, epsilon, attacked, search)

    def square(self, attacked: Tensor, epsilon: float, queries: int) -> None:
        self._search(SQUARE, epsilon, attacked, partial(square_images, self._network, epsilon=epsilon, queries=queries))

    def autoattack(self, attacked: Tensor, epsilon: float) -> None:
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
    """Which images are classified rightly, bool (N,) on the CPU, and the mean logit margin."""
    with torch.inference_mode():
        parts = [(network(part.images), part.labels) for part in sample.batches()]
    right = torch.cat([~misclassified(logits, labels) for logits, labels in parts]).cpu()
    margins = torch.cat([logit_margins(logits, labels) for logits, labels in parts])
    return right, margins.double().mean().item()


def _wrong(network: nn.Module, sample: AttackSample) -> Tensor:
    """Which images are misclassified, bool (N,) on the CPU."""
    with torch.inference_mode():
        parts = [misclassified(network(part.images), part.labels).cpu() for part in sample.batches()]
    return torch.cat(parts) if parts else torch.zeros(0, dtype=torch.bool)


def _vanishing(network: nn.Module, sample: AttackSample, asked: Tensor) -> dict[str, float]:
    """By loss, the share of the images asked for whose gradient is below ``VANISHING`` everywhere; 0 of none."""
    some = sample.part(asked)
    shares = {}
    for loss in LOSSES:
        largest = [_largest_gradient(network, part, loss) for part in some.batches()]
        shares[loss] = float(np.mean((torch.cat(largest) < VANISHING).cpu().numpy())) if largest else 0.0
    return shares


def _largest_gradient(network: nn.Module, sample: AttackSample, loss: str) -> Tensor:
    """Of each image, the largest component of a loss's gradient, (N,)."""
    gradient, _ = input_gradient(network, sample.images, sample.labels, loss)
    return gradient.abs().amax((1, 2, 3)).nan_to_num(0.0)
