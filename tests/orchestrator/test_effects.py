"""Main effects: trials are matched on everything but one axis, and the means and intervals are those by hand."""

import json
import math
from collections import defaultdict
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from prunesweep import main_effects
from prunesweep.orchestrator.comparison.axis_effects import MatchedGains, axis_effects
from prunesweep.orchestrator.comparison.effects import MainEffects
from prunesweep.orchestrator.comparison.matching import MATCHED_COLUMNS, Matching, match_trials
from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.results_store import Store
from prunesweep.results_store.halves import selection_half
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.setting import setting_of
from prunesweep.sweeps.tree import grow_tree
from tests.helpers.command import command, refusal
from tests.helpers.stored_trials import IMAGES, UNPRUNED, right, store_baseline, store_pruned, store_trial

T_OF_ONE_DEGREE = 12.7062  # the 97.5 % quantile of Student's t


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "store"))


def row_of(found: MainEffects, value: str) -> pd.Series:
    (row,) = (row for _, row in found.table.iterrows() if row["value"] == value)
    return row


# -------------------------------------------------------------------------------------- matching, on real trees

RICH = """
name: rich
dataset: {{name: digits, size: 16, train_limit: 64, test_limit: 40}}
baseline: {{epochs: 3, batch_size: 32, learning_rate: {baseline_rate}, adversarial: {{steps: 1}}}}
adjustment: {{epochs: 2, batch_size: 16, learning_rate: {rate}, rewind_epoch: 1, recipe: {recipe}}}
pruning: {{quota: {quota}, scoring_images: 8{blocks}}}
seeds: [0, 1]
dynamics: true
axes:
  architecture: [resnet20, vgg16]
  recipe: [plain, cutout]
  structure: [filters, layers, both]
  criterion: [l1, random]
  adjustment: [fine_tune, scratch_b, winning_ticket, bn_recalibrate, fine_tune+bn_recalibrate]
  iterations: [1, 2]
  ratio: [0.1, 0.2]
attacks: {{fgsm: {{epsilons: [8/255]}}}}
"""
AXES = ("architecture", "recipe", "structure", "criterion", "adjustment", "iterations", "ratio")


def rows_of_tree(**given: Any) -> pd.DataFrame:
    """The rows of the trials that a sweep would run, as far as matching reads them."""
    defaults = {"baseline_rate": 0.1, "rate": 0.02, "recipe": "plain", "quota": "global", "blocks": ""}
    rows = [
        {**dict.fromkeys(MATCHED_COLUMNS), **trial.settings, **setting_of(trial), "trial_key": trial.key}
        | {"epochs": trial.round.epochs, "test_fingerprint": "images", "robustness_definition": "fgsm"}
        for trial in grow_tree(parse_sweep(RICH.format(**(defaults | given))))
        if trial.structure != "none"
    ]
    return pd.DataFrame(rows)


def matches_of(trials: pd.DataFrame, axis: str) -> set[frozenset[str]]:
    return {frozenset(keys) for _, keys in match_trials(trials, axis).members.groupby("match")["trial_key"]}


def matches_by_axes(trials: pd.DataFrame, axis: str) -> set[frozenset[str]]:
    """The complete matches of one sweep, in which nothing differs but what follows from axes and seed."""
    others = [name for name in (*AXES, "seed") if name != axis]
    if trials["blocks"].notna().any() and axis == "structure":
        trials = trials.assign(ratio=trials["ratio"].where(trials["structure"] != "layers"))
    by_setting: dict[tuple[object, ...], dict[object, str]] = defaultdict(dict)
    for row in trials.to_dict("records"):
        ratios = [0.1, 0.2] if math.isnan(row["ratio"]) else [row["ratio"]]
        for ratio in ratios:
            by_setting[tuple(ratio if name == "ratio" else row[name] for name in others)][row[axis]] = row["trial_key"]
    most = max(map(len, by_setting.values()))
    return {frozenset(keys.values()) for keys in by_setting.values() if len(keys) == most}


