"""Projected gradient descent in the L∞ ball (Madry et al. 2018, eq. 2): many small FGSM steps from a random start."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from prunesweep.sweeps.attacks import Pgd
from prunesweep.workers.attacks.losses import gradient_signs, misclassified
from prunesweep.workers.attacks.subject import Evaluation, Subject
from prunesweep.workers.attacks.worst_case import Search, evaluate_epsilons
from prunesweep.workers.random_streams import stream

# As in Madry et al.: all steps together are 2.5 radii long, so that every point of the ball can be reached.
REACH = 2.5


def pgd(subject: Subject, settings: Pgd) -> Evaluation:
    """Evaluate the network under PGD within each ε; PGD succeeds if any iterate of an image is misclassified."""

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

    return evaluate_epsilons("pgd", subject, settings, search_at)


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
    """Return images within ε of ``images`` that raise the loss, and a mask of those that fool the network.

    An image leaves the batch as soon as one of its iterates fools the network. This is at least as strong an attack as
    one in which the last iterate alone counts, and several times faster. An image that is misclassified without an
    attack is not attacked. If ``last_iterate`` is true, neither holds.

    Args:
        network: the network, from images to logits. It runs in the mode (evaluation or training) that the caller set,
            and its parameters get no gradient.
        images: float32 (N, 3, H, W) in [0, 1].
        labels: the true classes, int64 (N,).
        indices: (N,), the index of each image in its data set. An image's random starts depend on its index, not on
            the rest of the batch.
        epsilon: the radius of the ball, in (0, 1].
        steps: the number of steps in each restart, at least 1.
        step_size: the length of a step; None means 2.5 · ε / steps.
        restarts: the number of restarts, at least 1, each from a new random start. A restart attacks only the images
            that do not fool the network yet.
        loss: a key of ``prunesweep.workers.attacks.losses.LOSSES``.
        random_start: whether to start at a uniformly random point of the ball. Otherwise the start is the image itself,
            and one restart is enough.
        last_iterate: whether to run the textbook algorithm: every image takes every step, and only the last iterate
            counts. This is what adversarial training needs, and what foolbox and torchattacks do.
        check_stop: called before each step; it may raise to end the attack.

    Returns:
        The images, float32 (N, 3, H, W) in [0, 1], and a mask, bool (N,), of those that fool the network. If none of
        an image's iterates fools the network, the last iterate is returned.
    """
    descent = _Descent(
        network, loss, epsilon, REACH * epsilon / steps if step_size is None else step_size, steps, check_stop
    )
    adversarial = images.clone()
    fooled = torch.zeros(len(images), dtype=torch.bool, device=images.device)
    if not last_iterate:
        fooled = descent.find_fooled(images, labels)
    for restart in range(restarts):
        remaining = torch.nonzero(~fooled)[:, 0]
        if len(remaining) == 0:
            break
        start = images[remaining]
        if random_start:
            offsets = _random_offsets(indices[remaining.to(indices.device)], restart, start)
            start = (start + epsilon * offsets).clamp_(0, 1)
        run = descent.run_all_steps if last_iterate else descent.run_until_fooled
        adversarial[remaining], fooled[remaining] = run(start, images[remaining], labels[remaining])
    return adversarial, fooled


def _random_offsets(indices: Tensor, restart: int, images: Tensor) -> Tensor:
    """Draw each image's random start in the unit ball, uniform in [−1, 1), from the image's own random stream.

    The offsets are the same for every ε, so that the outcomes of different ε are paired.

    Args:
        indices: (N,), the index of each image in its data set, which selects its random stream.
        restart: the number of the restart, from 0.
        images: (N, 3, H, W). Only its shape and device are used.

    Returns:
        The offsets, float32 (N, 3, H, W).
    """
    streams = (stream("pgd", restart, index) for index in indices.tolist())
    unit = torch.stack([torch.rand(images.shape[1:], generator=source) for source in streams])
    return unit.to(images.device).mul_(2).sub_(1)


@dataclass(frozen=True)
class _Descent:
    """Steps of equal length along the signs of the gradient, each projected into the ball and into [0, 1]."""

    network: nn.Module
    loss: str
    epsilon: float
    step_size: float
    steps: int
    check_stop: Callable[[], None]

    def find_fooled(self, images: Tensor, labels: Tensor) -> Tensor:
        """Return a mask, bool (N,), of the images that are misclassified."""
        with torch.inference_mode():
            fooled = misclassified(self.network(images), labels)
        return fooled.clone()

    def run_all_steps(self, start: Tensor, clean: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last iterate of each image, and a mask, bool (N,), of the iterates that fool the network."""
        iterate = start
        for _ in range(self.steps):
            self.check_stop()
            signs, _ = gradient_signs(self.network, iterate, labels, self.loss)
            iterate = self._step(iterate, signs, clean)
        return iterate, self.find_fooled(iterate, labels)

    def run_until_fooled(self, start: Tensor, clean: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return for each image the first iterate that fools the network, or else the last iterate, and a mask.

        The mask, bool (N,), is true for the images with an iterate that fools the network.
        """
        adversarial = start.clone()
        fooled = torch.zeros(len(start), dtype=torch.bool, device=start.device)
        remaining = torch.arange(len(start), device=start.device)
        iterate = start
        for _ in range(self.steps):
            self.check_stop()
            signs, logits = gradient_signs(self.network, iterate, labels, self.loss)
            now_fooled = misclassified(logits, labels)
            adversarial[remaining[now_fooled]], fooled[remaining[now_fooled]] = iterate[now_fooled], True
            remaining, labels, clean = remaining[~now_fooled], labels[~now_fooled], clean[~now_fooled]
            if len(remaining) == 0:
                return adversarial, fooled
            iterate = self._step(iterate[~now_fooled], signs[~now_fooled], clean)
        adversarial[remaining], fooled[remaining] = iterate, self.find_fooled(iterate, labels)
        return adversarial, fooled

    def _step(self, iterate: Tensor, signs: Tensor, clean: Tensor) -> Tensor:
        """Return the iterate after one step, projected into the ball around the clean images and into [0, 1]."""
        moved = iterate + self.step_size * signs
        return (clean + (moved - clean).clamp_(-self.epsilon, self.epsilon)).clamp_(0, 1)
