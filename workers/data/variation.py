"""A check for images that are all of one colour, which usually were saved or converted wrongly."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.words import counted


def check_variation(where: str, images: Iterable[NDArray[np.uint8]]) -> None:
    """Check that not all pixels of all images have the same colour.

    Args:
        where: the beginning of the message, which says what the images are.
        images: uint8 (H, W, 3) each, with at least one pixel. No more images are read after the first one that has
            a pixel of another colour.

    Raises:
        DataError: all pixels of all images have the same colour.
    """
    colour, count = None, 0
    for image in images:
        colour = image[0, 0] if colour is None else colour
        if np.any(image != colour):
            return
        count += 1
    if colour is not None:
        level = tuple(colour.tolist())
        raise DataError(
            f"{where}: every pixel of {counted(count, 'image')} is {level}, which leaves nothing to learn; check how "
            "the images were saved"
        )
