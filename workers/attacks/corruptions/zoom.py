"""Enlarging the middle of an image by linear interpolation between its outermost pixels' centres, as SciPy does."""

import math

import torch
from torch import Tensor


def clipped_zoom(images: Tensor, crop: int, zoomed: int) -> Tensor:
    """The middle ``crop`` pixels of square float64 images (..., H, H), enlarged to ``zoomed`` >= H and trimmed to H."""
    size = images.shape[-1]
    trim = (zoomed - size) // 2
    position = torch.arange(trim, trim + size, dtype=torch.float64, device=images.device)
    position = (position * ((crop - 1) / (zoomed - 1))).clamp_(max=crop - 1)  # rounding may lead beyond the last pixel
    middle = images.narrow(-2, (size - crop) // 2, crop).narrow(-1, (size - crop) // 2, crop)
    return _interpolate(_interpolate(middle, position, -2), position, -1)


def zoom_sides(size: int, factor: float) -> tuple[int, int]:
    """The sides ``(crop, zoomed)`` in whole pixels that stand for ``factor`` >= 1; nearby factors share theirs."""
    crop = math.ceil(size / factor)
    return crop, round(crop * factor)


def _interpolate(images: Tensor, position: Tensor, dim: int) -> Tensor:
    below, above = position.floor().long(), position.ceil().long()
    share = position - below if dim == -1 else (position - below)[:, None]
    return images.index_select(dim, below) * (1 - share) + images.index_select(dim, above) * share
