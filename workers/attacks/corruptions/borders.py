"""What lies beyond an image's border: integer positions outside 0 … size − 1, folded back inside."""

from collections.abc import Callable

import torch
from torch import Tensor

Fold = Callable[[Tensor, int], Tensor]


def nearest(position: Tensor, size: int) -> Tensor:
    """``aaa|abcd|ddd``: the outermost pixel goes on (ImageMagick's and SciPy's usual border)."""
    return position.clamp(0, size - 1)


def mirror(position: Tensor, size: int) -> Tensor:
    """``dcb|abcd|cba``: mirrored at the outermost pixel (OpenCV's usual border)."""
    phase = position.remainder(2 * size - 2)
    return torch.minimum(phase, 2 * size - 2 - phase)


def symmetric(position: Tensor, size: int) -> Tensor:
    """``cba|abcd|dcb``: mirrored at the border itself (what SciPy calls ``reflect``)."""
    phase = position.remainder(2 * size)
    return torch.minimum(phase, 2 * size - 1 - phase)
