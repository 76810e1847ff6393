"""ImageMagick's motion blur, which the published motion blur and snow are made with."""

import math

import torch
from torch import Tensor

from prunesweep.workers.attacks.corruptions.borders import nearest

Q16_PER_LEVEL = 257


def motion_blur(images: Tensor, radius: int, sigma: float, angles: Tensor) -> Tensor:
    """Levels uint8 (N, C, H, W) blurred along a line that starts at each pixel; the same shape and type.

    The line is ``2 * radius + 1`` pixels long, its weights are half a Gaussian of ``sigma`` pixels, and it
    points to ``angles`` (N,), in degrees clockwise from the right. ImageMagick computes with 16 bits a
    channel: it rounds there, and drops what is less than a level on the way back to 8 bits.
    """
    height, width = images.shape[-2:]
    pixels = images.flatten(2).to(torch.float64) * Q16_PER_LEVEL
    rows = torch.arange(height, device=images.device)[:, None]
    columns = torch.arange(width, device=images.device)
    right, down = torch.cos(torch.deg2rad(angles)), torch.sin(torch.deg2rad(angles))
    total = torch.zeros_like(pixels)
    for step, weight in enumerate(_weights(radius, sigma)):
        row = nearest(rows + _whole(step * down), height)
        column = nearest(columns + _whole(step * right), width)
        source = (row * width + column).flatten(1)[:, None].expand_as(pixels)
        total += pixels.gather(2, source).mul_(weight)
    levels = total.add_(0.5).floor_().div_(Q16_PER_LEVEL)
    return levels.to(torch.uint8).view_as(images)


def _weights(radius: int, sigma: float) -> list[float]:
    weights = [math.exp(-(step**2) / (2 * sigma**2)) for step in range(2 * radius + 1)]
    return [weight / sum(weights) for weight in weights]


def _whole(offsets: Tensor) -> Tensor:
    """Offsets (N,) rounded to whole pixels, halves downwards; (N, 1, 1)."""
    return torch.ceil(offsets - 0.5).long()[:, None, None]
