"""Which classes pruning forgets: counts of real trials, and gains per class with paired intervals."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from prunesweep.orchestrator.comparison.classes import CLASS_GAIN_COLUMNS, class_gains
from prunesweep.orchestrator.statistics import holm
from prunesweep.orchestrator.statistics.paired_proportions import paired_proportion_interval
from prunesweep.results_store import Store
from prunesweep.sweeps.language import Sweep
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.workers import load_dataset, run_trial

SWEEP = """
name: classes
dataset: {name: digits, size: 16, train_limit: 200, test_limit: 120}
baseline: {epochs: 4, learning_rate: 0.05, batch_size: 32}
adjustment: {epochs: 1, learning_rate: 0.01}
pruning: {scoring_images: 16}
axes: {architecture: resnet20, structure: filters, criterion: l1, ratio: 0.2}
attacks: {fgsm: {epsilons: [0.02], headline: 0.02}}
"""
STORES = Path(__file__).resolve().parents[1] / "stores"
OLD_PRUNED = "1d7dd2efeebe5378b28b4b3a2fc13ca0"


def run_all(sweep: Sweep, store: Store) -> Store:
    data = load_dataset(sweep.dataset)
    for trial in grow_tree(sweep):
        run_trial(trial, store, data)
    return store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A baseline, its control and one pruned network."""
    return run_all(parse_sweep(SWEEP), Store(str(tmp_path_factory.mktemp("store"))))


def row_of(store: Store, **settings: Any) -> dict[str, Any]:
    """The one trial with these settings, nulls as None."""
    trials = store.table("trials").astype(object)
    (row,) = trials.where(trials.notna(), None)[(trials[[*settings]] == pd.Series(settings)).all(axis=1)].to_dict(
        "records"
    )
    return {str(name): value for name, value in row.items()}


# ------------------------------------------------------------------------------------------------- the counts


def test_the_classes_of_a_trial_add_up_to_its_accuracies(store: Store) -> None:
    classes = store.table("classes")
    assert len(classes) == 3 * 10
    for key, of_trial in classes.groupby("trial_key"):
        trial = row_of(store, trial_key=key)
        assert of_trial["class"].tolist() == [*range(10)]
        for half in ("", "_selection", "_report"):
            total, correct = of_trial[f"total{half}"].sum(), of_trial[f"correct{half}"].sum()
            assert (total, correct / total) == (120 if half == "" else 60, trial[f"generalization{half}"])
        assert of_trial["predicted"].sum() == 120
        assert 0 < trial["ece"] < 1
        if trial["parent_key"] is not None:
            weighted = (of_trial["total"] * of_trial["gain"]).sum() / 120
            assert weighted == pytest.approx(trial["generalization_gain"])


def test_the_stored_predictions_are_those_that_were_counted(store: Store) -> None:
    for evaluation in store.evaluations(store.table("trials")["trial_key"].tolist()):
        predictions = store.load_predictions(evaluation["key"])
        if evaluation["attack"] != "clean":
            assert predictions is None and "classes" not in evaluation
            continue
        assert predictions is not None
        correct = predictions.labels == predictions.predicted
        np.testing.assert_array_equal(correct, store.load_outcomes(evaluation["key"])["clean"])
        counts = evaluation["classes"]
        assert counts["predicted"] == [int((predictions.predicted == number).sum()) for number in range(10)]
        assert counts["correct"][0] == [int((correct & (predictions.labels == number)).sum()) for number in range(10)]
        assert predictions.confidences.min() > 1 / 10 - 0.00025


def test_predictions_are_the_same_bits_whatever_else_runs(store: Store, tmp_path: Path) -> None:
    change = ["attacks={occlusion: {sides: [4], headline: 4}}", "axes.iterations=0"]
    other = run_all(parse_sweep(SWEEP, change), Store(str(tmp_path)))
    (name,) = set(store.objects.names("outcomes")) & set(other.objects.names("outcomes"))
    assert store.objects.get(f"outcomes/{name}") == other.objects.get(f"outcomes/{name}")


# -------------------------------------------------------------------------------------------------- the gains


