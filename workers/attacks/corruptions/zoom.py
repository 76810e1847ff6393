"""Enlarging the middle of an image by linear interpolation, aligned at the centres of the corner pixels."""

import math

import torch
from torch import Tensor


def clipped_zoom(images: Tensor, crop: int, zoomed: int) -> Tensor:
    """Return the middle of the images, enlarged and trimmed to the original size.

    The result is that of SciPy's ``zoom``, except at some sizes at which SciPy's rounding leaves a black border: here,
    the last pixel is repeated instead. Rows and columns are the first dimensions, so that the levels of all images at
    one position are copied together.

    Args:
        images: float64 (H, H, ...).
        crop: the side of the middle part in pixels.
        zoomed: the side to which that part is enlarged, at least H.
    """
    size = len(images)
    trim = (zoomed - size) // 2
    position = torch.arange(trim, trim + size, dtype=torch.float64, device=images.device)
    position *= (crop - 1) / (zoomed - 1)
    position.clamp_(max=crop - 1)  # rounding may lead beyond the last pixel
    middle = images.narrow(0, (size - crop) // 2, crop).narrow(1, (size - crop) // 2, crop)
    return _interpolate(_interpolate(middle, position, 0), position, 1)


def zoom_sides(size: int, factor: float) -> tuple[int, int]:
    """Return the arguments ``crop`` and ``zoomed`` of ``clipped_zoom`` for an enlargement, in whole pixels.

    Nearby factors may give the same sides.

    Args:
        size: the side of the images in pixels.
        factor: the enlargement, at least 1.
    """
    crop = math.ceil(size / factor)
    return crop, round(crop * factor)


def _interpolate(images: Tensor, position: Tensor, dim: int) -> Tensor:
    """Return the images interpolated linearly at fractional positions along one dimension."""
    below, above = position.floor().long(), position.ceil().long()
    share = (position - below).view(-1, *(1 for _ in images.shape[dim + 1 :]))
    return images.index_select(dim, below).mul_(1 - share).add_(images.index_select(dim, above).mul_(share))
