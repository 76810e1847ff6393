"""The fast gradient sign method (Goodfellow et al. 2015, eq. in §4): x + ε · sign(∇ₓ loss), clipped to [0, 1]."""

from collections.abc import Iterator

from torch import Tensor, nn

from prunesweep.sweeps.attacks import Fgsm
from prunesweep.workers.attacks.losses import gradient_signs
from prunesweep.workers.attacks.subject import Evaluation, Outcome, Subject


def fgsm(subject: Subject, settings: Fgsm) -> Evaluation:
    """Evaluate the network under FGSM at each ε; one gradient is enough, because its signs do not depend on ε."""

    def attacked(batch: slice) -> Iterator[Tensor]:
        images, signs = subject.pixels(batch), subject.gradient_signs(batch)
        return (fgsm_step(images, signs, epsilon) for epsilon in settings.epsilons)

    return Evaluation(
        outcomes=tuple(
            Outcome("fgsm", epsilon, correct)
            for epsilon, correct in zip(settings.epsilons, subject.correct_under_each(attacked), strict=True)
        ),
        headline_severity=settings.headline,
    )


def fgsm_step(images: Tensor, signs: Tensor, epsilon: float) -> Tensor:
    """Return ``images`` plus ε times the signs, clipped to [0, 1]."""
    return (images + epsilon * signs).clamp_(0, 1)


def fgsm_images(
    network: nn.Module, images: Tensor, labels: Tensor, *, epsilon: float, loss: str = "cross_entropy"
) -> Tensor:
    """Return the images attacked by FGSM, float32 (N, 3, H, W) in [0, 1].

    Args:
        network: the network, from images to logits. It runs in the mode (evaluation or training) that the caller set,
            and its parameters get no gradient.
        images: float32 (N, 3, H, W) in [0, 1].
        labels: the true classes, int64 (N,).
        epsilon: the length of the step, in (0, 1].
        loss: a key of ``prunesweep.workers.attacks.losses.LOSSES``.
    """
    signs, _ = gradient_signs(network, images, labels, loss)
    return fgsm_step(images, signs, epsilon)
