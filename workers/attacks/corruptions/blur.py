"""The blur family: defocus, glass, motion and zoom blur."""

import math
from collections import Counter

import torch
from torch import Tensor

from prunesweep.workers.attacks.corruptions import motion
from prunesweep.workers.attacks.corruptions.borders import mirror, nearest
from prunesweep.workers.attacks.corruptions.constants import Constants
from prunesweep.workers.attacks.corruptions.draws import Draws
from prunesweep.workers.attacks.corruptions.linear_filters import correlate, gaussian_blur, gaussian_weights, smooth
from prunesweep.workers.attacks.corruptions.pixels import to_levels, to_unit
from prunesweep.workers.attacks.corruptions.zoom import clipped_zoom, zoom_sides

# The kernel of the disk reaches at least this many pixels to each side. If the disk's radius is larger, its rim is
# softened by a 5×5 Gaussian instead of a 3×3 one.
MIN_DISK_REACH = 8


def defocus_blur(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Blur by a disk, which is the image of a point out of focus."""
    radius, softness = constants.blur.defocus[severity - 1]
    return to_levels(correlate(images, _disk_kernel(radius, softness), mirror))


def _disk_kernel(radius: float, softness: float) -> Tensor:
    """Return the kernel of a disk, float32 (K, K), which sums to one.

    The published code computes it in float32, too. Whether rounding makes the sum slightly larger or smaller than one
    decides which level a uniform area gets.

    Args:
        radius: the disk's radius in pixels.
        softness: standard deviation in pixels of the 3×3 or 5×5 Gaussian that softens the disk's rim.
    """
    reach = max(MIN_DISK_REACH, math.ceil(radius))
    offsets = torch.arange(-reach, reach + 1)
    inside = (offsets[:, None] ** 2 + offsets**2 <= radius**2).float()
    rim = gaussian_weights(softness, 1 if radius <= MIN_DISK_REACH else 2)
    return smooth(inside / inside.sum(), rim, mirror)


def glass_blur(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Imitate structured glass: blur, replace every pixel by a random neighbour, and blur again.

    The published loop is meant to swap each pixel with its neighbour. However, both sides of its assignment are views
    of one array, so it only copies the neighbour.
    """
    sigma, max_shift, rounds = constants.blur.glass[severity - 1]
    blurred = to_levels(gaussian_blur(to_unit(images), sigma, nearest))
    for _ in range(rounds):
        blurred = _copy_neighbours(blurred, max_shift, draws)
    return to_levels(gaussian_blur(to_unit(blurred), sigma, nearest))


def _copy_neighbours(images: Tensor, max_shift: int, draws: Draws) -> Tensor:
    """Replace each pixel that is not near the border by a random neighbour.

    Args:
        images: levels, uint8 (N, C, H, H).
        max_shift: the neighbour is −max_shift … max_shift − 1 rows and columns away.
        draws: the random numbers of the images.
    """
    size = images.shape[-1]
    inner = size - 2 * max_shift
    column_shift, row_shift = draws.uniform(-max_shift, max_shift, 2, inner, inner).floor_().long().unbind(1)
    inner_positions = torch.arange(max_shift + 1, size - max_shift + 1, device=images.device)
    own = torch.arange(size * size, device=images.device).expand(len(images), -1)
    copied_from = own.reshape(-1, size, size).clone()
    copied_from[:, max_shift + 1 : size - max_shift + 1, max_shift + 1 : size - max_shift + 1] = (
        (inner_positions[:, None] + row_shift) * size + inner_positions + column_shift
    )
    pixels = images.flatten(2)
    source = _follow_copies(copied_from.flatten(1), own)
    return pixels.gather(2, source[:, None].expand_as(pixels)).view_as(images)


def _follow_copies(copied_from: Tensor, own: Tensor) -> Tensor:
    """Return for each pixel the position from which its level finally comes, if pixels are overwritten one by one.

    The published loop goes from the last pixel to the first. When a pixel copies a later pixel, that pixel has
    therefore been overwritten already. Chains of such copies are followed by pointer doubling.

    Args:
        copied_from: the flat position that each pixel copies, int64 (N, pixels).
        own: each pixel's own flat position, int64 (N, pixels).

    Returns:
        Flat positions, int64 (N, pixels).
    """
    chain = torch.where(copied_from > own, copied_from, own)
    while not torch.equal(chain, further := chain.gather(1, chain)):
        chain = further
    return copied_from.gather(1, chain)


def motion_blur(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Blur along a line in a random direction that is at most 45 degrees from the horizontal."""
    radius, sigma = constants.blur.motion[severity - 1]
    return motion.motion_blur(images, radius, sigma, draws.uniform(-45, 45))


def zoom_blur(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Average the image with enlargements of it, as if the object came nearer; the sum is in float32, as published."""
    unit = to_unit(images.movedim((-2, -1), (0, 1)).contiguous())
    factors = constants.blur.zoom[severity - 1]
    total = torch.zeros_like(unit, dtype=torch.float32)
    for sides, count in Counter(zoom_sides(images.shape[-1], factor) for factor in factors).items():
        zoomed = clipped_zoom(unit, *sides).float()
        for _ in range(count):
            total += zoomed
    return to_levels((unit.float() + total) / (len(factors) + 1)).movedim((0, 1), (-2, -1))
