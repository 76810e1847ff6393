"""Decodes image files to pixels, as ``sweeps/images/modes.py`` says."""

import io
import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from prunesweep.sweeps import git_lfs
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.modes import (
    MODES,
    ModeConversion,
    highest_level,
    is_negative,
    orientation_of,
    why_refused,
)

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Damaged Exif is left aside without a word. A filter around each image would not be safe with threads.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")
OF_ANY_SIZE = "to resize images of any size, set dataset.name to imagenet and dataset.size to a number of pixels"


@dataclass(frozen=True)
class DecodedImage:
    """One image in 8-bit RGB. ``highest``: where it was scaled from integers, the highest level among these."""

    image: Image.Image
    highest: int | None = None


def decode_images(encoded: Iterable[tuple[str, bytes]]) -> NDArray[np.uint8]:
    """Return uint8 (N, H, W, 3) of the (name, file content) pairs.

    Raises:
        DataError: one is no image, or of a mode that is refused, or not of the first one's size; the name says which.
            Or all are of 16 bits, with values that only 8 bits show.
    """
    images: list[NDArray[np.uint8]] = []
    names: list[str] = []
    highest: list[int | None] = []
    for name, content in encoded:
        decoded = decode(name, content)
        image = np.asarray(decoded.image)
        if images and image.shape != images[0].shape:
            first = images[0].shape
            raise DataError(
                f"{name}: the image is {image.shape[0]} × {image.shape[1]} pixels and the first one is "
                f"{first[0]} × {first[1]}; all must be of one size; {OF_ANY_SIZE}"
            )
        images.append(image)
        names.append(name)
        highest.append(decoded.highest)
    check_levels(names, highest)
    return np.stack(images) if images else np.zeros((0, 0, 0, 3), dtype=np.uint8)


def check_levels(names: list[str], highest: list[int | None]) -> None:
    """Check that images of 16 bits are not 8-bit ones in disguise, which scaling would make black.

    Args:
        names: of the images of a split.
        highest: the highest level of each that was scaled, None of others.

    Raises:
        DataError: all were scaled, and no value is above 255.
    """
    levels = [level for level in highest if level is not None]
    if levels and len(levels) == len(highest) and max(levels) <= 255:
        raise DataError(
            f"{names[0]}: is of 16 bits, but the highest value of all {len(names):,} images is {max(levels)}, of "
            "65,535 that stands for white: they would be black; save them with 8 bits, or multiply the values by 257"
        )


def decode_image(name: str, content: bytes) -> Image.Image:
    """Return one file's picture in 8-bit RGB, upright.

    Raises:
        DataError: it is no image, or of a mode that is refused; the message begins with ``name``.
    """
    return decode(name, content).image


def decode(name: str, content: bytes) -> DecodedImage:
    """Return one file's picture, and the levels it was scaled from. Raises as ``decode_image`` does."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            refused = why_refused(image)
            decoded = _decoded(image) if refused is None else None
    except Exception as error:  # on damaged files Pillow's readers raise whatever their parsing comes upon
        raise DataError(f"{name}: cannot be decoded: {_why_undecodable(content, error)}") from None
    if decoded is None:
        raise DataError(f"{name}: {refused}")
    return decoded


def _decoded(image: Image.Image) -> DecodedImage:
    """A loaded image of a mode that is not refused."""
    turn = TURNS.get(orientation_of(image))
    if MODES[image.mode] is ModeConversion.SCALED:
        levels = np.asarray(image).astype(np.int64)
        scaled, highest = Image.fromarray(to_8_bits(levels, image)), int(levels.max())
    else:
        scaled, highest = image.convert("LA") if image.mode == "La" else image, None  # Pillow knows no way from La
    if scaled.mode == "P" and "transparency" in scaled.info:
        scaled = scaled.convert("RGBA")  # which has the same colours, and Pillow does not warn
    rgb = scaled.convert("RGB")
    return DecodedImage(rgb if turn is None else rgb.transpose(turn), highest)


def to_8_bits(levels: NDArray[np.int64], image: Image.Image) -> NDArray[np.uint8]:
    """Return the levels of an image of integers as 0 … 255, rounded to the nearest: of 16 bits 65,535 is 255."""
    white = highest_level(image)
    nearest = (levels * 255 + white // 2) // white
    return (255 - nearest if is_negative(image) else nearest).astype(np.uint8)


def _why_undecodable(content: bytes, error: Exception) -> str:
    if not content:
        return "it is empty (0 bytes)"
    if content.startswith(git_lfs.POINTER):
        return "it is a Git LFS pointer and not the file itself; `git lfs pull` fetches it"
    if isinstance(error, UnidentifiedImageError):  # its text is the address of a buffer
        return "it is no image of a format that can be read"
    return " ".join(str(error).split()) or type(error).__name__
