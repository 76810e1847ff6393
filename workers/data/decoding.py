"""Decodes image files to pixels."""

import io
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prunesweep.sweeps.errors import DataError


def decode_images(encoded: Iterable[tuple[str, bytes]]) -> NDArray[np.uint8]:
    """uint8 (N, H, W, 3) of the (name, file content) pairs.

    Raises:
        DataError: one is no image, or not of the first one's size; the name says which.
    """
    images: list[NDArray[np.uint8]] = []
    for name, content in encoded:
        image = np.asarray(decode_image(name, content))
        if images and image.shape != images[0].shape:
            first = images[0].shape
            raise DataError(
                f"{name}: the image is {image.shape[0]} × {image.shape[1]} pixels and the first one is "
                f"{first[0]} × {first[1]}; all must be of one size"
            )
        images.append(image)
    return np.stack(images) if images else np.zeros((0, 0, 0, 3), dtype=np.uint8)


def decode_image(name: str, content: bytes) -> Image.Image:
    """The picture of one file's content, in RGB. Raises: DataError where it is none, with its ``name``."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:  # as Pillow's readers raise
        raise DataError(f"{name}: cannot be decoded: {error}") from None
