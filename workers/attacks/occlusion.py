"""Occlusion by a centred black square, which is drawn before the network normalises the image."""

from collections.abc import Iterator

from torch import Tensor

from prunesweep.sweeps.attacks import Occlusion
from prunesweep.workers.attacks.subject import Evaluation, Outcome, Subject


def occlusion(subject: Subject, settings: Occlusion) -> Evaluation:
    """Evaluate the network on images with a black square, once for each length of the square's side."""
    sides = settings.sides_on(subject.side)

    def attacked(batch: slice) -> Iterator[Tensor]:
        return (occlude(subject.pixels(batch), side) for side in sides)

    return Evaluation(
        outcomes=tuple(
            Outcome("occlusion", float(side), correct)
            for side, correct in zip(sides, subject.correct_under_each(attacked), strict=True)
        ),
        headline_severity=float(settings.headline_on(subject.side)),
    )


def occlude(images: Tensor, side: int) -> Tensor:
    """Set a centred square of the images (N, 3, H, W) to 0 in place, and return the images.

    Args:
        images: float (N, 3, H, W) with H == W, changed in place.
        side: the side of the square in pixels.
    """
    first = (images.shape[-1] - side) // 2
    images[..., first : first + side, first : first + side] = 0
    return images