@pytest.fixture(scope="module")
def rich() -> pd.DataFrame:
    return rows_of_tree()


@pytest.mark.parametrize("axis", AXES)
def test_within_a_sweep_trials_match_if_all_other_axes_are_equal(rich: pd.DataFrame, axis: str) -> None:
    expected = matches_by_axes(rich, axis)
    assert matches_of(rich, axis) == expected and len(expected) > 10


@pytest.mark.parametrize("axis", ["structure", "criterion"])
def test_a_number_of_blocks_matches_every_ratio(axis: str) -> None:
    trials = rows_of_tree(blocks=", blocks: 1")
    assert (trials.loc[trials["structure"] == "layers", "ratio"] == 0).all()
    assert matches_of(trials, axis) == matches_by_axes(trials, axis)


def test_trials_of_two_sweeps_match_only_within_each_learning_rate(rich: pd.DataFrame) -> None:
    both = pd.concat([rich, rows_of_tree(rate=0.05)]).drop_duplicates("trial_key")
    tuned = both[both["adjustment"].str.startswith("fine_tune")]
    assert tuned["learning_rate"].nunique() == 2
    for axis in ("architecture", "structure", "criterion", "adjustment"):
        rates = match_trials(both, axis).members.merge(tuned, on="trial_key").groupby("match")["learning_rate"]
        assert rates.nunique().max() == 1
    # Trained from scratch, a network is the same in both sweeps: it matches the fine-tuned ones of each.
    assert len(matches_of(both, "adjustment")) == 2 * len(matches_of(rich, "adjustment"))
    matching = match_trials(both, "learning_rate")
    assert matching.values == ("0.02", "0.05")
    assert set(both.set_index("trial_key").loc[matching.members["trial_key"], "adjustment"]) == {
        "fine_tune",
        "fine_tune+bn_recalibrate",
    }
    assert "learning_rate not used" in matching.unmatched


def test_a_match_counts_once_if_the_values_that_it_lacks_differ_in_a_setting_of_their_own(rich: pd.DataFrame) -> None:
    both = pd.concat([rich, rows_of_tree(rate=0.05)]).drop_duplicates("trial_key")
    from_scratch = both[both["adjustment"].isin(["scratch_b", "winning_ticket"]) & (both["ratio"] == 0.1)]
    elsewhere = both[(both["adjustment"] == "fine_tune") & (both["ratio"] == 0.2)]
    matching = match_trials(pd.concat([from_scratch, elsewhere]), "adjustment")
    assert matching.left_out == ("fine_tune",)
    assert matching.matches == len(matches_by_axes(from_scratch, "adjustment"))


def test_what_repeats_the_baseline_follows_from_it_and_what_does_not_must_be_equal(rich: pd.DataFrame) -> None:
    """A scratch's learning rate is its baseline's; a fine-tuned network's is not, and here both changed."""
    both = pd.concat([rich, rows_of_tree(rate=0.05, baseline_rate=0.2)])
    matching = match_trials(both, "baseline_learning_rate")
    matched = both.set_index("trial_key").loc[matching.members["trial_key"], "adjustment"]
    assert set(matched) == {"scratch_b", "winning_ticket", "bn_recalibrate"}


def test_the_recipe_of_the_adjustment_makes_no_difference_on_plain_baselines(rich: pd.DataFrame) -> None:
    both = pd.concat([rich, rows_of_tree(recipe="baseline")]).drop_duplicates("trial_key")
    tuned = both[both["adjustment"] == "fine_tune"]
    recipes = tuned.set_index("trial_key")
    for keys in matches_of(tuned, "recipe"):
        defended = recipes.loc[[*keys]].query("recipe != 'plain'")
        repeats = defended["adjustment_recipe"] == defended["recipe"]
        assert len(keys) == 2 and (repeats.all() or not repeats.any())
    assert len(matches_of(tuned, "recipe")) == 2 * len(matches_of(rich[rich["adjustment"] == "fine_tune"], "recipe"))
    assert match_trials(tuned, "adjustment_recipe").values == ("baseline", "plain")


