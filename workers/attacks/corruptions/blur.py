"""The blur family: defocus, glass, motion and zoom blur.

The constants are CIFAR-10-C's, severities 1 to 5 (Hendrycks & Dietterich 2019).
"""

from collections import Counter

import numpy as np
import torch
from torch import Tensor

from workers.attacks.corruptions import motion
from workers.attacks.corruptions.borders import mirror, nearest
from workers.attacks.corruptions.draws import Draws
from workers.attacks.corruptions.filters import correlate, gaussian_blur, gaussian_weights
from workers.attacks.corruptions.pixels import to_levels, to_unit
from workers.attacks.corruptions.zoom import clipped_zoom, zoom_sides

DEFOCUS_RADIUS_AND_SOFTNESS = ((0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1))
GLASS_SIGMA_AND_ROUNDS = ((0.05, 1), (0.25, 1), (0.4, 1), (0.25, 2), (0.4, 2))
MOTION_RADIUS_AND_SIGMA = ((6, 1.0), (6, 1.5), (6, 2.0), (8, 2.0), (9, 2.5))
ZOOM_FACTORS = tuple(np.arange(1, end, 0.01).tolist() for end in (1.06, 1.11, 1.16, 1.21, 1.26))


def defocus_blur(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Blur by a disk, the image of a point out of focus."""
    radius, softness = DEFOCUS_RADIUS_AND_SOFTNESS[severity - 1]
    return to_levels(correlate(to_unit(images), _disk(radius, softness), mirror))


def _disk(radius: float, softness: float) -> Tensor:
    """A disk's pixels (K, K), summing to one, its rim softened by a 3×3 Gaussian of ``softness`` pixels.

    In float32, as published: flat areas keep their level only because the sum is a trace more than one.
    """
    reach = int(radius) + 1
    offsets = torch.arange(-reach, reach + 1)
    inside = (offsets[:, None] ** 2 + offsets**2 <= radius**2).float()
    centre, side = gaussian_weights(softness, 1)
    line = torch.tensor([side, centre, side])
    return correlate(inside / inside.sum(), line[:, None] * line, nearest)


def glass_blur(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Look through structured glass: blur, let every pixel take the place of a neighbour, and blur again.

    The published loop means to swap pixels. Its two sides are views of one array, however, and so it copies
    the neighbour; and as it walks from the bottom right while neighbours lie up and left, no copy sees an
    earlier one. A round is therefore one gather.
    """
    sigma, rounds = GLASS_SIGMA_AND_ROUNDS[severity - 1]
    blurred = to_levels(gaussian_blur(to_unit(images), sigma, nearest))
    for _ in range(rounds):
        blurred = _take_neighbours(blurred, draws)
    return to_levels(gaussian_blur(to_unit(blurred), sigma, nearest))


def _take_neighbours(images: Tensor, draws: Draws) -> Tensor:
    """Each pixel but the first two rows' and columns' becomes itself or a neighbour above, left or both."""
    size = images.shape[-1]
    column_shift, row_shift = draws.uniform(-1, 1, 2, size - 2, size - 2).floor_().long().unbind(1)
    moved = torch.arange(2, size, device=images.device)
    source = torch.arange(size * size, device=images.device).view(size, size).repeat(len(images), 1, 1)
    source[:, 2:, 2:] = (moved[:, None] + row_shift) * size + moved + column_shift
    pixels = images.flatten(2)
    return pixels.gather(2, source.flatten(1)[:, None].expand_as(pixels)).view_as(images)


def motion_blur(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Blur along a line at most 45 degrees from the horizontal."""
    radius, sigma = MOTION_RADIUS_AND_SIGMA[severity - 1]
    return motion.motion_blur(images, radius, sigma, draws.uniform(-45, 45))


def zoom_blur(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Average the image with its enlargements, as if it came nearer; the sum is in float32, as published."""
    unit = to_unit(images)
    factors = ZOOM_FACTORS[severity - 1]
    total = torch.zeros_like(unit, dtype=torch.float32)
    for sides, count in Counter(zoom_sides(images.shape[-1], factor) for factor in factors).items():
        zoomed = clipped_zoom(unit, *sides).float()
        for _ in range(count):
            total += zoomed
    return to_levels((unit.float() + total) / (len(factors) + 1))
