"""Statistics: intervals over seeds, paired comparisons on the same images and their power, and correlations.

The functions take arrays and need neither the store nor torch. Accuracies are shares in [0, 1]; gains are in percentage
points.
"""

from prunesweep.orchestrator.statistics.correlation import Correlation, correlation_of, pearson
from prunesweep.orchestrator.statistics.intervals import MeanEstimate, estimate
from prunesweep.orchestrator.statistics.multiple import holm
from prunesweep.orchestrator.statistics.paired import Difference, image_gains, mcnemar, paired_difference
from prunesweep.orchestrator.statistics.power import smallest_gain, smallest_mean_gain
from prunesweep.orchestrator.statistics.resampling import resampled_means

__all__ = [
    "Correlation",
    "Difference",
    "MeanEstimate",
    "correlation_of",
    "estimate",
    "holm",
    "image_gains",
    "mcnemar",
    "paired_difference",
    "pearson",
    "resampled_means",
    "smallest_gain",
    "smallest_mean_gain",
]