def test_quotas_are_compared_without_layers_which_match_both(rich: pd.DataFrame) -> None:
    both = pd.concat([rich, rows_of_tree(quota="per_layer")]).drop_duplicates("trial_key")
    matching = match_trials(both, "quota")
    assert matching.values == ("global", "per_layer")
    layers = int((both["structure"] == "layers").sum())
    assert layers and matching.unmatched == {"quota not used": layers}
    assert len(matches_of(both, "structure")) == 2 * len(matches_of(rich, "structure"))


# ------------------------------------------------------------------------------------------ the numbers by hand


def test_the_interval_is_over_baselines_which_count_equally(store: Store) -> None:
    for seed in (0, 1):
        store_baseline(store, seed)
    # Seed 0: l1 gains 4 and 8, pls 2 and 4. Seed 1: l1 gains 10, pls 1; what has no match must not count.
    for key, seed, criterion, ratio, correct in (
        ("a", 0, "l1", 0.1, 54),
        ("b", 0, "pls", 0.1, 52),
        ("c", 0, "l1", 0.2, 58),
        ("d", 0, "pls", 0.2, 54),
        ("e", 1, "l1", 0.1, 60),
        ("f", 1, "pls", 0.1, 51),
        ("g", 1, "l1", 0.2, 99),
        ("h", 1, "pls", 0.3, 0),
    ):
        store_pruned(store, key, correct, seed, criterion=criterion, ratio=ratio, flops=500 + 100 * seed)
    found = main_effects(store, axes=["criterion"])
    (effects,) = found.effects
    l1, pls = row_of(found, "l1"), row_of(found, "pls")
    assert found.table["value"].tolist() == ["l1", "pls"]
    assert (l1["mean"], pls["mean"]) == (pytest.approx((6 + 10) / 2), pytest.approx((3 + 1) / 2))
    assert (l1["low"], l1["high"]) == pytest.approx((8 - 2 * T_OF_ONE_DEGREE, 8 + 2 * T_OF_ONE_DEGREE), abs=1e-3)
    reach = 3 * T_OF_ONE_DEGREE  # differences 3 and 9: sd / √2 is half their distance
    assert (pls["behind"], pls["behind_low"]) == (pytest.approx(6), pytest.approx(6 - reach, abs=1e-3))
    assert math.isnan(l1["behind"]) and l1["trial_keys"] == ["a", "c", "e"]
    assert (l1["trials"], l1["matches"], l1["baselines"], l1["interval"]) == (3, 3, 2, "baselines")
    assert l1["flops_share"] == pytest.approx((0.5 + 0.6) / 2)
    assert (
        effects.sentence == "criterion l1 and pls cannot be told apart: the difference is 6.00 p.p. (-32.12 to 44.12)."
    )
    assert effects.matching.unmatched == {
        "no matching trial of criterion l1": 1,
        "no matching trial of criterion pls": 1,
    }
    assert found.left_out == {"baseline or control": 4}


def test_a_lead_over_several_baselines(store: Store) -> None:
    for seed, lead in enumerate((3, 4, 5)):
        store_baseline(store, seed)
        store_pruned(store, f"x{seed}", 50 + lead, seed, criterion="l1")
        store_pruned(store, f"y{seed}", 50, seed, criterion="pls")
    (effects,) = main_effects(store).effects
    reach = 4.302653 / math.sqrt(3)
    low, high = effects.lead.difference.low, effects.lead.difference.high
    assert (low, high) == pytest.approx((4 - reach, 4 + reach), abs=1e-6) and effects.lead.is_clear
    assert effects.sentence == "criterion l1 is ahead of pls by 4.00 p.p. (1.52 to 6.48)."


