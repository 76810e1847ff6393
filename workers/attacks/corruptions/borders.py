"""Rules for what lies beyond an image's border: they map positions outside 0 … size − 1 to positions inside."""

from collections.abc import Callable

import torch
from torch import Tensor

BorderRule = Callable[[Tensor, int], Tensor]
"""A function from integer positions and the size (pixels in a row or column) to positions in 0 … size − 1."""


def nearest(position: Tensor, size: int) -> Tensor:
    """Repeat the outermost pixel, ``aaa|abcd|ddd`` (the default of ImageMagick and SciPy)."""
    return position.clamp(0, size - 1)


def mirror(position: Tensor, size: int) -> Tensor:
    """Mirror at the outermost pixel, ``dcb|abcd|cba`` (the default of OpenCV)."""
    phase = position.remainder(2 * size - 2)
    return torch.minimum(phase, 2 * size - 2 - phase)


def symmetric(position: Tensor, size: int) -> Tensor:
    """Mirror at the border itself, ``cba|abcd|dcb`` (SciPy calls it ``reflect``)."""
    phase = position.remainder(2 * size)
    return torch.minimum(phase, 2 * size - 1 - phase)
