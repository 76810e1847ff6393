"""A series of numbers as a line of bars, for text."""

from collections.abc import Sequence

import numpy as np

_BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], *, width: int) -> str:
    """Return numbers as bars between their minimum and maximum, such as ``█▄▂▁``.

    If there are more numbers than characters, each bar is the mean of several neighbours.

    Args:
        values: the numbers, all finite; none gives an empty text.
        width: the largest number of characters.
    """
    if not len(values):
        return ""
    means = np.array([part.mean() for part in np.array_split(np.asarray(values, dtype=float), min(width, len(values)))])
    span = float(np.ptp(means))
    heights = (means - means.min()) / span if span else np.zeros_like(means)
    return "".join(_BARS[round(float(height) * (len(_BARS) - 1))] for height in heights)