def test_one_baseline_has_an_interval_over_images_and_a_plain_word(store: Store) -> None:
    generator = np.random.default_rng(0)
    store_baseline(store)
    outcomes = {
        (criterion, ratio): generator.random(IMAGES) < share
        for (criterion, share), ratio in product([("l1", 0.7), ("pls", 0.45)], [0.1, 0.2])
    }
    for (criterion, ratio), flags in outcomes.items():
        store_pruned(store, f"{criterion}{ratio}", flags, criterion=criterion, ratio=ratio)
    found = main_effects(store, axes=["criterion"])
    of_control = right(50).astype(float)
    gains = {
        criterion: 100 * (np.mean([outcomes[criterion, ratio] for ratio in (0.1, 0.2)], axis=0) - of_control)
        for criterion in ("l1", "pls")
    }
    picked = np.random.default_rng(1).integers(0, IMAGES, (20_000, IMAGES))
    for criterion, of_images in gains.items():
        row = row_of(found, criterion)
        assert (row["mean"], row["interval"]) == (pytest.approx(of_images.mean()), "images")
        expected = np.quantile(of_images[picked].mean(axis=1), [0.025, 0.975])
        assert (row["low"], row["high"]) == pytest.approx(tuple(expected), abs=0.5)
    lead = found.effects[0].lead
    difference = gains["l1"] - gains["pls"]
    low, high = np.quantile(difference[picked].mean(axis=1), [0.025, 0.975])
    assert lead.difference.mean == pytest.approx(difference.mean())
    assert (lead.difference.low, lead.difference.high) == pytest.approx((low, high), abs=0.5)
    assert "criterion l1 is ahead of pls on these networks by " in found.effects[0].sentence
    said = " ".join(command("effects", "--store", store.url).stdout.split())
    assert "cannot tell how other seeds would turn out" in said


def test_halves_are_compared_on_their_own_images(store: Store) -> None:
    half = selection_half(IMAGES)
    store_baseline(store, correct=0, control_correct=0)
    store_pruned(store, "a", half, criterion="l1")
    store_pruned(store, "b", ~half, criterion="pls")
    for images, best in (("selection", "l1"), ("report", "pls")):
        found = main_effects(store, images=images)
        assert (found.effects[0].lead.best, row_of(found, best)["mean"]) == (best, 100)
        assert row_of(found, best)["low"] == 100


def test_means_that_differ_by_rounding_errors_cannot_be_told_apart() -> None:
    gains = {"x": (0.1, 0.2), "y": (0.3, 0.0)}
    rows = [
        {"match": 2 * seed + number, "value": value, "trial_key": f"{value}{seed}{number}", "baseline": f"base{seed}"}
        | {"gain": gain, "flops_share": 1.0}
        for seed, value in product(range(3), gains)
        for number, gain in enumerate(gains[value])
    ]
    members = pd.DataFrame(rows)
    matching = Matching("criterion", ("x", "y"), members[["match", "value", "trial_key"]], (), {}, None)
    trials = members.set_index("trial_key")[["gain", "baseline", "flops_share"]]
    found = axis_effects(
        MatchedGains(matching, "robustness", "control", trials, lambda _: right(1).astype(np.float64), 10, 0)
    )
    assert found.sentence == "criterion x and y cannot be told apart: the difference is 0.00 p.p. (0.00 to 0.00)."


# --------------------------------------------------------------------------------------------- what is compared


def test_only_what_some_match_has_together_is_compared(store: Store) -> None:
    store_baseline(store)
    for criterion, ratio in product(("l1", "pls"), (0.1, 0.2, 0.3)):
        store_pruned(store, f"{criterion}{ratio}", 55, criterion=criterion, ratio=ratio)
    store_pruned(store, "lonely", 60, criterion="hrank", ratio=0.4)
    (effects,) = main_effects(store, axes=["criterion"]).effects
    assert effects.matching.values == ("l1", "pls") and effects.matching.left_out == ("hrank",)
    assert effects.matching.unmatched == {"no matching trial of criterion l1 or pls": 1}
    said = " ".join(command("effects", "--store", store.url, "--axis", "criterion").stdout.split())
    assert "Not compared: hrank, which no match has together with the others." in said


