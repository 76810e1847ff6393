"""Comparison of settings over seeds and images, and membership of the front, on a store of trained networks."""

import json
import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from typer.testing import CliRunner

from prunesweep import compare_settings, pareto_front
from prunesweep.orchestrator.cli import app
from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.orchestrator.query.trials import trials_of
from prunesweep.orchestrator.selection.dominance import non_dominated
from prunesweep.orchestrator.statistics import smallest_gain
from prunesweep.results_store import Store
from prunesweep.results_store.documents import EvaluationResult, NetworkResult
from prunesweep.results_store.halves import selection_half
from prunesweep.results_store.image_scores import ImageScores
from prunesweep.results_store.schema import ACCURACIES
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.workers import load_dataset, run_trial
from tests.helpers.command import command

SWEEP = """
name: compared
dataset: {name: digits, size: 16, train_limit: 160, test_limit: 120}
baseline: {epochs: 2, learning_rate: 0.02, batch_size: 32}
adjustment: {epochs: 1, learning_rate: 0.01}
pruning: {scoring_images: 16}
seeds: [0, 1]
axes: {architecture: resnet20, structure: [filters, layers], criterion: l1, adjustment: fine_tune, ratio: 0.3}
attacks: {fgsm: {epsilons: [0.02], headline: 0.02}, corruptions: {kinds: [fog, contrast, pixelate], severities: [5]}}
"""
IMAGES = 120


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Per seed a baseline, a control, one network with fewer filters and one with fewer blocks."""
    sweep = parse_sweep(SWEEP)
    store, data = Store(str(tmp_path_factory.mktemp("store"))), load_dataset(sweep.dataset)
    for trial in grow_tree(sweep):
        run_trial(trial, store, data)
    return store


def outcomes(store: Store, key: str, attack: str) -> np.ndarray:
    """The outcomes, (kinds, images), of a trial that was attacked once."""
    (evaluation,) = (each for each in store.evaluations([key]) if each["attack"] == attack)
    return np.stack([*store.load_outcomes(evaluation["key"]).values()])


def row_of(table: pd.DataFrame, figure: str, **settings: Any) -> pd.Series:
    chosen = table[(table["figure"] == figure) & (table[[*settings]] == pd.Series(settings)).all(axis=1)]
    (row,) = (row for _, row in chosen.iterrows())
    return row


# ------------------------------------------------------------------------------------------------ outcomes


def test_evaluations_of_trials_are_read_from_the_index(store: Store) -> None:
    keys = store.table("trials")["trial_key"].tolist()
    found = store.evaluations(keys[:2])
    assert Counter(each["trial_key"] for each in found) == dict.fromkeys(keys[:2], 3)
    assert {each["attack"] for each in found} == {"clean", "fgsm", "corruptions"}
    assert [each["finished_at"] for each in found] == sorted(each["finished_at"] for each in found)
    assert store.evaluations(["no such trial"]) == []


@pytest.mark.parametrize("gain", ["gain", "gain_over_control"])
def test_the_means_of_image_scores_are_the_figures_of_the_table(store: Store, gain: str) -> None:
    trials = store.table("trials")
    scores, half = ImageScores(store, trials), selection_half(IMAGES)
    compared = 0
    for _, row in trials.iterrows():
        for figure in ("generalization", "robustness", "robustness_fgsm", "robustness_corruptions"):
            of_images = scores.trial_scores(row["trial_key"], figure)
            assert of_images.mean() == pytest.approx(row[figure])
            assert of_images[half].mean() == pytest.approx(row[f"{figure}_selection"])
            if pd.notna(row[f"{figure}_{gain}"]):
                ours, theirs = scores.paired_scores_of_gain(row["trial_key"], figure, gain)
                assert 100 * (ours.mean() - theirs.mean()) == pytest.approx(row[f"{figure}_{gain}"])
                compared += 1
    assert compared == (6 if gain == "gain" else 4) * 4


# ----------------------------------------------------------------------------------------------- comparing


def test_seeds_of_a_setting_by_hand(store: Store) -> None:
    table = compare_settings(store)
    trials = store.table("trials")
    assert len(table) == 3 * 4  # control, filters and layers; generalization, robustness and two attacks
    row = row_of(table, "robustness_fgsm", structure="layers")
    seeds = trials[trials["structure"] == "layers"].sort_values("seed")
    one, two = seeds["robustness_fgsm_gain"]
    assert row["trial_keys"] == seeds["trial_key"].tolist()
    assert (row["seeds"], row["baselines"], row["images"]) == (2, 2, IMAGES)
    assert (row["mean"], row["sd"]) == pytest.approx(((one + two) / 2, abs(one - two) / math.sqrt(2)))
    reach = 12.7062 * abs(one - two) / 2  # t with one degree of freedom
    assert (row["seeds_low"], row["seeds_high"]) == pytest.approx((row["mean"] - reach, row["mean"] + reach), rel=1e-4)
    assert row["images_low"] <= row["mean"] <= row["images_high"]
    assert row["test"] == "bootstrap"  # the seeds share images, which McNemar's test does not allow for


def test_one_seed_is_tested_by_mcnemar_on_its_outcomes(store: Store) -> None:
    table = compare_settings(store, where=["seed == 1", "structure != none"], over="control")
    trials = store.table("trials").set_index("trial_key")
    for structure in ("filters", "layers"):
        row = row_of(table, "robustness_fgsm", structure=structure)
        (key,) = row["trial_keys"]
        ours, theirs = (outcomes(store, of, "fgsm")[0] for of in (key, trials.loc[key, "control_key"]))
        won, lost = (ours & ~theirs).sum(), (~ours & theirs).sum()
        expected = stats.binomtest(won, won + lost).pvalue if won + lost else 1.0
        assert (row["test"], row["p"]) == ("mcnemar", pytest.approx(expected))
        assert row["smallest_gain"] == pytest.approx(smallest_gain(IMAGES, (won + lost) / IMAGES))
        assert math.isnan(row["sd"]) and math.isnan(row["seeds_low"])
        assert row_of(table, "robustness_corruptions", structure=structure)["test"] == "bootstrap"
    assert set(table["structure"]) == {"filters", "layers"} and set(table["over"]) == {"control"}


def test_corruptions_are_resampled_by_image(store: Store) -> None:
    row = row_of(compare_settings(store, where=["seed == 0"]), "robustness_corruptions", structure="layers")
    (key,) = row["trial_keys"]
    baseline = store.table("trials").set_index("trial_key").loc[key, "baseline_key"]
    gains = 100.0 * (outcomes(store, key, "corruptions").mean(0) - outcomes(store, baseline, "corruptions").mean(0))
    assert row["mean"] == pytest.approx(gains.mean())
    picked = gains[np.random.default_rng(0).integers(0, IMAGES, (10_000, IMAGES))].mean(axis=1)
    low, high = np.quantile(picked, [0.025, 0.975])
    assert (row["images_low"], row["images_high"]) == pytest.approx((low, high), abs=0.5)


def test_holm_is_over_all_rows_of_the_table(store: Store) -> None:
    table = compare_settings(store, where=["seed == 0"])
    smallest = int(table["p"].argmin())
    assert table["p_holm"].iloc[smallest] == pytest.approx(min(1, len(table) * table["p"].min()))
    alone = compare_settings(store, where=["seed == 0", f"structure == {table['structure'].iloc[smallest]}"])
    assert alone["p"].min() == table["p"].min() and len(alone) < len(table)


def test_halves_are_compared_on_their_own_images(store: Store) -> None:
    trials = store.table("trials")
    for images, half in (("selection", selection_half(IMAGES)), ("report", ~selection_half(IMAGES))):
        row = row_of(compare_settings(store, images=images), "generalization", structure="filters")
        expected = trials.loc[trials["structure"] == "filters", f"generalization_gain_{images}"].mean()
        assert (row["images"], row["mean"]) == (half.sum(), pytest.approx(expected))
        assert row["images_low"] <= expected <= row["images_high"]


def settings_of(table: pd.DataFrame) -> list[str]:
    return list(dict.fromkeys(table["structure"]))


def test_settings_are_sorted_by_a_figure_or_a_column(store: Store) -> None:
    table = compare_settings(store)
    for figure in ("robustness", "robustness_fgsm", "generalization"):
        means = table[table["figure"] == figure].set_index("structure")["mean"]
        for name in (figure, figure.removeprefix("robustness_")):
            ordered = compare_settings(store, sort=name)
            assert settings_of(ordered) == means.sort_values(ascending=False).index.tolist()
            assert len(ordered) == len(table)
            assert ordered["figure"].tolist() == table["figure"].tolist()  # in the same order within a setting
    in_robustness = table[table["figure"] == "robustness"].set_index("structure")
    for column, ascending in (("mean", False), ("p", True), ("smallest_gain", True), ("seeds_low", False)):
        expected = in_robustness[column].sort_values(ascending=ascending).index.tolist()
        assert settings_of(compare_settings(store, sort=column)) == expected
    of_fgsm = compare_settings(store, sort="mean", figures=["fgsm"])
    assert settings_of(of_fgsm) == settings_of(compare_settings(store, sort="robustness_fgsm"))
    assert set(of_fgsm["figure"]) == {"robustness_fgsm"}


def test_p_values_are_adjusted_for_all_settings_whichever_are_shown(store: Store) -> None:
    best = compare_settings(store, sort="robustness", top=1)
    table = compare_settings(store)
    assert len(best) == 4 and best["comparisons"].unique().tolist() == [12]
    same = table[table["structure"] == best["structure"].iloc[0]].reset_index(drop=True)
    pd.testing.assert_frame_equal(best, same)
    shown = command("compare", "--store", store.url, "--top", "1", "--figure", "robustness,generalization").stdout
    assert "adjusted for all 6 comparisons, of which this table shows 2" in " ".join(shown.split())


def test_settings_without_a_number_to_sort_by_come_last(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    put_trial(store, "base", right(100))
    put_trial(store, "better", right(120), setting_key="better")
    put_trial(store, "worse", right(110), setting_key="worse")
    for seed, images in enumerate(("images", "others")):
        put_trial(store, f"base{seed}", right(100), seed, f"base{seed}", test_fingerprint=images)
        put_trial(store, f"a{seed}", right(199), seed, f"base{seed}", test_fingerprint=images)
    table = compare_settings(store, sort="generalization")
    assert [keys[0] for keys in table["trial_keys"]] == ["better", "worse", "a0"]


def test_the_mean_and_the_interval_over_seeds_are_shown(store: Store) -> None:
    row = row_of(compare_settings(store), "robustness_fgsm", structure="layers")
    shown = command("compare", "--store", store.url, "--wide", "--where", "structure == layers").stdout
    (line,) = (line for line in shown.splitlines() if line.startswith("  fgsm"))
    assert f"{row['mean']:+.2f} ± {row['sd']:.2f}" in line
    assert f"{row['seeds_low']:+.2f} … {row['seeds_high']:+.2f}" in line


def test_the_same_call_gives_the_same_numbers(store: Store) -> None:
    pd.testing.assert_frame_equal(compare_settings(store), compare_settings(store.url))


# ------------------------------------------------------- stores that training would take too long to make


def put_trial(
    store: Store,
    key: str,
    right: np.ndarray,
    seed: int = 0,
    baseline: str = "base",
    setting_key: str = "pruned",
    **given: Any,
) -> None:
    """Store a trial with the outcomes ``right``, bool (images,), on clean images; it is a baseline if it is its own."""
    is_baseline = key == baseline
    settings: dict[str, Any] = {"dataset": "digits", "architecture": "resnet20", "criterion": "l1", "seed": seed}
    settings |= {"structure": "filters", "adjustment": "fine_tune", "iterations": int(not is_baseline), "ratio": 0.1}
    network: dict[str, Any] = dict.fromkeys(NetworkResult.__required_keys__, 0)
    network |= {"kind": "network", "key": key, "settings": settings, "history": [], "versions": {}, "device": "cpu"}
    network |= {"setting": {"setting_key": "baseline" if is_baseline else setting_key}}
    network |= {"parent_key": None if is_baseline else baseline, "baseline_key": baseline, "control_key": None}
    store.save_result(network)  # type: ignore[arg-type]  # plain JSON, as it is read
    half = selection_half(len(right))
    counts = [int(right.sum()), int(right[half].sum()), int(right[~half].sum())]
    evaluation: dict[str, Any] = dict.fromkeys(EvaluationResult.__required_keys__, 0)
    evaluation |= {"kind": "evaluation", "key": f"{key}-clean", "trial_key": key, "attack": "clean", "headline": ""}
    evaluation |= {"version": 1, "test_fingerprint": "images", "measures": {}, "source": ""}
    evaluation |= {"total": [len(right), int(half.sum()), int((~half).sum())]}
    evaluation |= {"counts": [{"kind": "clean", "severity": 0, "correct": counts}], **given}
    store.save_outcomes(f"{key}-clean", {"clean": right})
    store.save_result(evaluation)  # type: ignore[arg-type]  # plain JSON, as it is read


def right(correct: int, images: int = 200) -> np.ndarray:
    return np.arange(images) < correct


def test_the_output_says_that_seeds_share_a_baseline(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    put_trial(store, "base", right(100))
    for seed in range(3):
        put_trial(store, f"pruned{seed}", right(110 + seed), seed)
    (row,) = (row for _, row in compare_settings(store).iterrows())
    assert (row["seeds"], row["baselines"], row["mean"], row["sd"]) == (3, 1, pytest.approx(5.5), pytest.approx(0.5))
    ran = CliRunner().invoke(app, ["compare", "--store", store.url])
    assert "Averaged over 1 baseline: trials that share a baseline give no information on how" in " ".join(
        ran.output.split()
    )


def test_seeds_tested_on_other_images_are_not_pooled(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    for seed, images in enumerate(("images", "others")):
        put_trial(store, f"base{seed}", right(100), seed, f"base{seed}", test_fingerprint=images)
        put_trial(store, f"pruned{seed}", right(120), seed, f"base{seed}", test_fingerprint=images)
    (row,) = (row for _, row in compare_settings(store).iterrows())
    assert (row["seeds"], row["images"], row["test"]) == (2, 0, "")
    assert all(math.isnan(row[name]) for name in ("mean", "seeds_low", "images_low", "p", "p_holm", "smallest_gain"))
    ran = CliRunner().invoke(app, ["compare", "--store", store.url])
    assert "1 comparison could not be made because the seeds were not tested in the same way." in " ".join(
        ran.output.split()
    )
    # Each seed alone can be compared.
    (row,) = (row for _, row in compare_settings(store, where=["seed == 1"]).iterrows())
    assert (row["mean"], row["p"]) == (pytest.approx(10), pytest.approx(2 / 2**20))


# ----------------------------------------------------------------------------------------- membership


def test_membership_as_drawing_images_one_by_one(store: Store) -> None:
    front = pareto_front(store, objectives=["generalization", "robustness", "flops"], membership=True)
    assert front.table["on_front"].between(0, 1).all()
    half = selection_half(IMAGES)
    generator = np.random.default_rng(9)
    drawn = generator.integers(0, half.sum(), (2_000, half.sum()))
    values = []
    for keys in front.compared["trial_keys"]:
        clean = np.mean([outcomes(store, key, "clean")[0][half] for key in keys], axis=0)
        attacked = [[outcomes(store, key, a).mean(0)[half] for a in ("fgsm", "corruptions")] for key in keys]
        values.append((clean[drawn].mean(1), np.mean(attacked, axis=(0, 1))[drawn].mean(1)))
    flops = np.broadcast_to(front.compared["flops"].to_numpy()[:, None], (len(values), 2_000))
    losses = np.stack([*-np.array(values).round(9).transpose(1, 0, 2), flops], axis=-1)
    expected = [non_dominated(losses[:, draw]) for draw in range(2_000)]
    np.testing.assert_allclose(front.compared["on_front"], np.mean(expected, axis=0), atol=0.05)
    of_key = dict(zip(front.compared["trial_keys"].str[0], front.compared["on_front"], strict=True))
    assert front.table["on_front"].tolist() == [of_key[keys[0]] for keys in front.table["trial_keys"]]
    assert (
        (front.compared["on_front"] > 0.1) & (front.compared["on_front"] < 0.9)
    ).any()  # otherwise the comparison would show little


@pytest.mark.parametrize(("apart", "ties"), [(0, 1.0), (2, (1 - 2 / 200) ** 200), (40, 0.0)])
def test_membership_by_hand(tmp_path: Path, apart: int, ties: float) -> None:
    """The worse of two is on the front if a resample has no image on which they differ: then they are equal."""
    store, chosen = Store(str(tmp_path)), np.flatnonzero(selection_half(400))
    put_trial(store, "base", np.isin(np.arange(400), chosen[:100]))
    put_trial(store, "pruned", np.isin(np.arange(400), chosen[: 100 + apart]))
    front = pareto_front(store, objectives=["generalization"], membership=True)
    on_front = dict(zip(front.compared["trial_keys"].str[0], front.compared["on_front"], strict=True))
    assert on_front == {"pruned": 1.0, "base": pytest.approx(ties, abs=0.03)}


def test_membership_of_gains_leaves_costs_alone(store: Store) -> None:
    front = pareto_front(store, objectives=["robustness_fgsm_gain", "flops"], membership=True)
    cheapest = int(front.compared["flops"].argmin())
    assert front.compared["on_front"].iloc[cheapest] == 1.0  # no other is as cheap, whatever the images
    of_costs = pareto_front(store, objectives=["flops"], membership=True)
    assert sorted(of_costs.compared["on_front"]) == [0.0] * (of_costs.candidates - 1) + [1.0]
    assert "on_front" not in pareto_front(store).table


# ------------------------------------------------------------------------------------------- the commands


def test_compare_prints_a_table_and_json(store: Store) -> None:
    shown = CliRunner().invoke(app, ["compare", "--store", store.url, "--over", "control"])
    assert shown.exit_code == 0, shown.output
    said = " ".join(shown.output.split())
    for words in (
        "Gains over the control",
        "resnet20 layers l1",
        "On 120 test images",
        "8 comparisons",
    ):
        assert words in said
    ran = CliRunner().invoke(app, ["compare", "--store", store.url, "--where", "seed == 0", "--json"])
    records = json.loads(ran.output)
    assert {record["figure"] for record in records} < set(ACCURACIES)
    assert all(record["sd"] is None and 0 <= record["p_holm"] <= 1 for record in records)


def test_pareto_shows_membership_where_it_is_asked_for(store: Store) -> None:
    shown = CliRunner().invoke(app, ["pareto", "--store", store.url, "--membership"])
    front = pareto_front(store, membership=True)
    others = int((front.compared["on_front"] >= 0.05).sum() - (front.table["on_front"] >= 0.05).sum())
    reach = "1 other candidate reaches" if others == 1 else f"{others} other candidates reach"
    assert "on front" in shown.output and f"{reach} 0.05" in " ".join(shown.output.split())
    plain = CliRunner().invoke(app, ["pareto", "--store", store.url])
    assert "on front" not in plain.output
    ran = json.loads(CliRunner().invoke(app, ["pareto", "--store", store.url, "--membership", "--json"]).output)
    assert len(ran["membership"]) == ran["candidates"] == 4
    assert all(0 <= record["on_front"] <= 1 for record in ran["front"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--over", "controls"], "'controls' is not a reference for gains; did you mean 'control'?"),
        (["--images", "half"], "'half' is not a set of test images"),
        (["--sort", "robustnes"], "'robustnes' is not a column or a figure to sort by; did you mean 'robustness'?"),
        (["--sort", "fgsm", "--figure", "generalization"], "'fgsm' is not a column or a figure to sort by"),
        (["--top", "0"], "top 0: the number of settings to show is at least 1"),
        (["--figure", "fgms"], "'fgms' is not a figure"),
        (
            ["--where", "structure == none", "--over", "control"],
            "nothing to compare: of 8 trials, none meets structure",
        ),
        (["--where", "structure == filtres"], "did you mean filters?"),
        (["--sweep", "other"], "'other' is not a sweep of"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_one_line(store: Store, arguments: list[str], said: str) -> None:
    ran = CliRunner().invoke(app, ["compare", "--store", store.url, *arguments])
    assert ran.exit_code == 2 and ran.stderr.count("\n") == 1
    assert said in ran.stderr


def test_an_empty_store_has_nothing_to_compare(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "none"))
    store.prepare()
    with pytest.raises(SelectionError, match="nothing to compare: of 0 trials"):
        compare_settings(store)
    assert trials_of(store, None).empty
