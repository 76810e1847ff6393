"""The fast gradient sign method (Goodfellow et al. 2015, eq. in §4): x + ε · sign(∇ₓ loss), kept in [0, 1]."""

from collections.abc import Iterator

from torch import Tensor, nn

from prunesweep.sweeps.attacks import Fgsm
from prunesweep.workers.attacks.losses import gradient_signs
from prunesweep.workers.attacks.subject import Evaluation, Outcome, Subject


def fgsm(subject: Subject, settings: Fgsm) -> Evaluation:
    """Accuracy at each ε. The sign does not depend on ε, so one gradient serves all."""

    def attacked(batch: slice) -> Iterator[Tensor]:
        images, signs = subject.pixels(batch), subject.gradient_signs(batch)
        return (step(images, signs, epsilon) for epsilon in settings.epsilons)

    return Evaluation(
        outcomes=tuple(
            Outcome("fgsm", epsilon, correct)
            for epsilon, correct in zip(settings.epsilons, subject.correct_each(attacked), strict=True)
        ),
        headline_severity=settings.headline,
    )


def step(images: Tensor, signs: Tensor, epsilon: float) -> Tensor:
    """One step of length ε along the signs, images and result in [0, 1]."""
    return (images + epsilon * signs).clamp_(0, 1)


def fgsm_images(
    network: nn.Module, images: Tensor, labels: Tensor, *, epsilon: float, loss: str = "cross_entropy"
) -> Tensor:
    """The attacked images, float32 (N, 3, H, W) in [0, 1] as ``images``; ``labels``: the true classes, int64 (N,).

    The network stays in the mode that the caller set, and its parameters get no gradient. ``loss`` is a name of
    ``prunesweep.workers.attacks.losses.LOSSES``.
    """
    signs, _ = gradient_signs(network, images, labels, loss)
    return step(images, signs, epsilon)
