"""How well the confidence of a network agrees with its accuracy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunesweep.results_store.predictions import Predictions

CALIBRATION_BINS = 15  # of equal width, as in Guo et al. 2017


def expected_calibration_error(predictions: Predictions, bins: int = CALIBRATION_BINS) -> float:
    """Return the expected calibration error (Guo et al. 2017, eq. 3): Σ |B_m| / n · |accuracy(B_m) − confidence(B_m)|.

    B_m are the images whose confidence lies in the m-th of ``bins`` equal parts of (0, 1], each of which includes its
    upper bound; accuracy and confidence are means over the images of a bin.

    Args:
        predictions: the predictions of a network on n images.
        bins: the number of bins.

    Returns:
        The error as a share, in [0, 1].
    """
    confidences = predictions.confidences.astype(np.float64)
    upper_bounds = np.linspace(0, 1, bins + 1)[1:]
    bin_of = np.searchsorted(upper_bounds, confidences).clip(max=bins - 1)  # a confidence may be rounded to above 1
    correct = predictions.labels == predictions.predicted
    difference = _sums(bin_of, correct, bins) - _sums(bin_of, confidences, bins)
    return float(np.abs(difference).sum() / len(confidences))


def _sums(bin_of: NDArray[np.int64], values: NDArray[Any], bins: int) -> NDArray[np.float64]:
    """Return the sum of the values in each bin, in the order of the images, (bins,)."""
    return np.bincount(bin_of, weights=values, minlength=bins).astype(np.float64)
