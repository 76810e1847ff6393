"""Pearson's correlation, with a p-value and an interval."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtr


@dataclass(frozen=True)
class Correlation:
    """Pearson's correlation of some points.

    A number that cannot be computed is NaN. The interval needs at least four points, and p at least three. If a
    variable is constant or has a value that is not finite, all numbers but ``n`` are NaN.

    Attributes:
        r: Pearson's coefficient, in [-1, 1].
        p: the two-sided p-value against no correlation.
        low: the lower bound of the interval of r.
        high: the upper bound of the interval of r.
        n: the number of points.
    """

    r: float
    p: float
    low: float
    high: float
    n: int


def pearson(first: Sequence[float], second: Sequence[float], *, confidence: float = 0.95) -> Correlation:
    """Compute Pearson's correlation of two variables; ``correlation_of`` explains its p-value and interval.

    Args:
        first: the first variable, (points,).
        second: the second variable at the same points, (points,).
        confidence: the confidence level of the interval, in (0, 1).

    Raises:
        ValueError: the variables have different numbers of points.
    """
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if x.shape != y.shape:
        raise ValueError(f"{x.size} points cannot be paired with {y.size}")
    if x.size < 2 or not np.isfinite([x, y]).all() or np.ptp(x) == 0 or np.ptp(y) == 0:
        return correlation_of(math.nan, x.size, confidence=confidence)
    x, y = x - x.mean(), y - y.mean()
    r = float(x @ y) / math.sqrt(float(x @ x) * float(y @ y))
    return correlation_of(max(-1.0, min(1.0, r)), x.size, confidence=confidence)


def correlation_of(r: float, n: int, *, confidence: float = 0.95) -> Correlation:
    """Compute the p-value and the interval of a correlation from its coefficient, which may be a published one.

    The p-value is that of t = r √((n − 2) / (1 − r²)) with n − 2 degrees of freedom (Student 1908). The interval is
    Fisher's (1921): atanh r ± z / √(n − 3), transformed back by tanh. Both assume independent points that are about
    normally distributed.

    Args:
        r: Pearson's coefficient, in [-1, 1]. If it is NaN, the p-value and the interval are NaN, too.
        n: the number of points.
        confidence: the confidence level of the interval, in (0, 1).
    """
    p = low = high = math.nan
    if n > 2 and not math.isnan(r):
        t = math.inf if abs(r) == 1 else abs(r) * math.sqrt((n - 2) / (1 - r * r))
        p = 2 * float(stdtr(n - 2, -t))
    if n > 3 and not math.isnan(r):
        centre = math.copysign(math.inf, r) if abs(r) == 1 else math.atanh(r)
        margin = float(ndtri((1 + confidence) / 2)) / math.sqrt(n - 3)
        low, high = math.tanh(centre - margin), math.tanh(centre + margin)
    return Correlation(r, p, low, high, n)
