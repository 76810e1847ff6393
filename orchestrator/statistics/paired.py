"""Two networks, or several pairs of them, compared on the same images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, ndtr

from prunesweep.orchestrator.statistics.resampling import RESAMPLES, resampled_means

Pair = tuple[NDArray[Any], NDArray[Any]]
"""What one network scores and what the other does: bool or [0, 1], (images,) each, or (kinds, images) each."""

# Digits of percentage points beyond which a mean is rounding and no gain, and images do not differ in theirs.
_DIGITS, _DIGITS_OF_IMAGES = 9, 12


@dataclass(frozen=True)
class Difference:
    """A difference of accuracies in percentage points with its bootstrap interval [low, high].

    ``p``: two-sided, of the same resamples, against no difference. ``images``: how many were resampled.
    """

    gain: float
    low: float
    high: float
    p: float
    images: int


def mcnemar(ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> float:
    """McNemar's exact two-sided p-value of two networks being equally often right (McNemar 1947).

    Only images count that one network gets right and the other wrong; were the networks equal, each would be as
    likely to be ours as theirs: binomial with one half.

    Args:
        ours, theirs: (images,) whether each network is right.

    Raises:
        ValueError: outcomes of unequal numbers of images.
    """
    _check_same_images(ours, theirs)
    won, lost = int((ours & ~theirs).sum()), int((~ours & theirs).sum())
    return min(1.0, 2 * float(bdtr(min(won, lost), won + lost, 0.5)))


def image_gains(pairs: Sequence[Pair]) -> NDArray[np.float64]:
    """What each image adds to the difference: (images,) percentage points in [-100, 100], ours minus theirs.

    An image's kinds and its pairs are averaged. They are one cluster, because an image that is hard under one
    corruption or for one seed is hard under the next.

    Args:
        pairs: at least one; several are the seeds of one setting on the same images.

    Raises:
        ValueError: outcomes of unequal shapes, or pairs on unequal numbers of images.
    """
    for ours, theirs in pairs:
        _check_same_images(ours, theirs)
    by_pair = [_by_image(ours) - _by_image(theirs) for ours, theirs in pairs]
    if len({len(gains) for gains in by_pair}) != 1:
        raise ValueError("pairs can be pooled only on the same images")
    gains: NDArray[np.float64] = 100 * np.mean(by_pair, axis=0)
    return gains.round(_DIGITS_OF_IMAGES)


def paired_difference(
    pairs: Sequence[Pair],
    *,
    confidence: float = 0.95,
    lower_only: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """The mean difference of the pairs, with a percentile interval from resampling images.

    Images are drawn with all their kinds and all pairs together (a cluster bootstrap; Davison and Hinkley,
    "Bootstrap Methods and their Application", 1997, section 3.8). The interval tells what these networks would do
    on other images, and nothing of other seeds. Below about ten images on which the networks differ it is too
    narrow; ``mcnemar`` is exact there.

    Args:
        pairs: as in ``image_gains``.
        confidence: of the interval, in (0, 1).
        lower_only: a one-sided interval: ``low`` is the bound at ``confidence`` and ``high`` is infinite; ``p`` stays
            two-sided.
        resamples, seed: as in ``resampled_means``.

    Returns:
        The difference; its p counts resamples on the other side of 0. Where there is none, which says no more than
        p < 2 / (resamples + 1), p is the normal tail of the mean over images, so that Holm over many comparisons
        has room.

    Raises:
        ValueError: as ``image_gains``.
    """
    gains = image_gains(pairs)
    drawn = resampled_means(gains[:, None], resamples=resamples, seed=seed)[:, 0].round(_DIGITS)
    tail = (1 - confidence) / (1 if lower_only else 2)
    return Difference(
        gain=float(gains.mean()),
        low=float(np.quantile(drawn, tail)),
        high=math.inf if lower_only else float(np.quantile(drawn, 1 - tail)),
        p=_two_sided(gains, drawn),
        images=len(gains),
    )


def _two_sided(gains: NDArray[np.float64], drawn: NDArray[np.float64]) -> float:
    beyond = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    counted = min(1.0, 2 * (beyond + 1) / (len(drawn) + 1))
    if beyond:
        return counted
    z = abs(gains.mean()) / (gains.std() / math.sqrt(len(gains))) if gains.std() else math.inf
    return min(counted, 2 * float(ndtr(-z)))


def _by_image(scores: NDArray[Any]) -> NDArray[np.float64]:
    """The mean over kinds where there are kinds: (images,)."""
    means: NDArray[np.float64] = np.atleast_2d(scores).mean(axis=0, dtype=np.float64)
    return means


def _check_same_images(ours: NDArray[Any], theirs: NDArray[Any]) -> None:
    if ours.shape != theirs.shape:
        raise ValueError(f"outcomes of shape {ours.shape} cannot be paired with those of shape {theirs.shape}")
