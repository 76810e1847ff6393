"""Metrics of robustness to common corruptions (Hendrycks & Dietterich 2019, §4.1).

Accuracies are shares in [0, 1]. The metrics of ImageNet-C are in percent of AlexNet's error, as their authors
publish them, so AlexNet itself has 100.
"""

from collections.abc import Mapping

from prunesweep.sweeps.attacks import CORRUPTION_KINDS

Accuracies = Mapping[tuple[str, int], float]
"""Accuracy by (kind of corruption, severity), in [0, 1]."""

IMAGENET_C_SEVERITIES = (1, 2, 3, 4, 5)
# AlexNet's top-1 errors on ImageNet-C, each the mean over the five severities, as the authors of ImageNet-C give them.
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
# AlexNet's top-1 error on clean images: 43.45 % according to torchvision, 43.5 % in Table 1 of Hendrycks & Dietterich.
ALEXNET_CLEAN_ERROR = 0.4345


def is_complete(accuracies: Accuracies) -> bool:
    """Return whether there is an accuracy for all 15 kinds at all 5 severities, as ImageNet-C's metrics require."""
    return all((kind, severity) in accuracies for kind in CORRUPTION_KINDS for severity in IMAGENET_C_SEVERITIES)


def corruption_accuracy(accuracies: Accuracies) -> float:
    """Return the mean accuracy over all given kinds and severities, in [0, 1]."""
    return sum(accuracies.values()) / len(accuracies)


def mean_corruption_error(accuracies: Accuracies) -> float:
    """Return the mean corruption error (mCE), in percent of AlexNet's error.

    It is the mean over the kinds of Σₛ Eₛ / Σₛ Eₛ(AlexNet), where Eₛ is the error at severity s (Hendrycks &
    Dietterich 2019, §4.1).

    Args:
        accuracies: the accuracies for all kinds and severities (see ``is_complete``).
    """
    return _mean_percentage({kind: _mean_error(accuracies, kind) / error for kind, error in ALEXNET_ERRORS.items()})


def relative_mean_corruption_error(accuracies: Accuracies, clean_accuracy: float) -> float:
    """Return the relative mean corruption error (relative mCE), in percent of AlexNet's.

    It is the mean over the kinds of Σₛ (Eₛ − E_clean) / Σₛ (Eₛ − E_clean)(AlexNet), where Eₛ is the error at severity s
    and the denominator is the same sum for AlexNet (Hendrycks & Dietterich 2019, §4.1). It is negative for a network
    with a lower error on corrupted than on clean images.

    Args:
        accuracies: the accuracies for all kinds and severities (see ``is_complete``).
        clean_accuracy: the accuracy on clean images, in [0, 1].
    """
    clean_error = 1 - clean_accuracy
    return _mean_percentage(
        {
            kind: (_mean_error(accuracies, kind) - clean_error) / (error - ALEXNET_CLEAN_ERROR)
            for kind, error in ALEXNET_ERRORS.items()
        }
    )


def _mean_error(accuracies: Accuracies, kind: str) -> float:
    """Return the error under one kind of corruption, as the mean over the severities."""
    return 1 - sum(accuracies[kind, severity] for severity in IMAGENET_C_SEVERITIES) / len(IMAGENET_C_SEVERITIES)


def _mean_percentage(ratios: Mapping[str, float]) -> float:
    return 100 * sum(ratios.values()) / len(ratios)
