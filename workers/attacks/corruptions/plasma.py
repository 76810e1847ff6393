"""Plasma fractals: clouds by the diamond-square algorithm (Fournier, Fussell & Carpenter 1982)."""

import math

from torch import Tensor

INITIAL_AMPLITUDE = 100.0


def plasma_fractal(noise: Tensor, decay: float) -> Tensor:
    """Return random height maps whose opposite borders match.

    Each new height is the mean of its neighbours plus noise. The amplitude of the noise is divided by ``decay``
    whenever the distance between neighbours is halved. As in the published code of the corruptions, the noise is
    multiplied by the square of the amplitude.

    Args:
        noise: uniform in [-1, 1), float64 (N, S * S - 1), where S is a power of two.
        decay: the divisor of the amplitude.

    Returns:
        The heights, float64 (N, S, S) in [0, 1].
    """
    size = math.isqrt(noise.shape[1] + 1)
    heights = noise.new_zeros(len(noise), size, size)
    step, amplitude, used = size, INITIAL_AMPLITUDE, 0
    while step > 1:
        cells = size // step
        level = noise[:, used : used + 3 * cells**2].view(-1, 3, cells, cells) * amplitude**2
        _refine(heights, step, level)
        used += 3 * cells**2
        step //= 2
        amplitude /= decay
    heights -= heights.amin((1, 2), keepdim=True)
    return heights / heights.amax((1, 2), keepdim=True)


def _refine(heights: Tensor, step: int, noise: Tensor) -> None:
    """Set the heights halfway between points that are ``step`` apart: the centres of squares, then of diamonds."""
    half = step // 2
    corners = heights[:, ::step, ::step]
    right, below = corners.roll(-1, 2), corners.roll(-1, 1)
    centres = (corners + right + below + below.roll(-1, 2)) / 4 + noise[:, 0]
    heights[:, half::step, half::step] = centres
    heights[:, ::step, half::step] = (centres + centres.roll(1, 1) + corners + right) / 4 + noise[:, 1]
    heights[:, half::step, ::step] = (centres + centres.roll(1, 2) + corners + below) / 4 + noise[:, 2]