@pytest.mark.parametrize(("structure", "over"), [("filters", "control"), ("none", "baseline")])
def test_gains_by_hand(store: Store, structure: str, over: str) -> None:
    trial = row_of(store, structure=structure, iterations=1)
    gains = class_gains(store, trial)
    assert gains is not None and gains.over == over
    table = gains.table
    assert tuple(table.columns) == CLASS_GAIN_COLUMNS
    assert table["gain"].is_monotonic_increasing and table["gain"].iloc[0] < 0
    column = "gain_over_control" if over == "control" else "gain"
    classes = store.table("classes")
    expected = classes[classes["trial_key"] == trial["trial_key"]].set_index("class").loc[table["class"]]
    np.testing.assert_allclose(table["gain"], expected[column], atol=1e-9)
    np.testing.assert_allclose(table["accuracy"], expected["accuracy"])
    assert table["images"].tolist() == expected["total"].tolist()
    assert (table["low"] <= table["gain"]).all() and (table["gain"] <= table["high"]).all()
    np.testing.assert_allclose(table["p_holm"], holm(table["p"].to_numpy()))
    clean = {
        each["trial_key"]: each["key"]
        for each in store.evaluations([trial["trial_key"], trial[f"{over}_key"]])
        if each["attack"] == "clean"
    }
    ours, theirs = (store.load_outcomes(clean[trial[name]])["clean"] for name in ("trial_key", f"{over}_key"))
    predictions = store.load_predictions(clean[trial["trial_key"]])
    assert predictions is not None
    worst = table.iloc[0]
    of_class = predictions.labels == worst["class"]
    won, lost = int((ours & ~theirs & of_class).sum()), int((~ours & theirs & of_class).sum())
    assert worst["p"] == pytest.approx(stats.binomtest(won, won + lost).pvalue)
    assert worst["reference"] == theirs[of_class].mean()
    assert (worst["low"], worst["high"]) == paired_proportion_interval(won, lost, int(of_class.sum()))


def test_a_baseline_has_nothing_to_be_compared_with(store: Store) -> None:
    gains = class_gains(store, row_of(store, iterations=0))
    assert gains is not None and gains.over is None
    assert tuple(gains.table.columns) == CLASS_GAIN_COLUMNS
    assert gains.table["accuracy"].is_monotonic_increasing and gains.table["images"].sum() == 120
    assert gains.table[["reference", "gain", "low", "high", "p", "p_holm"]].isna().all(axis=None)


def test_a_trial_that_an_older_version_evaluated_has_no_classes(tmp_path: Path) -> None:
    old = Store(shutil.copytree(STORES / "version_0.1.0" / "store", str(tmp_path / "store")))
    assert class_gains(old, row_of(old, trial_key=OLD_PRUNED)) is None


# ----------------------------------------------------------------------------------------------- the interval


def test_the_interval_of_a_published_example() -> None:
    # Fagerland, Lydersen and Laake (2014): 1 of 21 children reacted only before, 7 only after a transplantation.
    assert paired_proportion_interval(1, 7, 21) == pytest.approx((-50.8, -1.3), abs=0.05)


def test_the_interval_is_symmetric_and_has_a_width_without_differences() -> None:
    low, high = paired_proportion_interval(3, 8, 30)
    assert paired_proportion_interval(8, 3, 30) == pytest.approx((-high, -low))
    low, high = paired_proportion_interval(0, 0, 40)
    assert low == -high < -5
    assert paired_proportion_interval(1, 0, 1, confidence=0.999)[1] == 100


@pytest.mark.parametrize(("ours", "theirs"), [(0.02, 0.02), (0.02, 0.2), (0.3, 0.1)])
def test_the_interval_covers_the_difference_as_often_as_it_says(ours: float, theirs: float) -> None:
    images = 36
    drawn = np.random.default_rng(0).multinomial(images, [ours, theirs, 1 - ours - theirs], 3000)
    intervals = np.array([paired_proportion_interval(won, lost, images) for won, lost, _ in drawn.tolist()])
    covered = (intervals[:, 0] <= 100 * (ours - theirs)) & (100 * (ours - theirs) <= intervals[:, 1])
    assert covered.mean() > 0.935
