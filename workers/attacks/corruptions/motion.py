"""ImageMagick's motion blur, on which the published motion blur and snow are based."""

import math

import torch
from torch import Tensor

from prunesweep.workers.attacks.corruptions.borders import nearest

Q16_PER_LEVEL = 257


def motion_blur(images: Tensor, radius: int, sigma: float, angles: Tensor) -> Tensor:
    """Replace each pixel by the weighted mean of the pixels on a line that starts at it.

    ImageMagick computes with 16 bits per channel. It rounds the mean to 16 bits, and drops fractions of a level when it
    converts the mean back to 8 bits.

    Args:
        images: levels, uint8 (N, C, H, W).
        radius: the line is ``2 * radius + 1`` pixels long.
        sigma: standard deviation in pixels of the Gaussian, one half of which gives the weights along the line.
        angles: the line's direction for each image, (N,), in degrees clockwise from the right.

    Returns:
        The blurred levels, uint8 (N, C, H, W).
    """
    height, width = images.shape[-2:]
    pixels = images.flatten(2).to(torch.float64) * Q16_PER_LEVEL
    rows = torch.arange(height, device=images.device)[:, None]
    columns = torch.arange(width, device=images.device)
    right, down = torch.cos(torch.deg2rad(angles)), torch.sin(torch.deg2rad(angles))
    total = torch.zeros_like(pixels)
    for step, weight in enumerate(_line_weights(radius, sigma)):
        row = nearest(rows + _round_half_down(step * down), height)
        column = nearest(columns + _round_half_down(step * right), width)
        source = (row * width + column).flatten(1)[:, None].expand_as(pixels)
        total += pixels.gather(2, source).mul_(weight)
    levels = total.add_(0.5).floor_().div_(Q16_PER_LEVEL)
    return levels.to(torch.uint8).view_as(images)


def _line_weights(radius: int, sigma: float) -> list[float]:
    """Return the weights of the pixels on the line: half a Gaussian, with a sum of one."""
    weights = [math.exp(-(step**2) / (2 * sigma**2)) for step in range(2 * radius + 1)]
    return [weight / sum(weights) for weight in weights]


def _round_half_down(offsets: Tensor) -> Tensor:
    """Return offsets (N,) rounded to whole pixels, halves downwards, int64 (N, 1, 1)."""
    return torch.ceil(offsets - 0.5).long()[:, None, None]
