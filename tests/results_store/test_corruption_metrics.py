"""The metrics of common corruptions against values computed by hand."""

from itertools import product

import pytest

from prunesweep.results_store.corruption_metrics import (
    ALEXNET_CLEAN_ERROR,
    ALEXNET_ERRORS,
    IMAGENET_C_SEVERITIES,
    corruption_accuracy,
    is_complete,
    mean_corruption_error,
    relative_mean_corruption_error,
)
from prunesweep.sweeps.attacks import CORRUPTION_KINDS

ALEXNET: dict[tuple[str, int], float] = {
    (kind, s): 1 - ALEXNET_ERRORS[kind] for kind, s in product(CORRUPTION_KINDS, IMAGENET_C_SEVERITIES)
}


def test_alexnet_has_100_percent() -> None:
    assert mean_corruption_error(ALEXNET) == pytest.approx(100)
    assert relative_mean_corruption_error(ALEXNET, 1 - ALEXNET_CLEAN_ERROR) == pytest.approx(100)


def test_severities_are_averaged_before_kinds_are_compared_with_alexnets() -> None:
    """A network without errors except under fog: 0.1 to 0.5 by severity, 0.3 on average."""
    accuracies = dict.fromkeys(ALEXNET, 1.0) | {("fog", s): 1 - s / 10 for s in IMAGENET_C_SEVERITIES}
    assert mean_corruption_error(accuracies) == pytest.approx(100 * 0.3 / 0.819324 / 15)
    assert relative_mean_corruption_error(accuracies, 1.0) == pytest.approx(100 * 0.3 / (0.819324 - 0.4345) / 15)
    assert corruption_accuracy(accuracies) == pytest.approx((70 + 5 * 0.7) / 75)


def test_the_relative_error_measures_what_corruptions_add() -> None:
    """A network with the same error on corrupted and on clean images has a relative error of 0."""
    accuracies = dict.fromkeys(ALEXNET, 0.25)
    assert relative_mean_corruption_error(accuracies, 0.25) == pytest.approx(0)
    assert relative_mean_corruption_error(accuracies, 0.20) < 0
    # by hand: 0.75 − 0.70, divided by AlexNet's difference under each kind
    expected = 100 / 15 * sum(0.05 / (error - 0.4345) for error in ALEXNET_ERRORS.values())
    assert relative_mean_corruption_error(accuracies, 0.30) == pytest.approx(expected)


def test_the_benchmark_is_all_kinds_at_all_severities() -> None:
    assert is_complete(ALEXNET)
    assert set(ALEXNET_ERRORS) == set(CORRUPTION_KINDS)
    for cell in (("fog", 3), ("jpeg_compression", 5)):
        assert not is_complete({other: share for other, share in ALEXNET.items() if other != cell})
