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
"""The image scores of two networks: bool or in [0, 1], (images,) each, or (kinds, images) each."""

# Decimal places of percentage points; further digits of means and of image gains are rounding errors.
_MEAN_DECIMALS, _IMAGE_GAIN_DECIMALS = 9, 12


@dataclass(frozen=True)
class Difference:
    """A difference of accuracies with its bootstrap interval.

    Attributes:
        gain: the mean difference in percentage points.
        low: the lower bound of the interval in percentage points.
        high: the upper bound of the interval in percentage points.
        p: the two-sided p-value against no difference, from the same resamples.
        images: the number of images that were resampled.
    """

    gain: float
    low: float
    high: float
    p: float
    images: int


def mcnemar(ours: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> float:
    """Return McNemar's exact two-sided p-value against equal accuracies of two networks (McNemar 1947).

    Only discordant images count, which one network alone classifies correctly. If the networks were equally accurate,
    the number of these that are ours would be binomial with probability one half. Outcomes of different numbers of
    images are a `ValueError`.

    Args:
        ours: whether our network classifies each image correctly, bool (images,).
        theirs: whether the other network does, bool (images,).
    """
    _check_same_images(ours, theirs)
    only_ours, only_theirs = int((ours & ~theirs).sum()), int((~ours & theirs).sum())
    return min(1.0, 2 * float(bdtr(min(only_ours, only_theirs), only_ours + only_theirs, 0.5)))


def image_gains(pairs: Sequence[ScorePair]) -> NDArray[np.float64]:
    """Return the gain of each image, ours minus theirs, in percentage points.

    An image's gain is the mean over its kinds and pairs. These are one cluster, because an image that is hard under
    one corruption or for one seed is also hard for others. Scores of different shapes within a pair are a
    `ValueError`.

    Args:
        pairs: at least one; several are the seeds of one setting on the same images.

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
    gains: NDArray[np.float64] = 100 * np.mean(by_pair, axis=0)
    return gains.round(_IMAGE_GAIN_DECIMALS)


def paired_difference(
    pairs: Sequence[ScorePair],
    *,
    confidence: float = 0.95,
    lower_only: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Difference:
    """Compute the mean difference of the pairs, with a percentile interval from resampled images.

    An image is drawn with all its kinds and pairs together (a cluster bootstrap; Davison and Hinkley, "Bootstrap
    Methods and their Application", 1997, section 3.8). The interval is about these networks on other images, not about
    other seeds. If the networks differ on fewer than about ten images, it is too narrow; ``mcnemar`` is exact then.
    Invalid pairs are a `ValueError`, as in ``image_gains``.

    Args:
        pairs: as in ``image_gains``.
        confidence: of the interval, in (0, 1).
        lower_only: compute a one-sided interval: ``low`` is the bound at ``confidence`` and ``high`` is infinite; ``p``
            is still two-sided.
        resamples: as in ``resampled_means``.
        seed: as in ``resampled_means``.

    Returns:
        The difference. Its p-value counts the resamples on the other side of 0. If there are none, which shows only
        that p < 2 / (resamples + 1), p is the normal tail of the mean over images, so that Holm's correction for many
        comparisons can still leave it significant.
    """
    gains = image_gains(pairs)
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
    """Return the p-value of ``paired_difference``.

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
    """Return the scores as the mean over kinds, if there are kinds, (images,)."""
    means: NDArray[np.float64] = np.atleast_2d(scores).mean(axis=0, dtype=np.float64)
    return means


def _check_same_images(ours: NDArray[Any], theirs: NDArray[Any]) -> None:
    """Check that the scores of two networks have the same shape.

    Raises:
        ValueError: the shapes differ.
    """
    if ours.shape != theirs.shape:
        raise ValueError(f"outcomes of shape {ours.shape} cannot be paired with those of shape {theirs.shape}")
