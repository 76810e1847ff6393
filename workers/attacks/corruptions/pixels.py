"""Conversion between 8-bit levels and floats in [0, 1], as in the program that made CIFAR-10-C."""

import torch
from torch import Tensor


def to_unit(images: Tensor) -> Tensor:
    """Return levels 0..255 (uint8, any shape) as float64 in [0, 1]."""
    return images.to(torch.float64) / 255


def to_levels(unit: Tensor) -> Tensor:
    """Return values (any float type and shape), clipped to [0, 1], as levels 0..255 (uint8).

    Fractions of a level are dropped, not rounded, as by the cast to ``np.uint8`` in that program.
    """
    return unit.clamp(0, 1).mul_(255).to(torch.uint8)
