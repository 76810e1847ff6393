"""The two fixed halves of the test images: one to choose by, one to report the chosen on."""

import numpy as np
from numpy.typing import NDArray

# The halves are drawn once for each number of test images, and never again.
_SEED = 20210702


def selection_half(images: int) -> NDArray[np.bool_]:
    """Which test images are for choosing, bool (images,); the others are for reporting.

    It depends on the number of test images alone: the same half for every trial, seed and sweep.
    """
    order = np.random.Generator(np.random.PCG64(_SEED)).permutation(images)
    chosen = np.zeros(images, dtype=bool)
    chosen[order[: images // 2]] = True
    return chosen


def by_half(images: NDArray[np.bool_]) -> list[int]:
    """How many of the test images, bool (images,): of all, of the selection half, of the report half."""
    half = selection_half(len(images))
    return [int(images.sum()), int(images[half].sum()), int(images[~half].sum())]
