"""Correction of p-values for several comparisons in one table."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def holm(p_values: Sequence[float] | NDArray[np.float64]) -> NDArray[np.float64]:
    """Adjust p-values by Holm's step-down method ("A simple sequentially rejective multiple test procedure", 1979).

    The smallest of m p-values is multiplied by m, the next by m − 1 and so on. A product that is below the adjusted
    value of a smaller p-value is raised to that value, and none is above 1. If the comparisons with adjusted values
    below 0.05 are called significant, the probability of any false positive in the table is below 5 %, whatever the
    dependence between the comparisons.

    Args:
        p_values: in [0, 1], (comparisons,); NaN for a comparison without a test.

    Returns:
        The adjusted p-values in the same order, (comparisons,). NaN stays NaN and does not count in m.
    """
    values = np.asarray(p_values, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(values[order] * factors))
    return adjusted
