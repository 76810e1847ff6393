"""The digital family: contrast, elastic transform, pixelation and JPEG compression."""

import io

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile
from torch import Tensor
from torch.nn import functional

from prunesweep.workers.attacks.corruptions.borders import symmetric
from prunesweep.workers.attacks.corruptions.constants import Constants
from prunesweep.workers.attacks.corruptions.draws import Draws
from prunesweep.workers.attacks.corruptions.linear_filters import gaussian_blur
from prunesweep.workers.attacks.corruptions.pixels import to_levels, to_unit

PILLOW_BITS = 22  # Pillow averages with whole weights, shares of so many bits


def contrast(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Move all levels towards their channel's mean."""
    height, width = images.shape[-2:]
    total = images.sum((2, 3), keepdim=True, dtype=torch.int64)  # whole numbers: the same in any order
    mean = total / torch.tensor(255 * height * width, dtype=torch.float64)
    return to_levels((to_unit(images) - mean) * constants.digital.contrast[severity - 1] + mean)


def elastic_transform(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Bend the image by moving three of its points, then stretch it along a smooth random field."""
    size = images.shape[-1]
    stretch, sigma, shift = (size * share for share in constants.digital.elastic[severity - 1])
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


def pixelate(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Shrink the image by averaging over boxes and enlarge it by repeating pixels."""
    size = images.shape[-1]
    small = int(size * constants.digital.pixelate[severity - 1])
    boxes = _boxes(size, small).to(images.device)
    rows = _means(images.float() @ boxes.T, boxes)
    shrunk = _means((boxes @ rows).mT, boxes).mT.to(torch.uint8)
    box = (2 * torch.arange(size, device=images.device) + 1) * small // (2 * size)
    return shrunk.index_select(-2, box).index_select(-1, box)


def _boxes(size: int, small: int) -> Tensor:
    """Which of ``size`` pixels each of ``small`` boxes averages: 0 or 1, float32 (small, size).

    A box covers the pixels whose centres it does, a centre on its right rim included. At some odd sizes, where
    centres do lie on rims, Pillow's rounding decides otherwise.
    """
    box, pixels = torch.arange(small)[:, None], torch.arange(size)
    first = (2 * box * size + small) // (2 * small)
    last = (2 * (box + 1) * size - small) // (2 * small)
    return ((first <= pixels) & (pixels <= last)).float()


def _means(totals: Tensor, boxes: Tensor) -> Tensor:
    """The mean levels, rounded as Pillow does, of boxes whose levels add up to ``totals`` (..., small); the same shape.

    Totals are whole numbers that float32 holds exactly, so that they are the same in any order.
    """
    weights = torch.round(2.0**PILLOW_BITS / boxes.sum(1)).int()
    return ((totals.int() * weights + (1 << PILLOW_BITS - 1)) >> PILLOW_BITS).float()


def jpeg_compression(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Through JPEG and back, image by image."""
    pixels = images.permute(0, 2, 3, 1).cpu().numpy().copy()
    for image in pixels:
        image[:] = _through_jpeg(image, constants.digital.jpeg_quality[severity - 1])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).to(images.device)


def _through_jpeg(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    height, width, _ = pixels.shape
    file = io.BytesIO()
    Image.frombytes("RGB", (width, height), pixels.tobytes()).save(file, "JPEG", quality=quality)
    file.seek(0)
    decoded = JpegImageFile(file)  # Image.open would first have to guess the format
    return np.frombuffer(decoded.tobytes(), np.uint8).reshape(pixels.shape)
