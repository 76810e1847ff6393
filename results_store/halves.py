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