def test_a_value_that_prevents_most_matches_is_pointed_out(store: Store) -> None:
    store_baseline(store)
    for criterion, ratio in product(("l1", "pls"), (0.1, 0.2, 0.3, 0.4)):
        store_pruned(store, f"{criterion}{ratio}", 55, criterion=criterion, ratio=ratio)
    store_pruned(store, "seldom", 60, criterion="hrank", ratio=0.4)
    (effects,) = main_effects(store, axes=["criterion"]).effects
    assert (effects.matching.values, effects.matching.trials) == (("hrank", "l1", "pls"), 3)
    assert effects.matching.hint == "hrank"
    hint = ["--where", "criterion != hrank"]
    said = " ".join(command("effects", "--store", store.url, "--axis", "criterion").stdout.split())
    assert f"--where '{hint[1]}'" in said
    (without,) = main_effects(store, axes=["criterion"], where=hint[1:]).effects
    assert without.matching.trials == 8


def test_seeds_are_not_matched_with_each_other(store: Store) -> None:
    for seed, criterion in enumerate(("l1", "pls")):
        store_baseline(store, seed)
        store_pruned(store, criterion, 60, seed, criterion=criterion)
    with pytest.raises(SelectionError, match="no two have a gain over their control and differ in criterion alone"):
        main_effects(store, axes=["criterion"])


def test_numbers_are_in_ascending_order_and_names_best_first(store: Store) -> None:
    store_baseline(store)
    for number, (ratio, correct) in enumerate([(0.3, 59), (0.1, 51), (0.05, 55)]):
        store_pruned(store, f"t{number}", correct, ratio=ratio)
    assert main_effects(store).table["value"].tolist() == ["0.05", "0.1", "0.3"]


def test_all_axes_that_vary_are_compared_and_others_are_not(store: Store) -> None:
    store_baseline(store)
    for criterion, ratio in product(("l1", "pls"), (0.1, 0.2)):
        store_pruned(store, f"{criterion}{ratio}", 55, criterion=criterion, ratio=ratio)
    store_pruned(store, "apart", 55, criterion="l1", ratio=0.3, momentum=0.5)
    found = main_effects(store)
    assert [each.axis for each in found.effects] == ["criterion", "ratio"]
    assert found.without_match == ("momentum",)
    assert "momentum: it varies, but no two trials differ in it alone." in " ".join(
        command("effects", "--store", store.url).stdout.split()
    )


def test_controls_take_part_over_the_baseline_as_a_structure(store: Store) -> None:
    store_baseline(store, control_correct=58)
    for structure, ratio, correct in (
        ("filters", 0.1, 53),
        ("layers", 0.1, 55),
        ("filters", 0.2, 43),
        ("layers", 0.2, 45),
    ):
        quota = "global" if structure == "filters" else None
        store_pruned(store, f"{structure}{ratio}", correct, structure=structure, ratio=ratio, quota=quota)
    found = main_effects(store, axes=["structure"], over="baseline")
    assert found.table.set_index("value")["mean"].to_dict() == {"none": 8, "layers": 0, "filters": -2}
    assert row_of(found, "none")[["trials", "matches"]].tolist() == [1, 2]
    of_ratio = main_effects(store, axes=["ratio"], over="baseline")
    assert of_ratio.table.set_index("value")["mean"].to_dict() == {"0.1": 4, "0.2": -6}


