"""The expected calibration error: by hand, by its definition, and of networks whose calibration is known."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from prunesweep.results_store.predictions import Predictions
from prunesweep.sweeps.attacks import Clean
from prunesweep.workers.attacks.calibration import expected_calibration_error
from prunesweep.workers.attacks.clean import clean
from prunesweep.workers.attacks.subject import Subject
from prunesweep.workers.data.split import Split
from tests.helpers.making import MakeNetwork


def predictions(confidences: list[float] | NDArray[Any], correct: list[bool] | NDArray[Any]) -> Predictions:
    """Predictions of class 0 with these confidences; a misclassified image is of class 1."""
    return Predictions(1 - np.asarray(correct, int), np.zeros(len(correct), int), np.asarray(confidences))


def by_definition(confidences: NDArray[Any], correct: NDArray[Any], bins: int) -> float:
    """Guo et al. 2017, eqs. 2 and 3, bin by bin."""
    error = 0.0
    for m in range(1, bins + 1):
        inside = (confidences > (m - 1) / bins) & (confidences <= m / bins)
        if inside.any():
            error += inside.sum() / len(confidences) * abs(correct[inside].mean() - confidences[inside].mean())
    return error


def test_it_by_hand() -> None:
    # Of 15 bins, the last one has two images (accuracy 0.5, confidence 0.95), and the fifth two (0.5 and 0.31).
    given = predictions([0.95, 0.30, 0.95, 0.32], [True, False, False, True])
    assert expected_calibration_error(given) == pytest.approx(2 / 4 * 0.45 + 2 / 4 * 0.19)
    # A bin includes its upper bound: 0.5 and 0.3 share the lower of two bins, so that their errors cancel.
    assert expected_calibration_error(predictions([0.5, 0.3], [False, True]), bins=2) == pytest.approx(0.1)
    assert expected_calibration_error(predictions([1.0, 1.0, 1.0, 1.0], [True, True, True, False])) == 0.25


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_it_by_its_definition(bins: int) -> None:
    generator = np.random.default_rng(bins)
    confidences = generator.beta(4, 1, 5000)
    correct = generator.random(5000) < confidences**2  # overconfident
    found = expected_calibration_error(predictions(confidences, correct), bins)
    assert found == pytest.approx(by_definition(confidences, correct, bins), abs=1e-12)
    assert found > 0.1


def test_a_perfectly_calibrated_network_has_nearly_none() -> None:
    generator = np.random.default_rng(0)
    confidences = generator.random(200_000)
    assert expected_calibration_error(predictions(confidences, generator.random(200_000) < confidences)) < 0.005


def test_the_clean_evaluation_has_the_predictions_and_their_error(random_network: MakeNetwork) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (300, 3, 16, 16), generator=generator, dtype=torch.uint8)  # more than one batch
    labels = torch.randint(3, (300,), generator=generator)
    network = random_network("resnet20")
    evaluation = clean(Subject(network, Split(images, labels), "images"), Clean())
    found = evaluation.predictions
    assert found is not None
    with torch.no_grad():
        softmax = network(images.float() / 255).softmax(1).numpy()
    np.testing.assert_array_equal(found.labels, labels.numpy())
    np.testing.assert_array_equal(found.predicted, softmax.argmax(1))
    np.testing.assert_allclose(found.confidences, softmax.max(1), atol=1e-5)
    np.testing.assert_array_equal(found.labels == found.predicted, evaluation.outcomes[0].correct)
    expected = by_definition(softmax.max(1), softmax.argmax(1) == labels.numpy(), 15)
    assert evaluation.measures["ece"] == pytest.approx(expected, abs=1e-5)
