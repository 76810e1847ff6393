"""Projected gradient descent in the L∞ ball (Madry et al. 2018, eq. 2): many small FGSM steps from a random start."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from prunesweep.sweeps.attacks import Pgd
from prunesweep.workers.attacks.losses import gradient_signs, misclassified
from prunesweep.workers.attacks.subject import Evaluation, Subject
from prunesweep.workers.attacks.worst_case import Search, evaluation
from prunesweep.workers.random_streams import stream

# As in Madry et al.: the steps together reach 2.5 times as far as the ball, so that each point of it can be reached.
REACH = 2.5


def pgd(subject: Subject, settings: Pgd) -> Evaluation:
    """Accuracy at each ε; an image counts as fooled where any iterate of any restart fools the network."""

    def search_at(epsilon: float) -> Search:
        return partial(
            pgd_images,
            subject.network,
            epsilon=epsilon,
            steps=settings.steps,
            step_size=settings.step_size,
            restarts=settings.restarts,
            loss=settings.loss,
            random_start=settings.random_start,
            check_stop=subject.check_stop,
        )

    return evaluation("pgd", subject, settings, search_at)


def pgd_images(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    indices: Tensor,
    *,
    epsilon: float,
    steps: int,
    step_size: float | None = None,
    restarts: int = 1,
    loss: str = "cross_entropy",
    random_start: bool = True,
    last_iterate: bool = False,
    check_stop: Callable[[], None] = lambda: None,
) -> tuple[Tensor, Tensor]:
    """Images within ε of ``images`` that raise the loss, and which of them fool the network.

    An image is done as soon as an iterate fools the network, and leaves the batch: that is at least as strong as to
    look at the last iterate alone, and several times faster. An image that the network gets wrong as it is needs no
    attack. ``last_iterate`` is the plain algorithm instead, in which every image takes every step and the last
    iterate is what counts: what adversarial training wants, and what foolbox and torchattacks do.

    Args:
        network: images to logits; in the mode (evaluation, training) that the caller set. Its parameters get no
            gradient.
        images: float32 (N, 3, H, W) in [0, 1].
        labels: the true classes, int64 (N,).
        indices: (N,) names each image's random stream, so that its start does not depend on those beside it.
        epsilon: the ball's radius, in (0, 1].
        steps: of each restart, 1 or more.
        step_size: left out, 2.5 · ε / steps.
        restarts: 1 or more, each from a random start of its own; only images that are not fooled yet take part.
        loss: a name of ``prunesweep.workers.attacks.losses.LOSSES``.
        random_start: uniform in the ball; else the image itself, and then one restart is all there is.
        check_stop: called before each step; may raise.

    Returns:
        float32 (N, 3, H, W) in [0, 1], of images not fooled the last iterate; bool (N,).
    """
    walk = _Walk(network, loss, epsilon, REACH * epsilon / steps if step_size is None else step_size, steps, check_stop)
    adversarial = images.clone()
    fooled = torch.zeros(len(images), dtype=torch.bool, device=images.device)
    if not last_iterate:
        fooled = walk.fooled(images, labels)
    for restart in range(restarts):
        left = torch.nonzero(~fooled)[:, 0]
        if len(left) == 0:
            break
        start = images[left]
        if random_start:
            start = (start + epsilon * _random_starts(indices[left.to(indices.device)], restart, start)).clamp_(0, 1)
        run = walk.to_the_end if last_iterate else walk.until_fooled
        adversarial[left], fooled[left] = run(start, images[left], labels[left])
    return adversarial, fooled


def _random_starts(indices: Tensor, restart: int, like: Tensor) -> Tensor:
    """Uniform in [−1, 1), an image from its own stream; the same for every ε, so that their outcomes are paired."""
    streams = (stream("pgd", restart, index) for index in indices.tolist())
    unit = torch.stack([torch.rand(like.shape[1:], generator=source) for source in streams])
    return unit.to(like.device).mul_(2).sub_(1)


@dataclass(frozen=True)
class _Walk:
    """Steps of one length along the gradient's signs, each brought back into the ball and into [0, 1]."""

    network: nn.Module
    loss: str
    epsilon: float
    step_size: float
    steps: int
    check_stop: Callable[[], None]

    def fooled(self, images: Tensor, labels: Tensor) -> Tensor:
        with torch.inference_mode():
            wrong = misclassified(self.network(images), labels)
        return wrong.clone()

    def to_the_end(self, start: Tensor, centre: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The last iterate, and which of them fool."""
        here = start
        for _ in range(self.steps):
            self.check_stop()
            signs, _ = gradient_signs(self.network, here, labels, self.loss)
            here = self._moved(here, signs, centre)
        return here, self.fooled(here, labels)

    def until_fooled(self, start: Tensor, centre: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """The first iterate that fools, or the last; and which of them fool."""
        ends = start.clone()
        fooled = torch.zeros(len(start), dtype=torch.bool, device=start.device)
        walking = torch.arange(len(start), device=start.device)
        here = start
        for _ in range(self.steps):
            self.check_stop()
            signs, logits = gradient_signs(self.network, here, labels, self.loss)
            wrong = misclassified(logits, labels)
            ends[walking[wrong]], fooled[walking[wrong]] = here[wrong], True
            walking, labels, centre = walking[~wrong], labels[~wrong], centre[~wrong]
            if len(walking) == 0:
                return ends, fooled
            here = self._moved(here[~wrong], signs[~wrong], centre)
        ends[walking], fooled[walking] = here, self.fooled(here, labels)
        return ends, fooled

    def _moved(self, here: Tensor, signs: Tensor, centre: Tensor) -> Tensor:
        moved = here + self.step_size * signs
        return (centre + (moved - centre).clamp_(-self.epsilon, self.epsilon)).clamp_(0, 1)
