"""The two fixed halves of the test images: one for selecting networks, one for reporting the selected ones."""

import numpy as np
from numpy.typing import NDArray

# Must never change: the halves of every stored result depend on it.
_SEED = 20210702


def selection_half(images: int) -> NDArray[np.bool_]:
    """Return the mask of the selection half; the other test images are the report half.

    The mask depends on the number of test images alone, so that all trials, seeds and sweeps share it.

    Args:
        images: the number of test images.

    Returns:
        bool (images,), True for ``images // 2`` of them.
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
        ``[all, selection half, report half]``.
    """
    half = selection_half(len(flags))
    return [int(flags.sum()), int(flags[half].sum()), int(flags[~half].sum())]
