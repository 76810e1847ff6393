"""Whether two figures go together over settings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtr


@dataclass(frozen=True)
class Correlation:
    """Pearson's ``r`` of ``n`` points, its two-sided p-value against no correlation, its interval [low, high].

    Where it cannot be told, a number is NaN: the interval below four points, p below three, everything where all
    points agree in one figure or a figure is not finite.
    """

    r: float
    p: float
    low: float
    high: float
    n: int


def pearson(first: Sequence[float], second: Sequence[float], *, confidence: float = 0.95) -> Correlation:
    """Pearson's correlation of two figures over the same points; see ``correlation_of`` for p and interval.

    Args:
        first, second: (points,) each.
        confidence: of the interval, in (0, 1).

    Raises:
        ValueError: unequal numbers of points.
    """
    one, two = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if one.shape != two.shape:
        raise ValueError(f"{one.size} points cannot be paired with {two.size}")
    if one.size < 2 or not np.isfinite([one, two]).all() or np.ptp(one) == 0 or np.ptp(two) == 0:
        return correlation_of(math.nan, one.size, confidence=confidence)
    one, two = one - one.mean(), two - two.mean()
    r = float(one @ two) / math.sqrt(float(one @ one) * float(two @ two))
    return correlation_of(max(-1.0, min(1.0, r)), one.size, confidence=confidence)


def correlation_of(r: float, n: int, *, confidence: float = 0.95) -> Correlation:
    """What ``r`` over ``n`` points shows, also where only these two were published.

    p is that of t = r √((n − 2) / (1 − r²)) with n − 2 degrees of freedom (Student 1908). The interval is Fisher's
    (1921): atanh r ± z / √(n − 3), taken back by tanh. Both take the points as independent and about normal.
    """
    p = low = high = math.nan
    if n > 2 and not math.isnan(r):
        t = math.inf if abs(r) == 1 else abs(r) * math.sqrt((n - 2) / (1 - r * r))
        p = 2 * float(stdtr(n - 2, -t))
    if n > 3 and not math.isnan(r):
        centre = math.copysign(math.inf, r) if abs(r) == 1 else math.atanh(r)
        reach = float(ndtri((1 + confidence) / 2)) / math.sqrt(n - 3)
        low, high = math.tanh(centre - reach), math.tanh(centre + reach)
    return Correlation(r, p, low, high, n)
