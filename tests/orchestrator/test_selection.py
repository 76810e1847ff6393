"""Selection: fronts, knees and hypervolumes computed by hand, and random ones against brute force and Optuna."""

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from prunesweep.orchestrator.query.columns import REMOVAL_COUNTS
from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.orchestrator.selection import select_front
from prunesweep.orchestrator.selection.dominance import non_dominated
from prunesweep.orchestrator.selection.knee import knee

FIGURES = ("generalization", "robustness", "robustness_fgsm", "robustness_occlusion")
GAINS = [f"{figure}_{gain}" for figure in FIGURES for gain in ("gain", "gain_over_control")]


def trial(key: str, **given: Any) -> dict[str, Any]:
    """A row of the trials table. A figure given in ``given`` applies to both halves, unless a half is given too."""
    row: dict[str, Any] = {
        "trial_key": key,
        "dataset": "cifar10",
        "architecture": "resnet20",
        "recipe": "plain",
        "structure": "filters",
        "criterion": "l1",
        "adjustment": "fine_tune",
        "iterations": 1,
        "ratio": 0.1,
        "seed": 0,
        "robustness_definition": "fgsm 8/255",
        "test_fingerprint": "t1",
        "parameters": 100,
        "flops": 1000,
        "seconds": 1.0,
        "error": None,
    }
    for figure in [*FIGURES, *GAINS]:
        value = given.pop(figure, 0.5)
        row |= {figure: value, f"{figure}_selection": value, f"{figure}_report": value}
    row |= given
    words = ("dataset", "architecture", "recipe", "structure", "criterion", "adjustment", "iterations", "ratio")
    return {"setting_key": " ".join(str(row[word]) for word in words)} | row


