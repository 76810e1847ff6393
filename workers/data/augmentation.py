"""Random crops and horizontal flips, as batched tensor operations on the images' device."""

import torch
from torch import Tensor
from torch.nn.functional import pad


def augment(images: Tensor, *, padding: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Crop each image at a random position of its zero-padded copy, and mirror it with probability ½.

    Args:
        images: uint8 (N, 3, H, W) on any device.
        padding: pixels of zero padding on each side, at least 0.
        flip: whether to mirror images at all.
        generator: a generator on the CPU, so that the numbers drawn are the same for every device.

    Returns:
        uint8 (N, 3, H, W), a new tensor.
    """
    count, _, height, width = images.shape
    tops, lefts = torch.randint(0, 2 * padding + 1, (2, count), generator=generator)
    mirrored = torch.rand(count, generator=generator) < 0.5 if flip else torch.zeros(count, dtype=torch.bool)
    columns = torch.arange(width).expand(count, width)
    columns = torch.where(mirrored[:, None], width - 1 - columns, columns) + lefts[:, None]
    rows = torch.arange(height).expand(count, height) + tops[:, None]
    device = images.device
    padded = pad(images, (padding, padding, padding, padding))
    batch = torch.arange(count, device=device)[:, None, None, None]
    channels = torch.arange(images.shape[1], device=device)[None, :, None, None]
    return padded[batch, channels, rows.to(device)[:, None, :, None], columns.to(device)[:, None, None, :]]
