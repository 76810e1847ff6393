"""A few seeds of one setting: mean, spread and interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit


@dataclass(frozen=True)
class MeanEstimate:
    """The mean of ``n`` values with its interval [low, high], and their sample standard deviation, in their unit.

    One value has no spread and no interval: ``sd``, ``low`` and ``high`` are NaN.
    """

    mean: float
    sd: float
    low: float
    high: float
    n: int


def estimate(values: Sequence[float], *, confidence: float = 0.95) -> MeanEstimate:
    """The mean of the values and its t interval (Student 1908): mean ± t · sd / √n, with n − 1 degrees of freedom.

    It tells how far another mean of as many seeds may lie, if seeds are independent and about normal. Seeds that
    share a baseline are independent but for that baseline: the interval leaves out how baselines vary.

    Args:
        values: (n,) at least one; a NaN makes everything NaN.
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: there is no value.
    """
    found = np.asarray(values, dtype=np.float64)
    if not found.size:
        raise ValueError("there is no value to take a mean of")
    mean = float(found.mean())
    if found.size == 1:
        return MeanEstimate(mean, math.nan, math.nan, math.nan, 1)
    sd = float(found.std(ddof=1))
    reach = float(stdtrit(found.size - 1, (1 + confidence) / 2)) * sd / math.sqrt(found.size)
    return MeanEstimate(mean, sd, mean - reach, mean + reach, found.size)
