"""Predictions in the store, and the counts of each class, by hand and beside older documents."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from prunesweep.results_store import Store
from prunesweep.results_store.documents import ClassCounts, Document
from prunesweep.results_store.halves import selection_half
from prunesweep.results_store.predictions import Predictions, count_by_class
from tests.helpers.documents import baseline, control, evaluation, network

COUNTS: dict[str, ClassCounts] = {
    "base": {
        "total": [[60, 40, 0], [30, 20, 0], [30, 20, 0]],
        "correct": [[50, 30, 0], [22, 20, 0], [28, 10, 0]],
        "predicted": [55, 40, 5],
        "names": ["cat", "dog", "bird"],
    },
    "control": {
        "total": [[60, 40, 0], [30, 20, 0], [30, 20, 0]],
        "correct": [[54, 30, 0], [24, 18, 0], [30, 12, 0]],
        "predicted": [60, 39, 1],
        "names": ["cat", "dog", "bird"],
    },
    "pruned": {
        "total": [[60, 40, 0], [30, 20, 0], [30, 20, 0]],
        "correct": [[51, 10, 0], [21, 6, 0], [30, 4, 0]],
        "predicted": [90, 10, 0],
        "names": ["cat", "dog", "bird"],
    },
}


def evaluated(trial: str, **given: Any) -> Document:
    """A trial's clean evaluation with its counts."""
    counts = given.setdefault("classes", COUNTS[trial])
    return evaluation(trial, "clean", [sum(half) for half in counts["correct"]], **given)


def table_of(documents: list[Document], store: Store) -> pd.DataFrame:
    store.prepare()
    for document in documents:
        assert document["kind"] != "failure"
        store.save_result(document)
    return store.table("classes")


@pytest.fixture(params=["as drawn", "of 1000 classes"])
def predictions(request: pytest.FixtureRequest) -> Predictions:
    generator, classes = np.random.default_rng(0), 1000 if request.param == "of 1000 classes" else 10
    labels = generator.integers(classes, size=500)
    return Predictions(labels, generator.permutation(labels), generator.random(500))


def test_predictions_come_back_beside_the_outcomes(store: Store, predictions: Predictions) -> None:
    correct = predictions.labels == predictions.predicted
    store.save_outcomes("one", {"clean": correct}, predictions)
    found = store.load_predictions("one")
    assert found is not None
    np.testing.assert_array_equal(found.labels, predictions.labels)
    np.testing.assert_array_equal(found.predicted, predictions.predicted)
    np.testing.assert_allclose(found.confidences, predictions.confidences, rtol=0, atol=0.00025)
    assert list(store.load_outcomes("one")) == ["clean"]  # as for an earlier version, which reads nothing else
    np.testing.assert_array_equal(store.load_outcomes("one")["clean"], correct)


def test_a_prediction_takes_four_bytes(store: Store) -> None:
    numbers = np.arange(50_000) % 256
    store.save_outcomes("one", {"clean": np.ones(50_000, bool)}, Predictions(numbers, numbers, numbers / 255))
    assert len(store.objects.get("outcomes/one.safetensors")) < 50_000 * (4 + 1 / 8) + 1000


def test_outcomes_of_attacks_and_of_older_versions_have_no_predictions(store: Store) -> None:
    store.save_outcomes("one", {"fgsm": np.array([True, False])})
    assert store.load_predictions("one") is None


def test_counts_by_hand() -> None:
    labels, predicted = np.array([0, 0, 1, 1, 1, 3]), np.array([0, 1, 1, 1, 0, 3])
    half = selection_half(6)
    counts = count_by_class(Predictions(labels, predicted, np.ones(6)), ["cat", "dog", "bird", "frog"])
    assert (counts["total"][0], counts["correct"][0]) == ([2, 3, 0, 1], [1, 2, 0, 1])
    assert (counts["predicted"], counts["names"]) == ([2, 3, 0, 1], ["cat", "dog", "bird", "frog"])
    for images, mask in enumerate((half, ~half), 1):
        of_class = [(labels == number) & mask for number in range(4)]
        assert counts["total"][images] == [int(flags.sum()) for flags in of_class]
        assert counts["correct"][images] == [int((flags & (predicted == labels)).sum()) for flags in of_class]


