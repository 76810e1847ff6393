"""Plasma fractals: clouds by the diamond-square algorithm (Fournier, Fussell & Carpenter 1982)."""

import math

from torch import Tensor

FIRST_WIBBLE = 100.0


def plasma_fractal(noise: Tensor, decay: float) -> Tensor:
    """Height maps float64 (N, S, S) in [0, 1], where S is a power of two; their borders join.

    ``noise`` (N, S * S - 1) is uniform in [-1, 1). With every halving of the step, the wibble that is added
    to the neighbours' mean shrinks by ``decay``; as in the published code, it enters squared.
    """
    size = math.isqrt(noise.shape[1] + 1)
    heights = noise.new_zeros(len(noise), size, size)
    step, wibble, used = size, FIRST_WIBBLE, 0
    while step > 1:
        cells = size // step
        level = noise[:, used : used + 3 * cells**2].view(-1, 3, cells, cells) * wibble**2
        _refine(heights, step, level)
        used += 3 * cells**2
        step //= 2
        wibble /= decay
    heights -= heights.amin((1, 2), keepdim=True)
    return heights / heights.amax((1, 2), keepdim=True)


def _refine(heights: Tensor, step: int, noise: Tensor) -> None:
    """Set the points halfway between those that are ``step`` apart: squares' centres, then diamonds' ones."""
    half = step // 2
    corners = heights[:, ::step, ::step]
    right, below = corners.roll(-1, 2), corners.roll(-1, 1)
    centres = (corners + right + below + below.roll(-1, 2)) / 4 + noise[:, 0]
    heights[:, half::step, half::step] = centres
    heights[:, ::step, half::step] = (centres + centres.roll(1, 1) + corners + right) / 4 + noise[:, 1]
    heights[:, half::step, ::step] = (centres + centres.roll(1, 2) + corners + below) / 4 + noise[:, 2]
