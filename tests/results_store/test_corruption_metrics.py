"""The metrics of common corruptions, by hand."""

from itertools import product

import pytest

from prunesweep.results_store.corruption_metrics import (
    ALEXNET_CLEAN_ERROR,
    ALEXNET_ERRORS,
    SEVERITIES,
    corruption_accuracy,
    is_complete,
    mean_corruption_error,
    relative_mean_corruption_error,
)
from prunesweep.sweeps.attacks import CORRUPTION_KINDS

ALEXNET: dict[tuple[str, int], float] = {
    (kind, s): 1 - ALEXNET_ERRORS[kind] for kind, s in product(CORRUPTION_KINDS, SEVERITIES)
}


def test_alexnet_has_a_hundred() -> None:
    assert mean_corruption_error(ALEXNET) == pytest.approx(100)
    assert relative_mean_corruption_error(ALEXNET, 1 - ALEXNET_CLEAN_ERROR) == pytest.approx(100)


def test_severities_are_averaged_before_kinds_are_compared_with_alexnets() -> None:
    """A network with no error but on fog: 0.1 … 0.5 there, 0.3 in the mean, and none on clean images."""
    accuracies = dict.fromkeys(ALEXNET, 1.0) | {("fog", s): 1 - s / 10 for s in SEVERITIES}
    assert mean_corruption_error(accuracies) == pytest.approx(100 * 0.3 / 0.819324 / 15)
    assert relative_mean_corruption_error(accuracies, 1.0) == pytest.approx(100 * 0.3 / (0.819324 - 0.4345) / 15)
    assert corruption_accuracy(accuracies) == pytest.approx((70 + 5 * 0.7) / 75)


def test_the_relative_error_is_of_what_corruptions_add() -> None:
    """A network that errs as often on corrupted images as on clean ones has none."""
    accuracies = dict.fromkeys(ALEXNET, 0.25)
    assert relative_mean_corruption_error(accuracies, 0.25) == pytest.approx(0)
    assert relative_mean_corruption_error(accuracies, 0.20) < 0
    # by hand: 0.75 − 0.70 over each kind's own denominator
    expected = 100 / 15 * sum(0.05 / (error - 0.4345) for error in ALEXNET_ERRORS.values())
    assert relative_mean_corruption_error(accuracies, 0.30) == pytest.approx(expected)


def test_the_benchmark_is_all_kinds_at_all_severities() -> None:
    assert is_complete(ALEXNET)
    assert set(ALEXNET_ERRORS) == set(CORRUPTION_KINDS)
    for cell in (("fog", 3), ("jpeg_compression", 5)):
        assert not is_complete({other: share for other, share in ALEXNET.items() if other != cell})
