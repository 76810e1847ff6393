"""How sure the figures are: intervals over seeds, paired comparisons on the same images, and what they can show.

Functions of arrays, without the store and without torch. Accuracies are shares in [0, 1], gains percentage points.
"""

from orchestrator.statistics.correlation import Correlation, correlation_of, pearson
from orchestrator.statistics.intervals import Estimate, estimate
from orchestrator.statistics.multiple import holm
from orchestrator.statistics.paired import Difference, image_gains, mcnemar, paired_difference
from orchestrator.statistics.power import smallest_gain, smallest_mean_gain
from orchestrator.statistics.resampling import resampled_means

__all__ = [
    "Correlation",
    "Difference",
    "Estimate",
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
