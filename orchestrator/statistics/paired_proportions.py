"""The interval of the difference of two accuracies on the same images, for as few images as a class has."""

import math

from scipy.special import ndtri


def paired_proportion_interval(
    only_ours: int, only_theirs: int, images: int, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the interval of the difference of two accuracies by Bonett and Price (2012), in percentage points.

    It is the normal interval after one image has been added to those that only our network classifies correctly, and
    one to those that only the other network does. Unlike a bootstrap interval, it keeps its confidence level for few
    images, and has a width if the networks agree on all images.

    Args:
        only_ours: how many images only our network classifies correctly.
        only_theirs: how many images only the other network classifies correctly.
        images: the number of all images, at least 1.
        confidence: the confidence level, in (0, 1).

    Returns:
        The lower and the upper bound of our accuracy minus the other, in [-100, 100].
    """
    ours, theirs = (only_ours + 1) / (images + 2), (only_theirs + 1) / (images + 2)
    deviation = math.sqrt((ours + theirs - (ours - theirs) ** 2) / (images + 2))
    margin = float(ndtri((1 + confidence) / 2)) * deviation
    return 100 * max(-1.0, ours - theirs - margin), 100 * min(1.0, ours - theirs + margin)
