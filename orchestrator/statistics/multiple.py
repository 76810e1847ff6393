"""Several comparisons in one table."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def holm(p_values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Holm's step-down adjusted p-values ("A simple sequentially rejective multiple test procedure", 1979).

    The smallest of m is multiplied by m, the next by m − 1 and so on; none falls below one before it, none exceeds
    1. Calling significant what stays below 0.05 keeps the chance of any false call in the table below 5 %, however
    the comparisons hang together.

    Args:
        p_values: (comparisons,) in [0, 1]; NaN for a comparison that was not made.

    Returns:
        (comparisons,) in the same order. NaN stays NaN and does not count.
    """
    given = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(given.shape, np.nan)
    made = np.flatnonzero(~np.isnan(given))
    order = made[np.argsort(given[made], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(given[order] * factors))
    return adjusted
