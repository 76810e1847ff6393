"""The digital family: contrast, elastic transform, pixelation and JPEG compression.

The constants are CIFAR-10-C's, severities 1 to 5 (Hendrycks & Dietterich 2019).
"""

import io

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from torch import Tensor
from torch.nn import functional

from workers.attacks.corruptions.borders import symmetric
from workers.attacks.corruptions.draws import Draws
from workers.attacks.corruptions.filters import gaussian_blur
from workers.attacks.corruptions.pixels import to_levels, to_unit

CONTRAST_KEPT = (0.75, 0.5, 0.4, 0.3, 0.15)
# stretch, sigma and shift, as shares of the image's side
ELASTIC = ((0.0, 0.0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03))
PIXELATE_SIDE = (0.95, 0.9, 0.85, 0.75, 0.65)
JPEG_QUALITY = (80, 65, 58, 50, 40)


def contrast(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Move all levels towards their channel's mean."""
    height, width = images.shape[-2:]
    total = images.sum((2, 3), keepdim=True, dtype=torch.int64)  # whole numbers: the same in any order
    mean = total / torch.tensor(255 * height * width, dtype=torch.float64)
    return to_levels((to_unit(images) - mean) * CONTRAST_KEPT[severity - 1] + mean)


def elastic_transform(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Bend the image by moving three of its points, then stretch it along a smooth random field."""
    size = images.shape[-1]
    stretch, sigma, shift = (size * share for share in ELASTIC[severity - 1])
    moves = draws.uniform(-shift, shift, 3, 2)
    field = gaussian_blur(draws.uniform(-1, 1, 2, size, size), sigma, symmetric, truncate=3) * stretch
    bent = _bend(to_unit(images), moves)
    columns, rows = _positions(bent)
    stretched = _sample(bent, columns + field[:, 0], rows + field[:, 1], mirrored_at_pixels=False)
    return to_levels(stretched.float())


def _bend(unit: Tensor, moves: Tensor) -> Tensor:
    """The affine map that moves three corners of a square in the middle by ``moves`` (N, 3, 2), in pixels."""
    size = unit.shape[-1]
    near, far = size // 2 - size // 3, size // 2 + size // 3
    corners = torch.tensor([[far, far], [far, near], [near, near]], dtype=torch.float64)
    moved = functional.pad(corners + moves.cpu(), (0, 1), value=1)
    to_source = torch.linalg.solve(moved, corners).to(unit.device)
    from_column, from_row, offset = to_source[..., None, None].unbind(1)
    columns, rows = _positions(unit)
    source = columns * from_column + rows * from_row + offset
    return _sample(unit, source[:, 0], source[:, 1], mirrored_at_pixels=True).float().double()


def _positions(images: Tensor) -> tuple[Tensor, Tensor]:
    """The columns (1, W) and rows (H, 1) of all pixels."""
    height, width = images.shape[-2:]
    columns = torch.arange(width, dtype=torch.float64, device=images.device)
    rows = torch.arange(height, dtype=torch.float64, device=images.device)
    return columns[None, :], rows[:, None]


def _sample(images: Tensor, columns: Tensor, rows: Tensor, *, mirrored_at_pixels: bool) -> Tensor:
    """Square images interpolated linearly at columns and rows (N, H, H); beyond, they are mirrored.

    The mirror stands at the outermost pixels' centres, or half a pixel further out at the border itself.
    """
    size = images.shape[-1]
    place = torch.stack([columns, rows], dim=-1)
    grid = 2 * place / (size - 1) - 1 if mirrored_at_pixels else (2 * place + 1) / size - 1
    return functional.grid_sample(images, grid, padding_mode="reflection", align_corners=mirrored_at_pixels)


def pixelate(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Shrink the image by averaging over boxes and enlarge it by repeating pixels."""
    size = images.shape[-1]
    small = int(size * PIXELATE_SIDE[severity - 1])
    first, last = _box_ends(size, small, images.device)
    for dim in (-1, -2):
        images = _rounded_mean(images.index_select(dim, first), images.index_select(dim, last))
    return images


def _box_ends(size: int, small: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """For each pixel, the first and the last of the pixels that are averaged where it lies.

    A box is less than two pixels wide and so covers the centres of one or two, a centre on its right rim
    included. At some odd sizes, where centres do lie on rims, Pillow's rounding decides otherwise.
    """
    box = (2 * torch.arange(size, device=device) + 1) * small // (2 * size)
    first = (2 * box * size + small) // (2 * small)
    last = (2 * (box + 1) * size - small) // (2 * small)
    return first, last


def _rounded_mean(one: Tensor, other: Tensor) -> Tensor:
    """The mean of two uint8 tensors, halves rounded up, without leaving 8 bits."""
    return (one | other) - ((one ^ other) >> 1)


def jpeg_compression(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Through JPEG and back, image by image."""
    pixels = images.permute(0, 2, 3, 1).cpu().numpy().copy()
    for image in pixels:
        image[:] = _through_jpeg(image, JPEG_QUALITY[severity - 1])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).to(images.device)


def _through_jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=quality)
    file.seek(0)
    return np.asarray(JpegImageFile(file))  # Image.open would first have to guess the format
