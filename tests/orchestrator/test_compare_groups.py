"""Comparison of trials, settings, conditions and sweeps with each other: which trials are paired, and the numbers."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from prunesweep import compare_groups
from prunesweep.orchestrator.comparison.compare_groups import GroupComparison
from prunesweep.orchestrator.statistics import smallest_gain
from prunesweep.results_store import Store
from prunesweep.results_store.halves import selection_half
from tests.helpers.command import command, refusal
from tests.helpers.stored_trials import IMAGES, right, store_baseline, store_evaluation, store_pruned, store_trial

T_OF_ONE_DEGREE = 12.7062  # the 97.5 % quantile of Student's t


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def only_row(compared: GroupComparison) -> pd.Series:
    (row,) = (row for _, row in compared.table.iterrows())
    return row


def pairs_of(compared: GroupComparison) -> set[tuple[str, str]]:
    row = only_row(compared)
    return {*zip(row["reference_keys"], row["trial_keys"], strict=True)}


# ------------------------------------------------------------------------------------------------------ two trials


def test_two_trials_are_compared_image_by_image(store: Store) -> None:
    generator = np.random.default_rng(0)
    theirs, ours = generator.random(IMAGES) < 0.4, generator.random(IMAGES) < 0.6
    store_baseline(store)
    store_pruned(store, "aaaa0000", theirs, criterion="l1", flops=1000)
    store_pruned(store, "bbbb0000", ours, criterion="pls", flops=900)
    compared = compare_groups(store, groups=["aaaa", "bbbb0"], figures=["robustness"])
    row = only_row(compared)
    won, lost = int((ours & ~theirs).sum()), int((~ours & theirs).sum())
    assert row["mean"] == pytest.approx(won - lost)
    assert (row["test"], row["p"]) == ("mcnemar", pytest.approx(stats.binomtest(won, won + lost).pvalue))
    assert row["smallest_gain"] == pytest.approx(smallest_gain(IMAGES, (won + lost) / IMAGES))
    assert (row["reference_accuracy"], row["accuracy"]) == pytest.approx((theirs.mean(), ours.mean()))
    assert (row["reference_flops"], row["flops"], row["pairs"], row["ahead"]) == (1000, 900, 1, 1)
    assert math.isnan(row["low"]) and row["images_low"] < row["mean"] < row["images_high"]
    (other,) = compared.others
    assert other.pairing.differing == {"criterion": (("l1",), ("pls",))} and other.left_out == ()
    said = " ".join(command("compare", "aaaa", "bbbb", "--store", store.url).stdout.split())
    assert "Compared with aaaa0000 resnet20 filters l1 0.1 ×1 fine_tune, seed 0" in said
    assert "1 pair of pruned networks; criterion l1 → pls" in said and "-10.0 %" in said
    assert "With one baseline, this cannot tell how other seeds would turn out." in said


def test_a_half_is_compared_on_its_own_images(store: Store) -> None:
    half = selection_half(IMAGES)
    store_baseline(store)
    store_pruned(store, "aaaa", half, criterion="l1")
    store_pruned(store, "bbbb", ~half, criterion="pls")
    differences = [
        only_row(compare_groups(store, groups=["aaaa", "bbbb"], figures=["fgsm"], images=images))["mean"]
        for images in ("all", "selection", "report")
    ]
    assert differences == pytest.approx([0, -100, 100])


def test_two_trials_may_differ_in_anything_but_the_test_images(store: Store) -> None:
    store_baseline(store)
    store_baseline(store, 1)
    store_pruned(store, "aaaa", 60, ratio=0.3)
    compared = compare_groups(store, groups=["aaaa", "structure == none and seed == 1 and iterations == 0"])
    assert compared.table["networks"].unique().tolist() == ["baseline against pruned"]
    differing = compared.others[0].pairing.differing
    assert {"seed", "structure", "iterations"} <= differing.keys()
    assert not {"ratio", "quota"} & differing.keys()  # a baseline has none, because of its structure


# -------------------------------------------------------------------------------------------------------- settings


def test_settings_are_paired_by_seed(store: Store) -> None:
    for seed, (l1, pls) in {0: (50, 54), 1: (52, 58), 2: (99, None)}.items():
        store_baseline(store, seed)
        store_pruned(store, f"aaa{seed}", l1, seed, criterion="l1")
        if pls is not None:
            store_pruned(store, f"bbb{seed}", pls, seed, criterion="pls")
    keys = store.table("trials").set_index("trial_key")["setting_key"]
    compared = compare_groups(store, groups=[keys["aaa0"][:12], keys["bbb0"][:12]], figures=["robustness"])
    row = only_row(compared)
    assert pairs_of(compared) == {("aaa0", "bbb0"), ("aaa1", "bbb1")}
    assert (row["mean"], row["interval"], row["pairs"], row["ahead"]) == (pytest.approx(5), "seeds", 2, 2)
    assert (row["low"], row["high"]) == pytest.approx((5 - T_OF_ONE_DEGREE, 5 + T_OF_ONE_DEGREE), abs=1e-3)
    assert row["test"] == "bootstrap"
    (left_out,) = compared.others[0].left_out
    assert left_out == f"1 trial of {keys['aaa0'][:12]} left out: no pair in {keys['bbb0'][:12]}."
    by_condition = compare_groups(store, groups=["criterion == l1", "criterion == pls"], figures=["robustness"])
    assert only_row(by_condition)["interval"] == "seeds" and only_row(by_condition)["mean"] == row["mean"]
    # A single trial is paired with the trial of its seed.
    assert pairs_of(compare_groups(store, groups=["aaa1", keys["bbb0"][:12]], figures=["fgsm"])) == {("aaa1", "bbb1")}


# ------------------------------------------------------------------------------------------------ sets of trials


def test_sets_are_paired_on_what_they_do_not_differ_in_and_baselines_count_equally(store: Store) -> None:
    for seed in (0, 1):
        store_baseline(store, seed)
    for key, seed, criterion, ratio, correct in (
        ("a1", 0, "l1", 0.1, 50),
        ("a2", 0, "l1", 0.2, 50),
        ("a3", 1, "l1", 0.1, 50),
        ("a4", 1, "l1", 0.3, 10),
        ("b1", 0, "pls", 0.1, 52),
        ("b2", 0, "pls", 0.2, 54),
        ("b3", 1, "pls", 0.1, 60),
    ):
        store_pruned(store, key, correct, seed, criterion=criterion, ratio=ratio)
    compared = compare_groups(store, groups=["criterion == l1", "criterion == pls"], figures=["robustness"])
    row = only_row(compared)
    assert pairs_of(compared) == {("a1", "b1"), ("a2", "b2"), ("a3", "b3")}
    assert (row["mean"], row["pairs"], row["baselines"]) == (pytest.approx((3 + 10) / 2), 3, 2)
    reach = T_OF_ONE_DEGREE * 7 / 2
    assert (row["low"], row["high"]) == pytest.approx((6.5 - reach, 6.5 + reach), abs=1e-3)
    assert 100 * (row["accuracy"] - row["reference_accuracy"]) == pytest.approx(6.5)
    assert row["images_low"] <= 6.5 <= row["images_high"] and row["interval"] == "baselines"
    gains = (right(52) * 1.0 - right(50) + right(54) - right(50)) / 4 + (right(60) * 1.0 - right(50)) / 2
    picked = np.random.default_rng(3).integers(0, IMAGES, (20_000, IMAGES))
    bounds = 100 * np.quantile(gains[picked].mean(axis=1), [0.025, 0.975])
    assert (row["images_low"], row["images_high"]) == pytest.approx(tuple(bounds), abs=0.5)


def test_a_setting_that_one_side_does_not_use_matches_every_value(store: Store) -> None:
    store_baseline(store)
    store_pruned(store, "slow", 50, learning_rate=0.01)
    store_pruned(store, "fast", 50, learning_rate=0.05)
    store_pruned(store, "scratch", 60, adjustment="scratch_e", learning_rate=0.1, epochs=6)
    groups = ["adjustment == fine_tune and structure != none", "adjustment == scratch_e"]
    assert pairs_of(compare_groups(store, groups=groups, figures=["fgsm"])) == {
        ("slow", "scratch"),
        ("fast", "scratch"),
    }
    store_pruned(store, "layers", 40, structure="layers", quota=None)
    store_pruned(store, "both", 45, structure="both")
    groups = ["structure == filters and learning_rate == 0.01", "structure in [layers, both]"]
    compared = compare_groups(store, groups=groups, figures=["robustness"])
    assert pairs_of(compared) == {("slow", "layers"), ("slow", "both")}


# ---------------------------------------------------------------------------------------------------------- sweeps


@pytest.fixture
def three_sweeps(store: Store) -> Store:
    """Sweeps that differ in the learning rate of the adjustment; they share the baseline."""
    for number, (name, rate) in enumerate({"slow": 0.01, "fast": 0.05, "faster": 0.1}.items()):
        store_trial(store, "base0", 50, baseline="base0")
        trials = [
            store_trial(
                store,
                f"c{number}",
                55,
                baseline="base0",
                structure="none",
                criterion="none",
                ratio=0.0,
                quota=None,
                scoring_images=None,
                learning_rate=rate,
            )
        ]
        for criterion, correct in (("l1", 50 + 3 * number), ("pls", 50 + 5 * number)):
            key = f"{criterion}{number}"
            store_trial(
                store, key, correct, baseline="base0", control=f"c{number}", criterion=criterion, learning_rate=rate
            )
            trials.append(key)
        results = {key: [key, f"{key}-fgsm"] for key in ("base0", *trials)}
        store.save_sweep(name, f"name: {name}", {"result_keys": results, "settings": {}})
    return store


def test_several_sweeps_are_compared_side_by_side(three_sweeps: Store) -> None:
    compared = compare_groups(three_sweeps, groups=["slow", "fast", "faster"], figures=["robustness"])
    table = compared.table.set_index(["group", "networks"])
    assert table["mean"].to_dict() == {
        ("fast", "control"): pytest.approx(0),
        ("fast", "pruned"): pytest.approx(4),
        ("faster", "control"): pytest.approx(0),
        ("faster", "pruned"): pytest.approx(8),
    }
    assert table.loc[("fast", "pruned"), "trial_keys"] == ["l11", "pls1"]
    for other, rate in zip(compared.others, ("0.05", "0.1"), strict=True):
        assert other.pairing.differing == {"learning_rate": (("0.01",), (rate,))}
        assert other.left_out == ("1 trial left out: in both groups.",)
    said = " ".join(command("compare", "slow", "fast", "faster", "--store", three_sweeps.url).stdout.split())
    assert "Compared with sweep slow" in said
    assert "sweep faster: 2 pairs of pruned networks; learning_rate 0.01 → 0.1" in said


def test_a_sweep_is_compared_with_the_results_of_its_own_attacks(three_sweeps: Store) -> None:
    """The trials of one sweep were attacked again in another way, after it had run."""
    for key in ("l11", "pls1", "c1"):
        store_evaluation(
            three_sweeps, key, 0, key=f"{key}-again", headline="at 0.9", headline_severity=0.9, finished_at=9.0
        )
    table = compare_groups(three_sweeps, groups=["slow", "fast"], figures=["robustness"]).table
    assert table.set_index("networks").loc["pruned", "mean"] == pytest.approx(4)
    by_condition = [f"learning_rate == {rate} and structure != none" for rate in (0.01, 0.05)]
    assert "under the same attacks" in refusal("compare", *by_condition, "--store", three_sweeps.url)


def test_figures_that_were_attacked_in_different_ways_are_left_out(three_sweeps: Store) -> None:
    for key, correct in (("l10", 60), ("l11", 70)):
        store_evaluation(three_sweeps, key, correct, "clean")
    for key, severity in (("l10", 0.1), ("l11", 0.2)):
        store_evaluation(
            three_sweeps,
            key,
            40,
            headline=f"at {severity}",
            key=f"{key}-again",
            finished_at=9.0,
            headline_severity=severity,
        )
    compared = compare_groups(
        three_sweeps,
        groups=["criterion == l1 and learning_rate == 0.01", "criterion == l1 and learning_rate == 0.05"],
    )
    assert compared.table["figure"].tolist() == ["generalization"]
    assert compared.others[0].left_out == (
        "robustness: 1 pair left out, attacked in different ways.",
        "robustness_fgsm: 1 pair left out, attacked in different ways.",
    )


@pytest.fixture
def two_criteria(store: Store) -> Store:
    """Per criterion two ratios, of which the second has equal accuracies."""
    store_baseline(store)
    for criterion, ratio, correct in (("l1", 0.1, 50), ("l1", 0.2, 55), ("pls", 0.1, 60), ("pls", 0.2, 55)):
        store_pruned(store, f"{criterion}{ratio}", correct, criterion=criterion, ratio=ratio)
    return store


CRITERIA = ["criterion == l1", "criterion == pls"]


def test_pairs_with_equal_accuracies_are_not_ahead(two_criteria: Store) -> None:
    row = only_row(compare_groups(two_criteria, groups=CRITERIA, figures=["robustness"]))
    assert (row["pairs"], row["ahead"], row["mean"]) == (2, 1, pytest.approx(5))


def test_robustness_over_other_attacks_is_another_figure(two_criteria: Store) -> None:
    store_evaluation(two_criteria, "l10.1", 80, "pgd")
    compared = compare_groups(two_criteria, groups=CRITERIA)
    pairs = compared.table.set_index("figure")["pairs"].to_dict()
    assert pairs == {"robustness": 1, "robustness_fgsm": 2}
    assert compared.others[0].left_out == ("robustness: 1 pair left out, attacked in different ways.",)


def test_pairs_on_different_images_are_not_averaged(two_criteria: Store) -> None:
    for key in ("l10.2", "pls0.2"):
        store_evaluation(two_criteria, key, 40, test_fingerprint="others", finished_at=9.0, key=f"{key}-again")
    said = refusal("compare", *CRITERIA, "--store", two_criteria.url)
    assert "only between trials of the same test_fingerprint" in said and "choose one" in said


# ----------------------------------------------------------------------------------------------------- the command


@pytest.mark.parametrize("width", [60, 80, 160])
def test_the_table_names_every_figure_and_group_at_every_width(
    three_sweeps: Store, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = command("compare", "slow", "fast", "faster", "--store", three_sweeps.url).stdout.splitlines()
    assert max(map(len, lines)) <= width
    names = [line.split()[0] for line in lines if line.startswith("  ") and line[2:3].strip()]
    assert names == ["robustness", "fgsm", "flops", "parameters"] * 4
    for name in ("fast", "faster"):
        assert sum(line.startswith(f"sweep {name}: ") for line in lines) == 2


def test_json_has_the_rows_what_differs_and_what_is_left_out(three_sweeps: Store) -> None:
    printed = json.loads(command("compare", "slow", "fast", "--json", "--store", three_sweeps.url).stdout)
    assert [row["networks"] for row in printed["comparisons"]] == ["control"] * 2 + ["pruned"] * 2
    (group,) = printed["groups"]
    assert group["differing"] == {"learning_rate": [["0.01"], ["0.05"]]}
    assert group["left_out"] == ["1 trial left out: in both groups."]


def test_holm_is_over_all_rows(three_sweeps: Store) -> None:
    table = compare_groups(three_sweeps, groups=["slow", "fast", "faster"]).table
    assert len(table) == 8
    assert table["p_holm"].iloc[table["p"].argmin()] == pytest.approx(min(1, 8 * table["p"].min()))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["slow"], "slow: name at least two trials, settings, conditions or sweeps"),
        (["slow", "fats"], "fats: neither a key, nor a condition, nor a sweep"),
        (["slow", "abcdef"], "abcdef: no trial and no setting of"),
        (["slow", "slow"], "every trial of slow is also in the other"),
        (["slow", "criterion == l2"], "did you mean l1?"),
        (["slow", "seed == 1"], "seed == 1: no trial to compare: 10 where not met"),
        (["slow", "fast", "--figure", "pgd"], "no pair of trials has robustness_pgd under the same attacks"),
        (["slow", "fast", "--top", "3", "--over", "control"], "--over and --top: only for comparing every setting"),
        (["slow", "fast", "--images", "half"], "'half' is not a set of test images"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_one_line(three_sweeps: Store, arguments: list[str], said: str) -> None:
    assert said in refusal("compare", *arguments, "--store", three_sweeps.url)


def test_other_images_and_seeds_are_refused(store: Store) -> None:
    for seed in (0, 1):
        store_baseline(store, seed)
        for ratio in (0.1, 0.2):
            store_pruned(store, f"{seed}{ratio}", 50, seed, ratio=ratio)
    assert "no common seed: 0; 1" in refusal("compare", "seed == 0", "seed == 1", "--store", store.url)
    store_evaluation(store, "00.1", 40, test_fingerprint="others", finished_at=9.0, key="again")
    groups = ["ratio == 0.1 and seed == 0", "ratio == 0.2 and seed == 0"]
    assert "tested on different images" in refusal("compare", *groups, "--store", store.url)


def test_the_beginning_of_several_keys_is_refused(store: Store) -> None:
    store_baseline(store)
    store_pruned(store, "abcd1", 50, ratio=0.1)
    store_pruned(store, "abcd2", 50, ratio=0.2)
    assert "2 keys of trials and settings of" in refusal("compare", "abcd", "abcd1", "--store", store.url)
