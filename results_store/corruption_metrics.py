"""Metrics of common corruptions (Hendrycks & Dietterich 2019, §4.1), from accuracies by kind and severity.

Accuracies are shares in [0, 1]. The errors of ImageNet-C's metrics are percentages, as published: AlexNet has 100.
"""

from collections.abc import Mapping

from prunesweep.sweeps.attacks import CORRUPTION_KINDS

Accuracies = Mapping[tuple[str, int], float]

SEVERITIES = (1, 2, 3, 4, 5)
# AlexNet's top-1 errors on ImageNet-C, each the mean over the five severities, as its authors give them.
ALEXNET_ERRORS = {
    "gaussian_noise": 0.886428,
    "shot_noise": 0.894468,
    "impulse_noise": 0.922640,
    "defocus_blur": 0.819880,
    "glass_blur": 0.826268,
    "motion_blur": 0.785948,
    "zoom_blur": 0.798360,
    "snow": 0.866816,
    "frost": 0.826572,
    "fog": 0.819324,
    "brightness": 0.564592,
    "contrast": 0.853204,
    "elastic_transform": 0.646056,
    "pixelate": 0.717840,
    "jpeg_compression": 0.606500,
}
# The same network's top-1 error on clean images: 43.45 % as torchvision gives it, 43.5 % in the paper's Table 1.
ALEXNET_CLEAN_ERROR = 0.4345


def is_complete(accuracies: Accuracies) -> bool:
    """Whether all 15 kinds at all 5 severities are there, without which the benchmark's metrics mean nothing."""
    return all((kind, severity) in accuracies for kind in CORRUPTION_KINDS for severity in SEVERITIES)


def corruption_accuracy(accuracies: Accuracies) -> float:
    """The mean over all kinds and severities that were run, a share."""
    return sum(accuracies.values()) / len(accuracies)


def mean_corruption_error(accuracies: Accuracies) -> float:
    """MCE in percent: the mean over the kinds of Σₛ Eₛ / Σₛ Eₛ of AlexNet. Needs all kinds and severities."""
    return _mean_percentage({kind: _error(accuracies, kind) / error for kind, error in ALEXNET_ERRORS.items()})


def relative_mean_corruption_error(accuracies: Accuracies, clean_accuracy: float) -> float:
    """Relative mCE in percent: the mean over the kinds of Σₛ (Eₛ − E_clean) / Σₛ (Eₛ − E_clean) of AlexNet.

    It falls below 0 for a network that is better on corrupted than on clean images. Needs all kinds and severities.
    """
    clean = 1 - clean_accuracy
    return _mean_percentage(
        {
            kind: (_error(accuracies, kind) - clean) / (error - ALEXNET_CLEAN_ERROR)
            for kind, error in ALEXNET_ERRORS.items()
        }
    )


def _error(accuracies: Accuracies, kind: str) -> float:
    """The mean error over the severities of one kind."""
    return 1 - sum(accuracies[kind, severity] for severity in SEVERITIES) / len(SEVERITIES)


def _mean_percentage(ratios: Mapping[str, float]) -> float:
    return 100 * sum(ratios.values()) / len(ratios)
