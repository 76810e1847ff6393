"""The fast gradient sign method (Goodfellow et al. 2015, eq. in §4): x + ε · sign(∇ₓ loss), kept in [0, 1]."""

from torch import Tensor

from sweeps.attacks import Fgsm
from workers.attacks.subject import Evaluation, Outcome, Subject


def fgsm(subject: Subject, settings: Fgsm) -> Evaluation:
    """Accuracy at each ε. The sign does not depend on ε, so one gradient serves all."""
    return Evaluation(
        outcomes=tuple(_outcome(subject, epsilon) for epsilon in settings.epsilons),
        headline_severity=settings.headline,
    )


def _outcome(subject: Subject, epsilon: float) -> Outcome:
    def attacked(batch: slice) -> Tensor:
        return step(subject.pixels(batch), subject.gradient_signs[batch], epsilon)

    return Outcome("fgsm", epsilon, subject.correct(attacked))


def step(images: Tensor, signs: Tensor, epsilon: float) -> Tensor:
    """One step of length ε along the signs, images and result in [0, 1]."""
    return (images + epsilon * signs).clamp_(0, 1)
