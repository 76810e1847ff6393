"""The mean of a few trials that differ only in the seed, with its standard deviation and confidence interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit


@dataclass(frozen=True)
class MeanEstimate:
    """The mean of some values with its confidence interval, in the unit of the values.

    Attributes:
        mean: the mean.
        sd: the sample standard deviation of the values; NaN if there is only one value.
        low: the lower bound of the interval of the mean; NaN if there is only one value.
        high: the upper bound of the interval of the mean; NaN if there is only one value.
        n: the number of values.
    """

    mean: float
    sd: float
    low: float
    high: float
    n: int


def estimate(values: Sequence[float], *, confidence: float = 0.95) -> MeanEstimate:
    """Compute the mean of the values and its t interval (Student 1908): mean ± t · sd / √n, n − 1 degrees of freedom.

    The values are results of trials that differ only in the seed. The interval assumes that these results are
    independent and about normally distributed. The results of networks that were pruned from one baseline are
    independent only given this baseline: the interval does not include the variation between baselines.

    Args:
        values: at least one value, (n,). If one of them is NaN, all results but ``n`` are NaN.
        confidence: the confidence level of the interval, in (0, 1).

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
