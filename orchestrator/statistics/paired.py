"""Paired comparisons of two networks, or of several pairs of networks, on the same images."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, ndtr

from prunesweep.orchestrator.statistics.resampling import RESAMPLES, resampled_means

ScorePair = tuple[NDArray[Any], NDArray[Any]]
"""The scores that two networks have on the same images: ours and theirs.

The scores are bool or in [0, 1]. Both arrays have the shape (images,), or (kinds, images) under several corruptions.
"""

# Means and image gains are rounded to these decimal places of percentage points: further digits are rounding errors.
_MEAN_DECIMALS, _IMAGE_GAIN_DECIMALS = 9, 12


@dataclass(frozen=True)
class Difference:
    """A difference of accuracies, ours minus theirs, with its bootstrap interval.

    Attributes:
        gain: the mean difference in percentage points.
        low: the lower bound of the interval in percentage points.
        high: the upper bound of the interval in percentage points, infinite if the interval is one-sided.
        p: the two-sided p-value against no difference, as explained at ``paired_difference``.
        images: the number of images that were resampled.
    """

    gain: float
    low: float
    high: float
    p: float
    images: int


def mcnemar(ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> float:
    """Return McNemar's exact two-sided p-value against equal accuracies of two networks (McNemar 1947).

    Only discordant images count, that is, images that exactly one of the networks classifies correctly. If the networks
    were equally accurate, the number of discordant images that our network classifies correctly would be binomial with
    probability one half. Arrays of different lengths raise ``ValueError``.

    Args:
        ours: whether our network classifies each image correctly, bool (images,).
        theirs: whether the other network classifies each image correctly, bool (images,).
    """
    _check_same_images(ours, theirs)
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((~ours & theirs).sum())
    return min(1.0, 2 * float(bdtr(min(only_ours, only_theirs), only_ours + only_theirs, 0.5)))


def image_gains(pairs: Sequence[ScorePair], weights: Sequence[float] | None = None) -> NDArray[np.float64]:
    """Return the gain of each image, ours minus theirs, in percentage points.

    An image's gain is the mean over the kinds of corruption and the pairs of networks. All scores of an image form one
    cluster, because an image that is hard under one corruption or for one seed is also hard for others. If the two
    arrays of a pair differ in shape, ``ValueError`` is raised, too.

    Args:
        pairs: the scores of at least one pair of networks. Several pairs are on the same images.
        weights: the weight of each pair in the mean; None for equal weights.

    Returns:
        The gains, (images,), in [-100, 100].

    Raises:
        ValueError: the pairs have different numbers of images.
    """
    for ours, theirs in pairs:
        _check_same_images(ours, theirs)
    by_pair = [_mean_over_kinds(ours) - _mean_over_kinds(theirs) for ours, theirs in pairs]
    if len({len(gains) for gains in by_pair}) != 1:
        raise ValueError("pairs can be pooled only on the same images")
    gains: NDArray[np.float64] = 100 * np.average(by_pair, axis=0, weights=weights)
    return gains.round(_IMAGE_GAIN_DECIMALS)


def paired_difference(
    pairs: Sequence[ScorePair],
    *,
    weights: Sequence[float] | None = None,
    confidence: float = 0.95,
    lower_only: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """Compute the mean difference between the networks of each pair, with a percentile interval from resampled images.

    An image is drawn together with its scores for all kinds of corruption and all pairs (a cluster bootstrap; Davison
    and Hinkley, "Bootstrap Methods and their Application", 1997, section 3.8). The interval covers the variation
    between samples of images, but not between seeds. If the networks differ on fewer than about ten images, the
    interval is too narrow; ``mcnemar`` is exact then. Invalid pairs raise ``ValueError``, as in ``image_gains``.

    Args:
        pairs: as in ``image_gains``.
        weights: as in ``image_gains``.
        confidence: the confidence level of the interval, in (0, 1).
        lower_only: whether to compute a one-sided interval, in which ``low`` is the bound at ``confidence`` and
            ``high`` is infinite. ``p`` is two-sided in any case.
        resamples: as in ``resampled_means``.
        seed: as in ``resampled_means``.

    Returns:
        The difference. Its p-value is computed from the number of resamples whose mean is 0 or on the other side of 0.
        If there are none, counting cannot give less than 2 / (resamples + 1). The p-value is then the two-sided normal
        tail of the mean over images if that is smaller, so that Holm's correction for many comparisons can still leave
        the difference significant.
    """
    gains = image_gains(pairs, weights)
    drawn = resampled_means(gains[:, None], resamples=resamples, seed=seed)[:, 0].round(_MEAN_DECIMALS)
    tail = (1 - confidence) / (1 if lower_only else 2)
    return Difference(
        gain=float(gains.mean()),
        low=float(np.quantile(drawn, tail)),
        high=math.inf if lower_only else float(np.quantile(drawn, 1 - tail)),
        p=_two_sided_p(gains, drawn),
        images=len(gains),
    )


def _two_sided_p(gains: NDArray[np.float64], drawn: NDArray[np.float64]) -> float:
    """Return the two-sided p-value that ``paired_difference`` explains.

    Args:
        gains: the gain of each image, (images,).
        drawn: the mean gain of each resample, (resamples,).
    """
    beyond = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    counted = min(1.0, 2 * (beyond + 1) / (len(drawn) + 1))
    if beyond:
        return counted
    z = abs(gains.mean()) / (gains.std() / math.sqrt(len(gains))) if gains.std() else math.inf
    return min(counted, 2 * float(ndtr(-z)))


def _mean_over_kinds(scores: NDArray[Any]) -> NDArray[np.float64]:
    """Return the mean of the scores over the kinds of corruption, (images,), or the scores if they have no kinds."""
    means: NDArray[np.float64] = np.atleast_2d(scores).mean(axis=0, dtype=np.float64)
    return means


def _check_same_images(ours: NDArray[Any], theirs: NDArray[Any]) -> None:
    """Check that the scores of two networks have the same shape.

    Raises:
        ValueError: the shapes differ.
    """
    if ours.shape != theirs.shape:
        raise ValueError(f"outcomes of shape {ours.shape} cannot be paired with those of shape {theirs.shape}")
