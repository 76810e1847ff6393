"""The trial tree: which trials a sweep has, in what order, and what they share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweeps.errors import SweepError
from sweeps.language import Sweep
from sweeps.reader import read_sweep
from sweeps.tree import Invalid, TrialTree, grow_tree
from sweeps.trial import Trial

SWEEP = """
name: tiny
dataset: {name: digits}
baseline: {epochs: 4}
adjustment: {epochs: 2, rewind_epoch: 1}
axes: {architecture: resnet20, criterion: l1}
"""

Grow = Callable[..., TrialTree]


@pytest.fixture
def grow(parse: Callable[..., Sweep]) -> Grow:
    """Grows the tree of ``SWEEP`` with overrides."""
    return lambda *overrides: grow_tree(parse(SWEEP, *overrides))


@pytest.fixture
def weights(tmp_path: Path) -> str:
    """The override that takes the baseline from a file."""
    path = tmp_path / "weights.th"
    path.write_bytes(b"weights")
    return f"baseline={{weights: {path}}}"


def labels(tree: TrialTree) -> list[str]:
    return [trial.label() for trial in tree]


def pruned(tree: TrialTree, **settings: Any) -> list[Trial]:
    """The trials that remove something, those with these settings."""
    found = (trial for trial in tree if trial.structure != "none")
    return [trial for trial in found if settings.items() <= trial.settings.items()]


def test_the_smallest_sweep_is_a_baseline_a_control_and_a_pruned_trial(grow: Grow) -> None:
    assert labels(grow()) == [
        "resnet20 baseline seed 0",
        "resnet20 control fine_tune ×1 seed 0",
        "resnet20 filters l1 0.1 fine_tune ×1 seed 0",
    ]


@pytest.mark.parametrize("name", ["quickstart", "cifar10_grid"])
@pytest.mark.parametrize("control", ["true", "false"])
def test_parents_stand_before_their_children(name: str, control: str) -> None:
    tree = grow_tree(read_sweep(name, [f"control={control}"]))
    before: set[str] = set()
    for trial in tree:
        assert trial.parent is None or trial.parent.key in before
        before.add(trial.key)
    assert {child for children in tree.children.values() for child in children} == {t.key for t in tree if t.parent}


def test_missing_ancestors_are_added_and_told_apart_from_what_was_asked_for(grow: Grow) -> None:
    tree = grow("axes.iterations=3", "control=false")
    assert [trial.iterations for trial in tree] == [0, 1, 2, 3]
    assert [tree.trials[key].iterations for key in tree.asked] == [3]


def test_a_trial_with_no_iterations_is_the_baseline(grow: Grow) -> None:
    tree = grow("axes.iterations=[0, 1]", "axes.ratio=[0.1, 0.2]", "control=false")
    assert sum(trial.is_baseline for trial in tree) == 1
    assert len(tree.asked) == 3


def test_a_trial_differs_from_its_parent_in_the_iteration_alone(grow: Grow) -> None:
    for trial in pruned(grow("axes.iterations=[2, 3]", "axes.structure=both")):
        if trial.iterations > 1:
            assert trial.parent is not None
            assert trial.parent.settings == {**trial.settings, "iterations": trial.iterations - 1}


def test_every_pruned_trial_has_a_control_with_the_same_adjustment_and_iterations(grow: Grow) -> None:
    tree = grow("axes.adjustment=[fine_tune, scratch_b, none]", "axes.iterations=2", "axes.ratio=[0.1, 0.2]")
    for trial in pruned(tree):
        control = trial.control
        assert control is not None
        assert control.key in tree.trials
        assert control.is_control
        assert (control.adjustment, control.iterations, control.seed) == (trial.adjustment, trial.iterations, 0)
        assert control.round.training == trial.round.training
    assert sum(trial.is_control for trial in tree) == 3 * 2


def test_without_controls_none_is_run_but_each_is_still_named(grow: Grow) -> None:
    tree = grow("control=false")
    assert not any(trial.is_control for trial in tree)
    (trial,) = pruned(tree)
    assert trial.relations["control_key"] in grow().trials


def test_there_is_one_baseline_an_architecture_and_seed(grow: Grow) -> None:
    tree = grow("axes.architecture=[resnet20, vgg16]", "seeds=[0, 1, 2]", "axes.ratio=[0.1, 0.2]")
    baselines = [(trial.architecture, trial.seed) for trial in tree if trial.is_baseline]
    assert sorted(baselines) == [(name, seed) for name in ("resnet20", "vgg16") for seed in (0, 1, 2)]


def test_a_weights_file_is_one_baseline_for_all_seeds(grow: Grow, weights: str) -> None:
    tree = grow("seeds=[1, 2]", weights)
    assert sum(trial.is_baseline for trial in tree) == 1
    assert sorted(trial.seed for trial in pruned(tree)) == [1, 2]


def test_adjustment_schemes_share_the_scores_of_their_parent(grow: Grow) -> None:
    schemes = "axes.adjustment=[fine_tune, scratch_e, scratch_b, winning_ticket, none]"
    first = pruned(grow(schemes, "axes.ratio=[0.1, 0.2]"))
    assert len(first) == 10
    assert len({key for trial in first for key in trial.score_keys.values()}) == 1
    second = pruned(grow(schemes, "axes.iterations=2"), iterations=2)
    assert len({key for trial in second for key in trial.score_keys.values()}) == 5  # their parents differ


def test_both_shares_the_block_scores_with_layers_and_not_the_filter_scores(grow: Grow) -> None:
    filters, layers, both = pruned(grow("axes.structure=[filters, layers, both]"))
    assert list(both.score_keys) == ["layers", "filters"]
    assert both.score_keys["layers"] == layers.score_keys["layers"]
    assert both.score_keys["filters"] != filters.score_keys["filters"]


def test_baselines_and_controls_need_no_scores(grow: Grow) -> None:
    assert all(not trial.score_keys for trial in grow() if trial.structure == "none")


def test_winning_tickets_go_back_to_one_snapshot_of_their_baseline(grow: Grow) -> None:
    tree = grow("axes.adjustment=[winning_ticket, fine_tune]", "axes.iterations=2")
    tickets = [trial for trial in tree if trial.adjustment == "winning_ticket"]
    assert len({trial.snapshot_key for trial in tickets}) == 1
    assert all(trial.snapshot_key is None for trial in tree if trial not in tickets)
    assert [trial.snapshot_epochs for trial in tree if trial.is_baseline] == [(1,)]


@pytest.mark.parametrize(
    ("adjustment", "epochs", "learning_rate"),
    [("fine_tune", 2, 0.01), ("scratch_e", 4, 0.1), ("scratch_b", 8, 0.1), ("winning_ticket", 3, 0.1), ("none", 0, 0)],
)
def test_each_adjustment_trains_for_its_epochs(grow: Grow, adjustment: str, epochs: int, learning_rate: float) -> None:
    (trial,) = pruned(grow(f"axes.adjustment={adjustment}"))
    assert trial.round.epochs == epochs
    assert trial.epochs_total == 4 + epochs
    assert (trial.round.training.learning_rate if trial.round.training else 0) == learning_rate


# Invalid combinations


def test_architectures_without_blocks_lose_filters_alone(grow: Grow) -> None:
    tree = grow(
        "axes.architecture=[vgg16, resnet20]",
        "axes.structure=[filters, layers, both]",
        "axes.criterion=[l1, pls]",
        "axes.iterations=[0, 1, 2]",
        "seeds=[0, 1]",
    )
    reason = "vgg16 has no residual blocks to remove"
    assert tree.invalid == (Invalid("layers of vgg16", reason, 8), Invalid("both of vgg16", reason, 8))
    assert {trial.structure for trial in pruned(tree, architecture="vgg16")} == {"filters"}
    assert {trial.structure for trial in pruned(tree, architecture="resnet20")} == {"filters", "layers", "both"}


def test_a_weights_file_holds_neither_snapshots_nor_its_epochs(grow: Grow, weights: str) -> None:
    schemes = "axes.adjustment=[fine_tune, scratch_e, winning_ticket]"
    invalid = {entry.what: entry for entry in grow(weights, schemes).invalid}
    assert {what: entry.trials for what, entry in invalid.items()} == {"scratch_e": 1, "winning_ticket": 1}
    assert "give them as baseline.epochs" in invalid["scratch_e"].reason
    assert "train the baseline instead" in invalid["winning_ticket"].reason
    with_epochs = grow(weights, "baseline.epochs=5", schemes)
    assert [entry.what for entry in with_epochs.invalid] == ["winning_ticket"]
    assert [trial.round.epochs for trial in pruned(with_epochs, adjustment="scratch_e")] == [5]


def test_an_invalid_combination_of_two_grids_counts_once(grow: Grow) -> None:
    grid = "{architecture: vgg16, structure: [filters, layers]}"
    assert [entry.trials for entry in grow(f"axes=[{grid}, {grid}]").invalid] == [1]


def test_a_sweep_without_a_possible_combination_is_refused(grow: Grow) -> None:
    with pytest.raises(SweepError, match="nothing to run: layers of vgg16: vgg16 has no residual blocks"):
        grow("axes={architecture: vgg16, structure: layers}")


def test_a_number_of_blocks_takes_the_place_of_the_ratio(grow: Grow) -> None:
    tree = grow("axes={architecture: resnet20, structure: layers, ratio: [0.1, 0.2]}", "pruning.blocks=1")
    assert [trial.ratio for trial in tree if trial.structure == "layers"] == [0.0]


# Unions of grids


def test_grids_are_united_without_duplicates(grow: Grow) -> None:
    one = "{architecture: resnet20, criterion: l1, iterations: [1, 2]}"
    other = "{architecture: resnet20, criterion: [l1, pls], iterations: 2}"
    united = set(grow(f"axes=[{one}, {other}]").trials)
    assert united == set(grow(f"axes={one}").trials) | set(grow(f"axes={other}").trials)
    assert len(united) == 1 + 2 + 2 * 2


def test_a_value_named_twice_is_one_trial(grow: Grow) -> None:
    assert len(grow("axes.ratio=[0.1, 1/10]", "seeds=[0, 0]")) == len(grow())


def test_quickstart_is_the_union_of_its_three_grids() -> None:
    tree = grow_tree(read_sweep("quickstart"))
    assert len(tree.asked) == 3 * 2 * 3 + 3 + 2
    assert sum(trial.is_baseline for trial in tree) == 2
    assert not tree.invalid
