"""The two fixed halves of the test images: networks are selected on one half and reported on the other."""

import numpy as np
from numpy.typing import NDArray

# Must never change: the halves of every stored result depend on it.
_SEED = 20210702


def selection_half(images: int) -> NDArray[np.bool_]:
    """Return a mask of the selection half, the test images on which networks are selected.

    The other test images are the report half, on which the selected networks are reported. The mask depends on the
    number of test images alone, so that all trials, seeds and sweeps have the same halves.

    Args:
        images: the number of test images.

    Returns:
        bool (images,), True for ``images // 2`` of the images.
    """
    order = np.random.Generator(np.random.PCG64(_SEED)).permutation(images)
    mask = np.zeros(images, dtype=bool)
    mask[order[: images // 2]] = True
    return mask


def count_by_half(flags: NDArray[np.bool_]) -> list[int]:
    """Count the set flags among all test images and in each half.

    Args:
        flags: bool (images,).

    Returns:
        The numbers of set flags: ``[all, selection half, report half]``.
    """
    half = selection_half(len(flags))
    return [int(flags.sum()), int(flags[half].sum()), int(flags[~half].sum())]
