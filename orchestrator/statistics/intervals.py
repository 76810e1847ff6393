"""The mean over a few seeds of one setting, with its standard deviation and interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit


@dataclass(frozen=True)
class MeanEstimate:
    """The mean of some values with its interval, in the unit of the values.

    Attributes:
        mean: the mean.
        sd: the sample standard deviation of the values; NaN for one value.
        low: the lower bound of the interval of the mean; NaN for one value.
        high: the upper bound of the interval of the mean; NaN for one value.
        n: the number of values.
    """

    mean: float
    sd: float
    low: float
    high: float
    n: int


def estimate(values: Sequence[float], *, confidence: float = 0.95) -> MeanEstimate:
    """Compute the mean of the values and its t interval (Student 1908): mean ± t · sd / √n, n − 1 degrees of freedom.

    The interval assumes seeds that are independent and about normally distributed. Seeds that share a baseline are
    independent except for that baseline: the interval does not include the variation of baselines.

    Args:
        values: at least one, (n,); a NaN makes everything NaN.
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: there are no values.
    """
    sample = np.asarray(values, dtype=np.float64)
    if not sample.size:
        raise ValueError("there is no value to take a mean of")
    mean = float(sample.mean())
    if sample.size == 1:
        return MeanEstimate(mean, math.nan, math.nan, math.nan, 1)
    sd = float(sample.std(ddof=1))
    margin = float(stdtrit(sample.size - 1, (1 + confidence) / 2)) * sd / math.sqrt(sample.size)
    return MeanEstimate(mean, sd, mean - margin, mean + margin, sample.size)
