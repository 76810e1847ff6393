"""A centred black square, drawn in [0, 1] and so before the network's normalisation."""

from collections.abc import Iterator

from torch import Tensor

from prunesweep.sweeps.attacks import Occlusion
from prunesweep.workers.attacks.subject import Evaluation, Outcome, Subject


def occlusion(subject: Subject, settings: Occlusion) -> Evaluation:
    """Accuracy at each side of the square."""
    sides = settings.sides_on(subject.side)

    def attacked(batch: slice) -> Iterator[Tensor]:
        return (occlude(subject.pixels(batch), side) for side in sides)

    return Evaluation(
        outcomes=tuple(
            Outcome("occlusion", float(side), correct)
            for side, correct in zip(sides, subject.correct_each(attacked), strict=True)
        ),
        headline_severity=float(settings.headline_on(subject.side)),
    )


def occlude(images: Tensor, side: int) -> Tensor:
    """The images (N, 3, H, W) with a centred square of zeros, ``side`` pixels wide, in place."""
    first = (images.shape[-1] - side) // 2
    images[..., first : first + side, first : first + side] = 0
    return images
