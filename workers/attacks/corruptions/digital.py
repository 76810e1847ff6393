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

PILLOW_BITS = 22  # Pillow averages with fixed-point weights of this many fractional bits


def contrast(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Move all levels of an image towards the mean of their channel."""
    height, width = images.shape[-2:]
    total = images.sum((2, 3), keepdim=True, dtype=torch.int64)  # integers, whose sum is the same in any order
    mean = total / torch.tensor(255 * height * width, dtype=torch.float64)
    return to_levels((to_unit(images) - mean) * constants.digital.contrast[severity - 1] + mean)


def elastic_transform(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Distort the image by an affine map that moves three of its points, then by a smooth random field."""
    size = images.shape[-1]
    stretch, sigma, shift = (size * share for share in constants.digital.elastic[severity - 1])
    moves = draws.uniform(-shift, shift, 3, 2)
    field = gaussian_blur(draws.uniform(-1, 1, 2, size, size), sigma, symmetric, truncate=3) * stretch
    mapped = _map_affinely(to_unit(images), moves)
    columns, rows = _pixel_positions(mapped)
    stretched = _sample(mapped, columns + field[:, 0], rows + field[:, 1], mirrored_at_pixels=False)
    return to_levels(stretched.float())


def _map_affinely(unit: Tensor, moves: Tensor) -> Tensor:
    """Apply to each image the affine map that moves three corners of a square in its middle by ``moves``.

    Args:
        unit: images in [0, 1], float64 (N, 3, H, H).
        moves: how far each corner is moved, in columns and in rows, (N, 3, 2).
    """
    size = unit.shape[-1]
    near, far = size // 2 - size // 3, size // 2 + size // 3
    corners = torch.tensor([[far, far], [far, near], [near, near]], dtype=torch.float64)
    moved = functional.pad(corners + moves.cpu(), (0, 1), value=1)
    to_source = torch.linalg.solve(moved, corners).to(unit.device)
    from_column, from_row, offset = to_source[..., None, None].unbind(1)
    columns, rows = _pixel_positions(unit)
    source = columns * from_column + rows * from_row + offset
    return _sample(unit, source[:, 0], source[:, 1], mirrored_at_pixels=True).float().double()


def _pixel_positions(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the columns (1, W) and rows (H, 1) of all pixels, float64."""
    height, width = images.shape[-2:]
    columns = torch.arange(width, dtype=torch.float64, device=images.device)
    rows = torch.arange(height, dtype=torch.float64, device=images.device)
    return columns[None, :], rows[:, None]


def _sample(images: Tensor, columns: Tensor, rows: Tensor, *, mirrored_at_pixels: bool) -> Tensor:
    """Interpolate images linearly at fractional positions; beyond its border, an image continues as its mirror image.

    Args:
        images: (N, 3, H, H).
        columns: the fractional column to sample for each pixel of the result, (N, H, H).
        rows: the fractional row to sample for each pixel of the result, (N, H, H).
        mirrored_at_pixels: whether to mirror at the centres of the outermost pixels, instead of half a pixel further
            out at the border itself.
    """
    size = images.shape[-1]
    positions = torch.stack([columns, rows], dim=-1)
    grid = 2 * positions / (size - 1) - 1 if mirrored_at_pixels else (2 * positions + 1) / size - 1
    return functional.grid_sample(images, grid, padding_mode="reflection", align_corners=mirrored_at_pixels)


def pixelate(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Shrink the image by averaging over boxes and enlarge it by repeating pixels."""
    size = images.shape[-1]
    small = int(size * constants.digital.pixelate[severity - 1])
    boxes = _pixels_in_boxes(size, small).to(images.device)
    rows = _box_means(images.float() @ boxes.T, boxes)
    shrunk = _box_means((boxes @ rows).mT, boxes).mT.to(torch.uint8)
    box = (2 * torch.arange(size, device=images.device) + 1) * small // (2 * size)
    return shrunk.index_select(-2, box).index_select(-1, box)


def _pixels_in_boxes(size: int, small: int) -> Tensor:
    """Return a matrix, float32 (small, size), that is 1 where the box of a row averages the pixel of a column, else 0.

    A box averages the pixels whose centres lie inside it or on its right edge. Centres lie on edges only at some odd
    sizes, at which Pillow's rounding may decide otherwise.

    Args:
        size: the number of pixels along a side of the image.
        small: the number of boxes along a side of the image.
    """
    box, pixels = torch.arange(small)[:, None], torch.arange(size)
    first = (2 * box * size + small) // (2 * small)
    last = (2 * (box + 1) * size - small) // (2 * small)
    return ((first <= pixels) & (pixels <= last)).float()


def _box_means(totals: Tensor, boxes: Tensor) -> Tensor:
    """Return the mean level of each box, rounded as Pillow does, float32 (..., small).

    Args:
        totals: the sum of each box's levels, (..., small). The sums are integers that float32 holds exactly, so the
            order of summation does not matter.
        boxes: the result of ``_pixels_in_boxes``.
    """
    weights = torch.round(2.0**PILLOW_BITS / boxes.sum(1)).int()
    return ((totals.int() * weights + (1 << PILLOW_BITS - 1)) >> PILLOW_BITS).float()


def jpeg_compression(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Compress each image as JPEG and decode it again."""
    pixels = images.permute(0, 2, 3, 1).cpu().numpy().copy()
    for image in pixels:
        image[:] = _compress(image, constants.digital.jpeg_quality[severity - 1])
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).to(images.device)


def _compress(pixels: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return an image (H, W, 3) after JPEG compression and decoding."""
    height, width, _ = pixels.shape
    file = io.BytesIO()
    Image.frombytes("RGB", (width, height), pixels.tobytes()).save(file, "JPEG", quality=quality)
    file.seek(0)
    decoded = JpegImageFile(file)  # Image.open would first have to detect the format
    return np.frombuffer(decoded.tobytes(), np.uint8).reshape(pixels.shape)
