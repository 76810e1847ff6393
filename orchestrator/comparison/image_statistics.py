"""The statistics of pairs of networks over the images on which both were tested."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from prunesweep.orchestrator.statistics import (
    image_gains,
    mcnemar,
    paired_difference,
    smallest_gain,
    smallest_mean_gain,
)
from prunesweep.orchestrator.statistics.paired import ScorePair

MCNEMAR, BOOTSTRAP = "mcnemar", "bootstrap"


def image_statistics(
    pairs: Sequence[ScorePair], resamples: int, seed: int, weights: Sequence[float] | None = None
) -> dict[str, Any]:
    """Return the columns of a comparison that are computed from images.

    Args:
        pairs: the image scores of each pair of networks, all on the same images; empty if they cannot be compared.
        resamples: the number of bootstrap resamples.
        seed: the seed of the bootstrap.
        weights: the weight of each pair in the mean; None for equal weights.

    Returns:
        ``images``, ``images_low``, ``images_high``, ``test``, ``p`` and ``smallest_gain``, as ``compare_settings``
        explains them.
    """
    if not pairs:
        undefined = dict.fromkeys(("images_low", "images_high", "p", "smallest_gain"), math.nan)
        return {"images": 0, "test": "", **undefined}
    difference = paired_difference(pairs, weights=weights, resamples=resamples, seed=seed)
    shares = image_gains(pairs, weights) / 100
    ours, theirs = pairs[0]
    is_single = len(pairs) == 1 and ours.dtype == bool  # one pair of networks, which classified each image once
    mean_square = float(np.mean(shares**2))  # for a single pair, the share of discordant images
    return {
        "images": difference.images,
        "images_low": difference.low,
        "images_high": difference.high,
        "test": MCNEMAR if is_single else BOOTSTRAP,
        "p": mcnemar(ours, theirs) if is_single else difference.p,
        "smallest_gain": (smallest_gain if is_single else smallest_mean_gain)(difference.images, mean_square),
    }
