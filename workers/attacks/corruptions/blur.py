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

# The disk is drawn on at least so many pixels to each side; the rim of a larger one is softened twice as far.
DISK_REACH = 8


def defocus_blur(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Blur by a disk, the image of a point out of focus."""
    radius, softness = constants.blur.defocus[severity - 1]
    return to_levels(correlate(images, _disk(radius, softness), mirror))


def _disk(radius: float, softness: float) -> Tensor:
    """A disk's pixels (K, K), summing to one, its rim softened by a 3×3 or 5×5 Gaussian of ``softness`` pixels.

    In float32, as published: whether the sum is a trace more or less than one decides what level a flat area keeps.
    """
    reach = max(DISK_REACH, math.ceil(radius))
    offsets = torch.arange(-reach, reach + 1)
    inside = (offsets[:, None] ** 2 + offsets**2 <= radius**2).float()
    rim = gaussian_weights(softness, 1 if radius <= DISK_REACH else 2)
    return smooth(inside / inside.sum(), rim, mirror)


def glass_blur(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Look through structured glass: blur, let every pixel take the place of a neighbour, and blur again.

    The published loop means to swap pixels. Its two sides are views of one array, however, and so it copies
    the neighbour.
    """
    sigma, reach, rounds = constants.blur.glass[severity - 1]
    blurred = to_levels(gaussian_blur(to_unit(images), sigma, nearest))
    for _ in range(rounds):
        blurred = _take_neighbours(blurred, reach, draws)
    return to_levels(gaussian_blur(to_unit(blurred), sigma, nearest))


def _take_neighbours(images: Tensor, reach: int, draws: Draws) -> Tensor:
    """Each pixel but those near the border becomes one that is −reach … reach − 1 columns and rows away."""
    size = images.shape[-1]
    inner = size - 2 * reach
    column_shift, row_shift = draws.uniform(-reach, reach, 2, inner, inner).floor_().long().unbind(1)
    moved = torch.arange(reach + 1, size - reach + 1, device=images.device)
    own = torch.arange(size * size, device=images.device).expand(len(images), -1)
    taken = own.reshape(-1, size, size).clone()
    taken[:, reach + 1 : size - reach + 1, reach + 1 : size - reach + 1] = (
        (moved[:, None] + row_shift) * size + moved + column_shift
    )
    pixels = images.flatten(2)
    source = _through_earlier_copies(taken.flatten(1), own)
    return pixels.gather(2, source[:, None].expand_as(pixels)).view_as(images)


def _through_earlier_copies(taken: Tensor, own: Tensor) -> Tensor:
    """Where each pixel's level comes from in the end, (N, pixels), if all are copied from ``taken`` one by one.

    The published loop walks from the last pixel to the first. What it copies from a later pixel is therefore what that
    one took before; the chains of such copies are followed by doubling.
    """
    onward = torch.where(taken > own, taken, own)
    while not torch.equal(onward, further := onward.gather(1, onward)):
        onward = further
    return taken.gather(1, onward)


def motion_blur(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Blur along a line at most 45 degrees from the horizontal."""
    radius, sigma = constants.blur.motion[severity - 1]
    return motion.motion_blur(images, radius, sigma, draws.uniform(-45, 45))


def zoom_blur(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Average the image with its enlargements, as if it came nearer; the sum is in float32, as published."""
    unit = to_unit(images.movedim((-2, -1), (0, 1)).contiguous())
    factors = constants.blur.zoom[severity - 1]
    total = torch.zeros_like(unit, dtype=torch.float32)
    for sides, count in Counter(zoom_sides(images.shape[-1], factor) for factor in factors).items():
        zoomed = clipped_zoom(unit, *sides).float()
        for _ in range(count):
            total += zoomed
    return to_levels((unit.float() + total) / (len(factors) + 1)).movedim((0, 1), (-2, -1))