def table(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(list(rows))


def points(*accuracies: tuple[float, float], **given: Any) -> pd.DataFrame:
    """One setting per point (generalization, robustness), with the keys a, b, c …"""
    return table(
        *(
            trial(key, generalization=generalization, robustness=robustness, iterations=number, **given)
            for number, (key, (generalization, robustness)) in enumerate(
                zip("abcdefgh", accuracies, strict=False), start=1
            )
        )
    )


def keys(front: Any) -> list[str]:
    return ["+".join(trial_keys) for trial_keys in front.table["trial_keys"]]


def refusal(trials: pd.DataFrame, **asked: Any) -> str:
    """The one line with which a selection is refused."""
    with pytest.raises(SelectionError) as refused:
        select_front(trials, **asked)
    message = str(refused.value)
    assert "\n" not in message
    return message


# ---------------------------------------------------------------------------------------------- the front


def test_front_by_hand() -> None:
    # b is better than c in both objectives; d is better than e in robustness and equal in generalization.
    front = select_front(points((0.9, 0.2), (0.8, 0.5), (0.7, 0.4), (0.6, 0.6), (0.6, 0.55)))
    assert keys(front) == ["a", "b", "d"]
    assert front.candidates == 5
    assert front.left_out == {}


def test_equal_candidates_are_optimal_together() -> None:
    assert keys(select_front(points((0.9, 0.2), (0.9, 0.2), (0.8, 0.1)))) == ["a", "b"]


def test_costs_are_minimized() -> None:
    trials = table(
        trial("big", generalization=0.9, flops=100, iterations=1),
        trial("small", generalization=0.8, flops=10, iterations=2),
        trial("costly", generalization=0.8, flops=20, iterations=3),
    )
    assert keys(select_front(trials, objectives=("generalization", "flops"))) == ["big", "small"]
    assert keys(select_front(trials, objectives="flops")) == ["small"]


def test_gains_and_single_attacks_are_maximized() -> None:
    trials = table(
        trial("a", robustness_fgsm=0.3, robustness_fgsm_gain_over_control=-2.0, iterations=1),
        trial("b", robustness_fgsm=0.2, robustness_fgsm_gain_over_control=-1.0, iterations=2),
        trial("c", robustness_fgsm=0.1, robustness_fgsm_gain_over_control=-3.0, iterations=3),
    )
    assert keys(select_front(trials, objectives="robustness_fgsm")) == ["a"]
    assert keys(select_front(trials, objectives="robustness_fgsm_gain_over_control")) == ["b"]


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_non_dominated_as_brute_force(objectives: int) -> None:
    generator = np.random.default_rng(objectives)
    for _ in range(30):
        # Few distinct values lead to ties and equal points.
        losses = generator.integers(0, 5, (40, objectives)).astype(float)
        dominated = [any((other <= point).all() and (other < point).any() for other in losses) for point in losses]
        assert non_dominated(losses).tolist() == [not flag for flag in dominated]


@pytest.mark.parametrize("objectives", [FIGURES[:2], FIGURES[:3], (*FIGURES[:3], "flops")])
def test_front_as_optuna(objectives: tuple[str, ...]) -> None:
    directions = np.abs(np.random.default_rng(7).normal(size=(200, len(objectives))))
    # Near a sphere many points are optimal; rounding to few digits leads to ties.
    values = (directions / np.linalg.norm(directions, axis=1, keepdims=True)).round(1)
    rows = (dict(zip(objectives, row, strict=True)) for row in values.tolist())
    front = select_front(
        table(*(trial(f"{number:03}", iterations=number, **row) for number, row in enumerate(rows))),
        objectives=objectives,
    )
    best = [best.user_attrs["trial_keys"] for best in front.study.best_trials]
    assert sorted(best) == sorted(front.table["trial_keys"])
    assert 5 < len(best) < 200


def test_order_of_trials_does_not_matter() -> None:
    trials = points((0.9, 0.2), (0.8, 0.5), (0.6, 0.6), (0.9, 0.2))
    front, reversed_front = select_front(trials), select_front(trials.iloc[::-1])
    pd.testing.assert_frame_equal(front.table, reversed_front.table)
    assert front.knee == reversed_front.knee


# --------------------------------------------------------------------------------------------- the halves


def test_only_the_selection_half_chooses() -> None:
    trials = points((0.9, 0.2), (0.8, 0.5), (0.7, 0.4))
    third = trials["trial_key"] == "c"
    for half in ("", "_report"):
        trials.loc[third, [f"generalization{half}", f"robustness{half}"]] = 1.0
    front = select_front(trials)
    assert keys(front) == ["a", "b"]


def test_the_chosen_are_reported_on_the_report_half() -> None:
    trials = points((0.9, 0.2), (0.8, 0.5))
    trials["generalization_report"] = [0.7, 0.75]
    trials["robustness_gain_report"] = [-3.0, 4.0]
    front = select_front(trials).table
    assert front["generalization_selection"].tolist() == [0.9, 0.8]
    assert front["generalization_report"].tolist() == [0.7, 0.75]
    assert front["robustness_gain_report"].tolist() == [-3.0, 4.0]
    assert {f"{gain}_report" for gain in GAINS} | {"flops", "parameters"} <= set(front.columns)
    assert not {"generalization", "robustness_gain_selection"} & set(front.columns)


def test_constraints_read_the_selection_half() -> None:
    trials = points((0.9, 0.2), (0.8, 0.5))
    trials["generalization_gain_selection"] = [-5.0, 0.0]
    trials["generalization_gain_report"] = [0.0, -5.0]
    front = select_front(trials, constraints="generalization_gain >= -1")
    assert keys(front) == ["b"]
    assert front.table["generalization_gain_report"].tolist() == [-5.0]


def test_choosing_by_the_report_half_is_refused() -> None:
    expected = '"robustness_report" cannot be an objective or a constraint: the report half is kept for reporting '
    assert refusal(points((0.9, 0.2)), objectives="robustness_report").startswith(expected)
    assert refusal(points((0.9, 0.2)), constraints="robustness_report > 0.1").startswith(expected)


def test_other_figures_with_halves_are_read_on_the_selection_half_too() -> None:
    trials = points((0.9, 0.2), (0.8, 0.5))
    trials["certified_radius_selection"] = [1.0, 2.0]
    trials["certified_radius_report"] = [2.0, 1.0]
    front = select_front(trials, constraints="certified_radius > 1.5")
    assert front.table[["certified_radius_selection", "certified_radius_report"]].values.tolist() == [[2.0, 1.0]]
    allowed = refusal(trials, constraints="zzz > 1").split("allowed: ")[1].split(", ")
    assert "certified_radius" in allowed
    assert not any(name.endswith(("_selection", "_report")) for name in allowed)


def test_naming_the_selection_half_is_naming_the_figure() -> None:
    front = select_front(points((0.9, 0.2)), objectives=("generalization_selection", "robustness"))
    assert [objective.name for objective in front.objectives] == ["generalization", "robustness"]


def test_an_accuracy_without_selection_half_is_not_chosen_by() -> None:
    trials = points((0.9, 0.2)).drop(columns="robustness_selection")
    assert 'unknown objective "robustness"' in refusal(trials)
    assert '"robustness"' in refusal(trials, objectives="flops", constraints="robustness > 0.1")


# ------------------------------------------------------------------------------------ constraints and where


@pytest.mark.parametrize(
    ("constraint", "kept"),
    [
        ("flops >= 20", "bc"),
        ("flops <= 20", "ab"),
        ("flops > 20", "c"),
        ("flops < 2e1", "a"),
        ("flops == 20.0", "b"),
        ("flops!=20", "ac"),
        ("  flops>=+.2E2 ", "bc"),
    ],
)
def test_constraints(constraint: str, kept: str) -> None:
    trials = points((0.9, 0.2), (0.8, 0.3), (0.7, 0.4))
    trials["flops"] = [10, 20, 30]
    front = select_front(trials, constraints=constraint)
    assert keys(front) == list(kept)
    assert front.left_out == {f"constraint not met: {constraint}": 3 - len(kept)}


def test_only_feasible_networks_are_on_the_front_and_its_knee() -> None:
    """What violates a constraint dominates nothing, and is no knee, however good it is."""
    trials = points((0.99, 0.9), (0.8, 0.3), (0.7, 0.4), (0.75, 0.35))
    trials["flops"] = [100, 10, 10, 10]
    front = select_front(trials, objectives=["generalization", "robustness"], constraints="flops <= 10")
    assert keys(front) == ["b", "d", "c"] and front.table["trial_keys"].iloc[front.knee] != ["a"]
    assert {trial.number for trial in front.study.best_trials} == {0, 1, 2}, "the study has feasible networks alone"


def test_all_conditions_must_hold() -> None:
    trials = points((0.9, 0.2), (0.8, 0.3), (0.7, 0.4), (0.6, 0.5))
    trials["flops"] = [10, 20, 30, 40]
    front = select_front(
        trials, constraints=["flops > 10", "generalization > 0.65"], where=["iterations <= 3", "seed == 0"]
    )
    assert keys(front) == ["b", "c"]
    assert front.left_out == {
        "where not met: iterations <= 3": 1,
        "constraint not met: flops > 10": 1,
    }


@pytest.mark.parametrize("constraint", ["robustness_fgsm > 0.2", "robustness_fgsm != 0.7"])
def test_a_null_meets_no_constraint(constraint: str) -> None:
    trials = points((0.9, 0.2), (0.8, 0.5))
    trials["robustness_fgsm_selection"] = [np.nan, 0.5]
    front = select_front(trials, constraints=constraint)
    assert keys(front) == ["b"]
    assert front.left_out == {"robustness_fgsm_selection missing": 1}


@pytest.mark.parametrize(
    ("where", "kept"),
    [
        ("architecture == resnet20", "ac"),
        ("architecture != resnet20", "b"),
        ("architecture == 'vgg 16'", "b"),
        ('architecture == "vgg 16"', "b"),
        ("ratio < 0.25", "a"),
        ("ratio != 0.2", "ac"),  # a null meets no condition
        ("seed >= 1", "c"),
        ("structure != none", "abc"),
    ],
)
def test_where(where: str, kept: str) -> None:
    trials = table(
        trial("a", generalization=0.9, robustness=0.1, ratio=0.1),
        trial("b", generalization=0.8, robustness=0.2, ratio=np.nan, architecture="vgg 16"),
        trial("c", generalization=0.7, robustness=0.3, ratio=0.3, seed=1),
    )
    assert keys(select_front(trials, where=where)) == list(kept)


def test_baselines_and_controls_are_candidates() -> None:
    trials = table(
        trial("base", generalization=0.9, robustness=0.1, structure="none", criterion="none", iterations=0),
        trial("control", generalization=0.85, robustness=0.2, structure="none", criterion="none"),
        trial("pruned", generalization=0.8, robustness=0.3),
    )
    assert keys(select_front(trials)) == ["base", "control", "pruned"]
    assert keys(select_front(trials, where="structure != none")) == ["pruned"]


# ------------------------------------------------------------------------------------------ who is left out


def test_failed_and_unmeasured_trials_are_left_out_and_counted() -> None:
    trials = points((0.9, 0.2), (1.0, 1.0), (0.8, 0.5), (0.7, 0.9))
    trials["error"] = [None, "out of memory", None, None]
    trials.loc[3, "robustness_selection"] = np.nan
    front = select_front(trials)
    assert keys(front) == ["a", "c"]
    assert front.left_out == {"failed": 1, "robustness_selection missing": 1}


def test_an_empty_selection_says_why() -> None:
    trials = points((0.9, 0.2), (0.8, 0.5), (0.7, 0.4))
    trials["error"] = ["lost", None, None]
    message = refusal(trials, constraints="flops < 5", where="iterations < 3")
    assert message == (
        "no candidate is left of 3 trials; 1 trial: where not met: iterations < 3; 1 trial: failed; "
        "1 trial: constraint not met: flops < 5"
    )
    assert refusal(trials.iloc[:1]) == "no candidate is left of 1 trial; 1 trial: failed"
    assert refusal(trials.iloc[:0]) == "no candidate is left of 0 trials"
    assert refusal(trials.iloc[:0], where="structure == none") == "no candidate is left of 0 trials"


# ---------------------------------------------------------------------------------------------------- seeds


def test_seeds_are_averaged_before_comparing() -> None:
    trials = table(
        trial("a1", generalization=0.9, robustness=0.2, flops=10, seed=1),
        trial("a0", generalization=0.7, robustness=0.4, flops=30, seed=0),
        trial("b0", generalization=0.81, robustness=0.31, iterations=2, seed=0),
    )
    two = ["generalization", "robustness"]
    front = select_front(trials, objectives=two)  # a's mean (0.8, 0.3) is dominated, though neither of its seeds is
    assert keys(front) == ["b0"]
    assert front.candidates == 2
    averaged = front.compared.loc[0]
    assert averaged["trial_keys"] == ["a0", "a1"]
    assert averaged["seeds"] == 2
    assert [averaged[name] for name in ("generalization_selection", "robustness_report", "flops")] == pytest.approx(
        [0.8, 0.3, 20]
    )
    assert "seed" not in front.table


def test_seeds_apart() -> None:
    trials = table(
        trial("a0", generalization=0.9, robustness=0.2, seed=0),
        trial("a1", generalization=0.7, robustness=0.4, seed=1),
    )
    front = select_front(trials, average_seeds=False)
    assert keys(front) == ["a0", "a1"]
    assert front.table["seed"].tolist() == [0, 1]
    assert front.table["seeds"].tolist() == [1, 1]
    assert [seed.params["seed"] for seed in front.study.trials] == [0, 1]


def test_a_mean_over_fewer_seeds_than_it_says_is_not_reported() -> None:
    trials = table(trial("a0", seed=0), trial("a1", seed=1, robustness_gain_over_control_report=np.nan))
    front = select_front(trials).table
    assert front["robustness_gain_report"].tolist() == [0.5]
    assert front["robustness_gain_over_control_report"].isna().all()


def test_settings_that_do_not_apply_are_averaged_too() -> None:
    trials = table(trial("a0", ratio=np.nan, seed=0), trial("a1", ratio=np.nan, seed=1))
    assert keys(select_front(trials)) == ["a0+a1"]


def test_the_other_seeds_of_a_failed_trial_are_still_averaged() -> None:
    trials = table(
        trial("a0", generalization=0.9, seed=0),
        trial("a1", generalization=np.nan, robustness=np.nan, error="lost", seed=1),
    )
    front = select_front(trials)
    assert front.table["seeds"].tolist() == [1]
    assert front.left_out == {"failed": 1}


def test_constraints_hold_for_the_mean_of_the_seeds() -> None:
    trials = table(trial("a0", generalization_gain=-3.0, seed=0), trial("a1", generalization_gain=2.0, seed=1))
    assert keys(select_front(trials, constraints="generalization_gain >= -1")) == ["a0+a1"]
    refused = refusal(trials, constraints="generalization_gain >= 0")
    assert refused == "no candidate is left of 2 trials; 2 trials: constraint not met: generalization_gain >= 0"


@pytest.mark.parametrize("ratio", [0.1, np.nan])
@pytest.mark.parametrize("seed", [0, 1])
def test_trials_that_read_the_same_are_averaged_in_one_setting_alone(seed: int, ratio: float) -> None:
    trials = table(
        trial("short", generalization=0.8, robustness=0.4, seed=0, setting_key="short"),
        trial("long", generalization=0.9, robustness=0.3, seed=seed, setting_key="long"),
        trial("other", generalization=0.7, robustness=0.4, seed=2, setting_key="long"),
    )
    trials["ratio"] = ratio
    compared = select_front(trials).compared
    assert sorted("+".join(trial_keys) for trial_keys in compared["trial_keys"]) == ["long+other", "short"]


@pytest.mark.parametrize("figure", [*REMOVAL_COUNTS, "epochs"])
def test_removal_counts_can_be_bounded(figure: str) -> None:
    trials = table(
        trial("few", setting_key="few", **dict.fromkeys(REMOVAL_COUNTS, 1), epochs=1),
        trial("many", setting_key="many", **dict.fromkeys(REMOVAL_COUNTS, 9), epochs=9),
    )
    assert keys(select_front(trials, objectives="flops", constraints=f"{figure} >= 5")) == ["many"]


def test_trials_whose_setting_is_not_known_are_averaged_with_none() -> None:
    trials = table(
        trial("old", generalization=0.8, robustness=0.4, seed=0, setting_key=None),
        trial("older", generalization=0.9, robustness=0.3, seed=1, setting_key=None),
    )
    assert keys(select_front(trials)) == ["older", "old"]


# ------------------------------------------------------------------------------------- what can be compared


def test_unequal_definitions_of_robustness_are_not_ranked_together() -> None:
    trials = points((0.9, 0.2), (0.8, 0.5), (0.7, 0.6))
    trials["robustness_definition"] = ['fgsm "8/255"', 'fgsm "8/255"', "fgsm 4/255"]
    message = refusal(trials)
    assert message == (
        "robustness can be compared only between trials of the same robustness_definition, "
        'but these have "fgsm "8/255"" (2 trials), '
        '"fgsm 4/255" (1 trial); choose one, as in where \'robustness_definition == "fgsm "8/255""\''
    )
    proposed = message.split("where '")[1].removesuffix("'")
    assert keys(select_front(trials, where=proposed)) == ["a", "b"]
    assert "robustness_fgsm can be compared only between" in refusal(
        trials, objectives="flops", constraints="robustness_fgsm > 0"
    )


@pytest.mark.parametrize("column", ["dataset", "test_fingerprint"])
def test_other_test_images_are_not_ranked_together(column: str) -> None:
    trials = points((0.9, 0.2), (0.8, 0.5))
    trials[column] = ["x", "y"]
    assert f"generalization can be compared only between trials of the same {column}, " in refusal(
        trials, objectives="generalization"
    )
    assert f"generalization_gain can be compared only between trials of the same {column}, " in refusal(
        trials, objectives=("flops", "generalization_gain")
    )
    assert keys(select_front(trials, objectives="flops")) == ["a", "b"]


@pytest.mark.parametrize("other", ["y", None])
def test_definitions_do_not_matter_where_robustness_is_not_asked(other: str | None) -> None:
    trials = table(trial("a0", seed=0, robustness_definition="x"), trial("a1", seed=1, robustness_definition=other))
    front = select_front(trials, objectives=("generalization", "flops")).table
    assert front["trial_keys"].tolist() == [["a0", "a1"]]
    assert front["generalization_gain_report"].tolist() == [0.5]
    assert front["robustness_gain_report"].isna().all()  # their mean would mix definitions


def test_a_failed_trial_of_another_definition_is_no_hindrance() -> None:
    trials = points((0.9, 0.2), (0.8, 0.5))
    trials["robustness_definition"] = ["x", "y"]
    trials["error"] = [None, "lost"]
    assert keys(select_front(trials)) == ["a"]


# ------------------------------------------------------------------------------------------------- the knee


def best(*goodness: tuple[float, ...]) -> int:
    return knee(-np.array(goodness))


def test_knee_in_two_dimensions() -> None:
    # Distances from the line through (1, 0) and (0, 1) grow with the sums: 1, 1.2, 1.4, 1.3, 1.
    assert best((1, 0), (0.9, 0.3), (0.7, 0.7), (0.4, 0.9), (0, 1)) == 2


def test_knee_is_normalised_over_the_front() -> None:
    # In raw figures the sum would choose the first; normalised they are (1, 0), (0.75, 0.75), (0, 1).
    assert best((500, 1), (400, 4), (100, 5)) == 1


def test_knee_of_few_points() -> None:
    assert best((0.3, 0.4)) == 0
    assert best((1, 0), (0, 1)) == 0  # a tie: the first
    assert best((0, 1, 1), (1, 0, 0)) == 0
    assert best((1, 0, 0), (0, 1, 1)) == 1
    assert best((0.5, 0.5), (0.5, 0.5)) == 0


def test_knee_ties_go_to_the_first() -> None:
    assert best((1, 0), (0.9, 0.3), (0.3, 0.9), (0, 1)) == 1
    assert best((0, 1), (0.3, 0.9), (0.9, 0.3), (1, 0)) == 1
    assert best((1, 0), (0.7, 0.6), (0.6, 0.7 + 1e-15), (0, 1)) == 1


def test_knee_of_a_front_that_bulges_away_is_an_extreme() -> None:
    assert best((1, 0), (0.4, 0.4), (0, 1)) == 0


def test_knee_in_three_dimensions_is_measured_from_the_plane_through_the_extremes() -> None:
    # The plane through the extremes is x / 2 + y + z = 1. It gives 1.2 and 1.35; the sums, 1.6 and 1.5.
    extremes = ((1, 0.5, 0), (0, 1, 0), (0, 0, 1))
    assert best(*extremes, (0.8, 0.4, 0.4), (0.3, 0.6, 0.6)) == 4


def test_the_extreme_of_several_is_the_one_with_the_best_sum() -> None:
    # As before with (1, 0.5, 0); from (1, 0, 0.2) the plane would be 0.8 x + y + z, which chooses the other.
    extremes = ((1, 0, 0.2), (1, 0.5, 0), (0, 1, 0), (0, 0, 1))
    assert best(*extremes, (0.85, 0.4, 0.4), (0.3, 0.6, 0.6)) == 5


def test_knee_without_a_plane_is_the_best_sum() -> None:
    # The first is best in two objectives, so that two extremes fix no plane.
    assert best((1, 1, 0), (0, 0, 1), (0.6, 0.6, 0.7), (0.5, 0.4, 0.9)) == 0
    assert best((1, 1, 0), (0, 0, 1), (0.7, 0.7, 0.7), (0.5, 0.4, 0.9)) == 2


def test_knee_faces_the_best() -> None:
    # Seen from the plane through the first three, a worse value of the last objective would count as better.
    extremes = ((1, 0.95, 0.9), (0, 1, 0), (0.5, 0.99, 1))
    assert best(*extremes, (0.9, 0, 0.95), (0.9, 0.999, 0.1)) == 0


def test_an_objective_in_which_all_agree_does_not_matter() -> None:
    assert best((1, 5, 0), (0.9, 5, 0.3), (0.7, 5, 0.7), (0, 5, 1)) == 2
    extremes = ((1, 0.5, 0, 5), (0, 1, 0, 5), (0, 0, 1, 5))
    assert best(*extremes, (0.8, 0.4, 0.4, 5), (0.3, 0.6, 0.6, 5)) == 4


def test_knee_is_a_row_of_the_table() -> None:
    front = select_front(points((0.0, 1.0), (0.7, 0.7), (1.0, 0.0), (0.6, 0.6)))
    assert keys(front) == ["c", "b", "a"]
    assert front.table.loc[front.knee, "trial_keys"] == ["b"]


# ------------------------------------------------------------------------------------------ the hypervolume


def test_hypervolume_of_accuracies_by_hand() -> None:
    # 0.9 × 0.2 + 0.8 × (0.5 - 0.2) + 0.6 × (0.6 - 0.5); the dominated (0.7, 0.4) adds nothing.
    two = ["generalization", "robustness"]
    front = select_front(points((0.9, 0.2), (0.8, 0.5), (0.6, 0.6), (0.7, 0.4)), objectives=two)
    assert front.reference_point == (0.0, 0.0)
    assert front.hypervolume == pytest.approx(0.18 + 0.24 + 0.06)


def test_reference_point_of_every_kind() -> None:
    objectives = [*FIGURES, *GAINS, "flops", "parameters"]
    front = select_front(points((0.9, 0.2), (0.8, 0.3)), objectives=objectives)
    assert front.reference_point == (*[0.0] * 4, *[-100.0] * 8, 1000.0, 100.0)


def test_hypervolume_of_gain_and_cost_by_hand() -> None:
    trials = table(
        trial("a", generalization_gain=-1.0, flops=60, iterations=1),
        trial("b", generalization_gain=-10.0, flops=20, iterations=2),
        trial("c", generalization_gain=-20.0, flops=100, iterations=3),
    )
    front = select_front(trials, objectives=("generalization_gain", "flops"))
    assert front.reference_point == (-100.0, 100.0)  # c, though dominated, is the most expensive candidate
    assert front.hypervolume == pytest.approx(99 * 40 + 90 * 40)


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_hypervolume_as_optunas_plot_has_it() -> None:
    import optuna.visualization

    generator = np.random.default_rng(3)
    trials = table(
        *(
            trial(str(number), generalization=g, robustness=r, flops=int(1000 * f), iterations=number)
            for number, (g, r, f) in enumerate(generator.random((30, 3)))
        )
    )
    front = select_front(trials, objectives=("generalization", "robustness", "flops"))
    figure = optuna.visualization.plot_hypervolume_history(front.study, front.reference_point)
    assert front.hypervolume == pytest.approx(figure.data[0].y[-1])


# ------------------------------------------------------------------------------------------------- the study


def test_study_holds_every_candidate() -> None:
    from optuna.study import StudyDirection

    trials = table(
        trial("a0", generalization=0.9, flops=10, seed=0),
        trial("a1", generalization=0.7, flops=10, seed=1),
        trial("base", generalization=0.6, flops=30, iterations=0, structure="none", ratio=np.nan),
    )
    study = select_front(trials, objectives=("generalization", "flops")).study
    assert study.directions == [StudyDirection.MAXIMIZE, StudyDirection.MINIMIZE]
    assert study.metric_names == ["generalization", "flops"]
    pruned, baseline = study.trials
    assert pruned.values == pytest.approx([0.8, 10])
    assert pruned.user_attrs == {"seeds": 2, "trial_keys": ["a0", "a1"]}
    assert pruned.params == {
        "dataset": "cifar10",
        "architecture": "resnet20",
        "recipe": "plain",
        "structure": "filters",
        "criterion": "l1",
        "adjustment": "fine_tune",
        "iterations": 1,
        "ratio": 0.1,
    }
    assert "ratio" not in baseline.params
    assert baseline.params["structure"] == "none"


def test_creating_a_study_prints_nothing(capfd: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.INFO)
    assert select_front(points((0.9, 0.2))).study.trials
    assert optuna.logging.get_verbosity() == optuna.logging.INFO
    assert capfd.readouterr().err == ""
    assert not recwarn.list


@pytest.mark.parametrize("objectives", [("generalization", "robustness"), ("generalization", "robustness", "flops")])
def test_optuna_plots_the_front(objectives: tuple[str, ...]) -> None:
    import optuna.visualization

    front = select_front(points((0.9, 0.2), (0.8, 0.5), (0.7, 0.4)), objectives=objectives)
    figure = optuna.visualization.plot_pareto_front(front.study)
    dominated, optimal = figure.data
    assert list(optimal.x) == [0.9, 0.8]
    assert list(dominated.x) == [0.7]


# ----------------------------------------------------------------------------------------------- error lines


@pytest.mark.parametrize(
    ("asked", "complaint"),
    [
        (
            {"objectives": "robustnes"},
            'unknown objective "robustnes", did you mean robustness? Allowed: flops, ',
        ),
        ({"objectives": "zzz"}, 'unknown objective "zzz"; allowed: flops, '),
        ({"objectives": "robustness_definition"}, 'unknown objective "robustness_definition"'),
        ({"objectives": "latency"}, 'unknown objective "latency"'),
        ({"objectives": "iterations"}, 'unknown objective "iterations"'),
        ({"objectives": ()}, "no objective is named"),
        ({"objectives": ("flops", "flops")}, 'objective "flops" is named twice'),
        (
            {"constraints": "flop <= 3"},
            'unknown column in constraint "flop <= 3": "flop", did you mean flops? Allowed: ',
        ),
        ({"constraints": "trial_key == 3"}, 'unknown column in constraint "trial_key == 3": "trial_key"'),
        ({"constraints": "flops"}, 'constraint "flops": it has no operator; use one of >= <= > < == !='),
        ({"constraints": "flops => 3"}, 'constraint "flops => 3": "=>" is not an operator; did you mean >=?'),
        ({"constraints": "flops = 3"}, 'constraint "flops = 3": "=" is not an operator'),
        ({"constraints": "flops <="}, 'constraint "flops <=": it has no value; write COLUMN <= VALUE'),
        ({"constraints": "<= 3"}, 'constraint "<= 3": it has no column'),
        ({"constraints": "flops <= 1%"}, 'constraint "flops <= 1%": "1%" is not a number'),
        ({"constraints": "flops <= nan"}, 'constraint "flops <= nan": "nan" is not a number'),
        ({"constraints": "flops <= 1 or 1"}, 'constraint "flops <= 1 or 1": "1" has no operator'),
        ({"constraints": "structure == none"}, "structure is a setting; filter by it with where"),
        (
            {"where": "architectur == resnet20"},
            'unknown column in where "architectur == resnet20": "architectur", did you mean architecture?',
        ),
        (
            {"where": "architecture == resnet2"},
            'unknown architecture in where "architecture == resnet2": "resnet2", did you mean resnet20?',
        ),
        (
            {"where": "architecture >= resnet20"},
            "architecture is text, which is compared with ==, !=, in or not in, not with >=",
        ),
        ({"where": "iterations <= two"}, 'where "iterations <= two": "two" is not a number'),
        ({"where": "flops <= 5"}, 'where "flops <= 5": flops is a figure; bound it with a constraint'),
    ],
)
def test_error_lines(asked: dict[str, Any], complaint: str) -> None:
    assert complaint in refusal(points((0.9, 0.2)), **asked)


def test_every_objective_that_the_table_has_is_allowed() -> None:
    allowed = refusal(points((0.9, 0.2)), objectives="zzz").split("allowed: ")[1].split(", ")
    assert allowed == sorted([*FIGURES, *GAINS, "flops", "parameters"])


def test_another_table_is_refused() -> None:
    other = points((0.9, 0.2)).drop(columns=["dataset", "trial_key"])
    assert refusal(other) == "this is not a trials table: it has no column dataset or trial_key"


# -------------------------------------------------------------------------------------------- what it costs


def test_import_is_light() -> None:
    heavy = {"optuna", "plotly", "ray", "scipy", "torch"}
    program = f"import prunesweep.orchestrator.selection.pareto, sys; print({heavy} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).strip() == "set()"


def test_every_type_that_pandas_reads_is_understood() -> None:
    trials = points((0.9, 0.2), (0.8, 0.5), (0.7, 0.4)).convert_dtypes()
    trials["error"] = pd.array([None, None, None], dtype="string")
    trials.loc[2, "robustness_fgsm_selection"] = pd.NA
    front = select_front(trials, constraints="robustness_fgsm > 0.2", where="ratio > 0")
    assert keys(front) == ["a", "b"]
    assert len(front.study.trials) == 2
