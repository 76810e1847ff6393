"""A centred black square, drawn in [0, 1] and so before the network's normalisation."""

from torch import Tensor

from sweeps.attacks import Occlusion
from workers.attacks.subject import Evaluation, Outcome, Subject


def occlusion(subject: Subject, settings: Occlusion) -> Evaluation:
    """Accuracy at each side of the square."""
    return Evaluation(
        outcomes=tuple(_outcome(subject, side) for side in settings.sides_on(subject.side)),
        headline_severity=float(settings.headline_on(subject.side)),
    )


def _outcome(subject: Subject, side: int) -> Outcome:
    def attacked(batch: slice) -> Tensor:
        return occlude(subject.pixels(batch), side)

    return Outcome("occlusion", float(side), subject.correct(attacked))


def occlude(images: Tensor, side: int) -> Tensor:
    """The images (N, 3, H, W) with a centred square of zeros, ``side`` pixels wide, in place."""
    first = (images.shape[-1] - side) // 2
    images[..., first : first + side, first : first + side] = 0
    return images
