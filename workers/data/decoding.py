"""Decoding of image files to 8-bit RGB, by the rules in ``sweeps/images/modes.py``."""

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
    orientation_of,
    refusal_reason,
    white_level,
    zero_is_white,
)

# By Exif orientation, the operation that turns the image upright.
UPRIGHT_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Damaged Exif is ignored silently. One filter for the process, because a filter around each image is not thread-safe.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")
RESIZE_HINT = "to resize images of any size, set dataset.name to imagenet and dataset.size to a number of pixels"


@dataclass(frozen=True)
class DecodedImage:
    """An image in 8-bit RGB, upright.

    Attributes:
        image: the pixels.
        highest: the highest pixel value in the file if the values were scaled to 8 bits, as those of 16-bit images are;
            None for all other images.
    """

    image: Image.Image
    highest: int | None = None


def decode_images(encoded: Iterable[tuple[str, bytes]]) -> NDArray[np.uint8]:
    """Decode images of one size, such as all images of a split.

    Args:
        encoded: the name and the file content of each image.

    Returns:
        uint8 (N, H, W, 3).

    Raises:
        DataError: an image cannot be decoded, is refused by ``sweeps/images/modes.py``, or differs in size from the
            first image; or all images have 16 bits and no value above 255. The message names the image.
    """
    images: list[NDArray[np.uint8]] = []
    names: list[str] = []
    highest_levels: list[int | None] = []
    for name, content in encoded:
        decoded = decode(name, content)
        image = np.asarray(decoded.image)
        if images and image.shape != images[0].shape:
            first = images[0].shape
            raise DataError(
                f"{name}: the image is {image.shape[0]} × {image.shape[1]} pixels and the first one is "
                f"{first[0]} × {first[1]}; all must be of one size; {RESIZE_HINT}"
            )
        images.append(image)
        names.append(name)
        highest_levels.append(decoded.highest)
    check_levels(names, highest_levels)
    return np.stack(images) if images else np.zeros((0, 0, 0, 3), dtype=np.uint8)


def check_levels(names: list[str], highest_levels: list[int | None]) -> None:
    """Check that 16-bit images have some value above 255; otherwise, scaling to 8 bits would make them all black.

    Args:
        names: the names of the images of a split.
        highest_levels: the highest pixel value of each image before it was scaled to 8 bits; None for images that were
            not scaled.

    Raises:
        DataError: all images were scaled, and none has a value above 255.
    """
    levels = [level for level in highest_levels if level is not None]
    if levels and len(levels) == len(highest_levels) and max(levels) <= 255:
        raise DataError(
            f"{names[0]}: has 16 bits, but the highest value of all {len(names):,} images is {max(levels)}, where "
            "65,535 is white: they would be black; save them with 8 bits, or multiply the values by 257"
        )


def decode_image(name: str, content: bytes) -> Image.Image:
    """Decode the content of an image file to 8-bit RGB, turned upright.

    ``DataError`` is raised if the content cannot be decoded or is refused by ``sweeps/images/modes.py``. The message
    begins with ``name``.
    """
    return decode(name, content).image


def decode(name: str, content: bytes) -> DecodedImage:
    """Decode the content of an image file to upright 8-bit RGB, together with its highest pixel value before scaling.

    Raises:
        DataError: the content cannot be decoded, or is refused by ``sweeps/images/modes.py``. The message begins with
            ``name``.
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
            refusal = refusal_reason(image)
            decoded = _to_rgb(image) if refusal is None else None
    except Exception as error:  # on damaged files Pillow's readers raise whatever their parsing runs into
        raise DataError(f"{name}: cannot be decoded: {_why_undecodable(content, error)}") from None
    if decoded is None:
        raise DataError(f"{name}: {refusal}")
    return decoded


def _to_rgb(image: Image.Image) -> DecodedImage:
    """Convert a loaded image of an accepted mode to 8-bit RGB and turn it upright."""
    transpose = UPRIGHT_TRANSPOSES.get(orientation_of(image))
    if MODES[image.mode] is ModeConversion.SCALED:
        levels = np.asarray(image).astype(np.int64)
        scaled, highest = Image.fromarray(to_8_bits(levels, image)), int(levels.max())
    else:
        # Pillow cannot convert La directly to RGB.
        scaled, highest = image.convert("LA") if image.mode == "La" else image, None
    if scaled.mode == "P" and "transparency" in scaled.info:
        scaled = scaled.convert("RGBA")  # the same colours, but without Pillow's warning
    rgb = scaled.convert("RGB")
    return DecodedImage(rgb if transpose is None else rgb.transpose(transpose), highest)


def to_8_bits(levels: NDArray[np.int64], image: Image.Image) -> NDArray[np.uint8]:
    """Scale the pixel values of an integer image to 0 … 255, rounded to the nearest integer.

    Args:
        levels: int64 (H, W), the pixel values.
        image: the image that has these values. Its metadata say whether white is 0 or the highest value, which is
            65,535 for 16 bits and lower for TIFFs with fewer bits.
    """
    white = white_level(image)
    nearest = (levels * 255 + white // 2) // white
    return (255 - nearest if zero_is_white(image) else nearest).astype(np.uint8)


def _why_undecodable(content: bytes, error: Exception) -> str:
    if not content:
        return "it is empty (0 bytes)"
    if content.startswith(git_lfs.POINTER_PREFIX):
        return "it is a Git LFS pointer and not the file itself; `git lfs pull` fetches it"
    if isinstance(error, UnidentifiedImageError):  # its text is the address of a buffer
        return "it is not an image in a format that can be read"
    return " ".join(str(error).split()) or type(error).__name__