def test_defended_baselines_share_the_plain_one_that_gains_are_over(store: Store) -> None:
    for seed in (0, 1):
        store_baseline(store, seed)
        store_trial(store, f"cut{seed}", 60, baseline=f"cut{seed}", recipe="cutout", plain=f"base{seed}", seed=seed)
        for criterion, recipe in product(("l1", "pls"), ("plain", "cutout")):
            baseline, plain = (f"base{seed}", None) if recipe == "plain" else (f"cut{seed}", f"base{seed}")
            key = f"{criterion}-{recipe}-{seed}"
            given: dict[str, Any] = {"criterion": criterion, "recipe": recipe, "seed": seed}
            store_trial(store, key, 55 + seed, baseline=baseline, plain=plain, **given)
    found = main_effects(store, axes=["criterion"], over="baseline")
    assert found.table["baselines"].tolist() == [2, 2]
    # Over the axis recipe, a set of baselines, one per recipe, counts as one; here all are over the plain one.
    assert main_effects(store, axes=["recipe"], over="baseline").table["baselines"].tolist() == [2, 2]


# ------------------------------------------------------------------------------------------------- the command


@pytest.fixture
def small(store: Store) -> Store:
    store_baseline(store)
    for criterion, ratio in product(("expected_abs", "kl_divergence"), (0.1, 0.2)):
        store_pruned(store, f"{criterion}{ratio}", 55 + (criterion == "expected_abs"), criterion=criterion, ratio=ratio)
    return store


@pytest.mark.parametrize("width", [60, 80, 160])
def test_the_table_names_every_value_at_every_width(small: Store, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = command("effects", "--store", small.url, "--figure", "robustness,fgsm").stdout.splitlines()
    assert max(map(len, lines)) <= width
    values = [line.split()[0] for line in lines if line.startswith("  ") and line[2:3].strip()]
    assert values == 2 * ["expected_abs", "kl_divergence"] + 2 * ["0.1", "0.2"]
    assert "robustness_fgsm: criterion expected_abs" in " ".join(" ".join(lines).split())


def test_json_has_the_rows_the_sentences_and_what_is_left_out(small: Store) -> None:
    printed = json.loads(command("effects", "--store", small.url, "--axis", "criterion", "--json").stdout)
    found = main_effects(small, axes=["criterion"])
    assert [row["value"] for row in printed["effects"]] == found.table["value"].tolist()
    (axis,) = printed["axes"]
    assert (axis["best"], axis["matched"], axis["sentence"]) == ("expected_abs", 4, found.effects[0].sentence)
    assert (printed["over"], printed["left_out"]) == ("control", {"baseline or control": 2})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--axis", "criteria"], "'criteria' is not an axis; did you mean 'criterion'?"),
        (["--axis", "dataset"], "'dataset' is not an axis"),
        (["--figure", "robust"], "'robust' is not a figure; did you mean 'robustness'?"),
        (["--over", "controls"], "did you mean 'control'?"),
        (["--images", "half"], "'half' is not a set of test images"),
        (["--axis", "quota"], "of 4 pruned trials, no two have a gain over their control and differ in quota alone"),
        (["--where", "ratio == 0.1", "--axis", "ratio"], "no two that meet ratio == 0.1 have a gain"),
    ],
)
def test_effects_that_cannot_be_computed_are_one_line(small: Store, arguments: list[str], said: str) -> None:
    assert said in refusal("effects", "--store", small.url, *arguments)


def test_without_controls_the_line_says_how_to_compare_with_the_baseline(store: Store) -> None:
    store_trial(store, "base", 50, baseline="base")
    for criterion in ("l1", "pls"):
        store_trial(store, criterion, 55, criterion=criterion)
    assert "--over baseline" in refusal("effects", "--store", store.url)
    assert main_effects(store, over="baseline").table["value"].tolist() == ["l1", "pls"]


def test_trials_that_were_attacked_in_different_ways_are_refused(small: Store) -> None:
    for criterion in ("l1", "pls"):
        store_pruned(small, f"other-{criterion}", 50, criterion=criterion, attack="pgd")
        store_trial(small, "control0", 50, baseline="base0", attack="pgd", **UNPRUNED)
    assert "robustness_definition" in refusal("effects", "--store", small.url)