def test_numbers_are_not_stored_as_names() -> None:
    given = Predictions(np.array([0, 1]), np.array([1, 1]), np.ones(2))
    assert "names" not in count_by_class(given, ["0", "1"])
    assert count_by_class(given, ["1", "0"]).get("names") == ["1", "0"]


def test_a_class_is_a_row_with_its_accuracies_and_gains(store: Store) -> None:
    stored: list[Document] = [baseline(), control(), network()]
    table = table_of([*stored, *map(evaluated, COUNTS)], store)
    assert table["trial_key"].tolist() == ["base"] * 3 + ["control"] * 3 + ["pruned"] * 3
    assert table["class"].tolist() == [0, 1, 2] * 3
    assert table["name"].tolist() == ["cat", "dog", "bird"] * 3
    cat, dog, bird = table[table["trial_key"] == "pruned"].to_dict("records")
    assert cat == {
        "trial_key": "pruned",
        "class": 0,
        "name": "cat",
        "total": 60,
        "correct": 51,
        "accuracy": 0.85,
        "total_selection": 30,
        "correct_selection": 21,
        "accuracy_selection": 0.7,
        "total_report": 30,
        "correct_report": 30,
        "accuracy_report": 1.0,
        "predicted": 90,
        "gain": pytest.approx(100 / 60),
        "gain_over_control": pytest.approx(-5),
        "test_fingerprint": "images",
    }
    assert (dog["gain"], dog["gain_over_control"]) == pytest.approx((-50, -50))
    assert bird["total"] == 0 and all(pd.isna(bird[name]) for name in ("accuracy", "gain", "gain_over_control"))
    assert table.loc[table["trial_key"] == "base", ["gain", "gain_over_control"]].isna().all(axis=None)


OTHERWISE: dict[str, list[Document]] = {
    "by an older version": [evaluation("base", "clean", [80, 42, 38])],
    "on other images": [evaluated("base", test_fingerprint="other")],
    "not at all": [],
}


@pytest.mark.parametrize("reference", OTHERWISE.values(), ids=OTHERWISE)
def test_there_is_no_gain_over_a_baseline_that_was_evaluated_otherwise(store: Store, reference: list[Document]) -> None:
    table = table_of([baseline(), network(), *reference, evaluated("pruned")], store)
    pruned = table[table["trial_key"] == "pruned"]
    assert len(pruned) == 3 and pruned["gain"].isna().all()


def test_trials_of_older_versions_have_no_rows_and_no_calibration_error(store: Store) -> None:
    table = table_of([baseline(), evaluation("base", "clean", [80, 42, 38])], store)
    assert table.empty
    assert store.table("trials")["ece"].isna().all()


def test_the_rows_are_those_of_the_latest_test_images(store: Store) -> None:
    fewer: ClassCounts = {
        "total": [[6, 4], [3, 2], [3, 2]],
        "correct": [[6, 1], [3, 0], [3, 1]],
        "predicted": [9, 1],
    }
    later = evaluated("base", key="base-later", test_fingerprint="fewer", classes=fewer, finished_at=9.0)
    table = table_of([baseline(), evaluated("base"), later], store)
    assert table["test_fingerprint"].tolist() == ["fewer"] * 2
    assert table["name"].isna().all()
    assert table["accuracy"].tolist() == [1.0, 0.25]


def test_a_store_with_tables_of_an_older_version_gets_the_new_one(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    table_of([baseline(), evaluated("base")], store)
    store.objects.delete("classes/classes.parquet")
    assert len(store.table("classes")) == 3
