"""Enlarging the middle of an image by linear interpolation, from outermost centre to outermost centre."""

import math

import torch
from torch import Tensor


def clipped_zoom(images: Tensor, crop: int, zoomed: int) -> Tensor:
    """The middle ``crop`` pixels of float64 images (H, H, ...), enlarged to ``zoomed`` >= H, trimmed to H.

    As SciPy's ``zoom``, but where its rounding leaves a black border at some sizes, the last pixel goes on. Rows and
    columns come first, so that the levels of all images at one place are copied together.
    """
    size = len(images)
    trim = (zoomed - size) // 2
    position = torch.arange(trim, trim + size, dtype=torch.float64, device=images.device)
    position *= (crop - 1) / (zoomed - 1)
    position.clamp_(max=crop - 1)  # rounding may lead beyond the last pixel
    middle = images.narrow(0, (size - crop) // 2, crop).narrow(1, (size - crop) // 2, crop)
    return _interpolate(_interpolate(middle, position, 0), position, 1)


def zoom_sides(size: int, factor: float) -> tuple[int, int]:
    """The sides (crop, zoomed) in whole pixels for ``factor`` >= 1; nearby factors share them."""
    crop = math.ceil(size / factor)
    return crop, round(crop * factor)


def _interpolate(images: Tensor, position: Tensor, dim: int) -> Tensor:
    below, above = position.floor().long(), position.ceil().long()
    share = (position - below).view(-1, *(1 for _ in images.shape[dim + 1 :]))
    return images.index_select(dim, below).mul_(1 - share).add_(images.index_select(dim, above).mul_(share))
