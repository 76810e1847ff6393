"""The trial tree: the trials of a sweep, their order, and what they share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from prunesweep.sweeps.errors import SweepError
from prunesweep.sweeps.language import MAX_ITERATIONS, Sweep, Training
from prunesweep.sweeps.reader import read_sweep
from prunesweep.sweeps.tree import ImpossibleCombination, TrialTree, grow_tree
from prunesweep.sweeps.trial import Trial

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
    """A function that grows the tree of ``SWEEP`` with overrides."""
    return lambda *overrides: grow_tree(parse(SWEEP, *overrides))


@pytest.fixture
def weights(tmp_path: Path) -> str:
    """The override that takes the baseline from a file."""
    path = tmp_path / "weights.th"
    path.write_bytes(b"weights")
    return f"baseline={{weights: {path}}}"


def labels(tree: TrialTree) -> list[str]:
    return [trial.describe() for trial in tree]


def pruned(tree: TrialTree, **settings: Any) -> list[Trial]:
    """Return the trials that remove something and have these settings."""
    trials = (trial for trial in tree if trial.structure != "none")
    return [trial for trial in trials if settings.items() <= trial.settings.items()]


def test_the_smallest_sweep_is_a_baseline_a_control_and_a_pruned_trial(grow: Grow) -> None:
    assert labels(grow()) == [
        "resnet20 baseline seed 0",
        "resnet20 control ×1 fine_tune seed 0",
        "resnet20 filters l1 0.1 ×1 fine_tune seed 0",
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


def test_missing_ancestors_are_added_but_are_not_among_the_requested_trials(grow: Grow) -> None:
    tree = grow("axes.iterations=3", "control=false")
    assert [trial.iterations for trial in tree] == [0, 1, 2, 3]
    assert [tree.trials[key].iterations for key in tree.requested] == [3]


def test_trials_of_one_grid_keep_their_own_settings(grow: Grow) -> None:
    tree = grow(
        "seeds=[0, 1]",
        "axes.architecture=[resnet20, resnet32]",
        "axes.recipe=[plain, cutout]",
        "axes.structure=[filters, both]",
        "axes.criterion=[l1, pls]",
        "axes.adjustment=[fine_tune, scratch_e]",
        "axes.ratio=[0.1, 0.2]",
        "axes.iterations=[1, 2]",
    )
    assert len({tuple(trial.settings.values()) for trial in tree}) == len(tree)
    assert len(tree.requested) == 2**8
    for trial in pruned(tree):
        assert trial.round.training is not None
        assert trial.round.training.recipe == (trial.recipe if trial.adjustment == "scratch_e" else "plain")


def test_the_longest_chain_that_the_language_allows_can_grow(grow: Grow) -> None:
    tree = grow(f"axes.iterations={MAX_ITERATIONS}", "axes.ratio=0.001", "control=false")
    assert len(tree) == MAX_ITERATIONS + 1
    assert max(trial.epochs_total for trial in tree) == 4 + 2 * MAX_ITERATIONS


def test_a_trial_with_no_iterations_is_the_baseline(grow: Grow) -> None:
    tree = grow("axes.iterations=[0, 1]", "axes.ratio=[0.1, 0.2]", "control=false")
    assert sum(trial.is_baseline for trial in tree) == 1
    assert len(tree.requested) == 3


def test_a_trial_differs_from_its_parent_in_the_iteration_alone(grow: Grow) -> None:
    for trial in pruned(grow("axes.iterations=[2, 3]", "axes.structure=both")):
        if trial.iterations > 1:
            assert trial.parent is not None
            assert trial.parent.settings == {**trial.settings, "iterations": trial.iterations - 1}


def test_every_pruned_trial_has_a_control_with_the_same_adjustment_and_iterations(grow: Grow) -> None:
    tree = grow("axes.adjustment=[fine_tune, scratch_b, bn_recalibrate]", "axes.iterations=2", "axes.ratio=[0.1, 0.2]")
    for trial in pruned(tree):
        control = trial.control
        assert control is not None
        assert control.key in tree.trials
        assert control.is_control
        assert (control.adjustment, control.iterations, control.seed) == (trial.adjustment, trial.iterations, 0)
        assert control.round.training == trial.round.training
    assert sum(trial.is_control for trial in tree) == 3 * 2


@pytest.mark.parametrize("iterations", [1, 3])
def test_the_control_of_an_unadjusted_network_is_its_baseline(grow: Grow, iterations: int) -> None:
    tree = grow("axes.adjustment=none", f"axes.iterations={iterations}", "seeds=[0, 1]")
    assert sum(trial.is_control for trial in tree) == 0
    for trial in pruned(tree):
        assert trial.control is trial.baseline
        assert trial.relations["control_key"] == trial.baseline.key


def test_a_sweep_without_controls_runs_none_but_its_trials_name_theirs(grow: Grow) -> None:
    tree = grow("control=false")
    assert not any(trial.is_control for trial in tree)
    (trial,) = pruned(tree)
    assert trial.relations["control_key"] in grow().trials


def test_there_is_one_baseline_per_architecture_and_seed(grow: Grow) -> None:
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


def test_winning_tickets_rewind_to_one_snapshot_of_their_baseline(grow: Grow) -> None:
    tree = grow("axes.adjustment=[winning_ticket, fine_tune]", "axes.iterations=2")
    tickets = [trial for trial in tree if trial.adjustment == "winning_ticket"]
    assert len({trial.snapshot_key for trial in tickets}) == 1
    assert all(trial.snapshot_key is None for trial in tree if trial not in tickets)
    assert [trial.snapshot_epochs for trial in tree if trial.is_baseline] == [(1,)]


@pytest.mark.parametrize(
    ("adjustment", "epochs", "learning_rate"),
    [
        ("fine_tune", 2, 0.01),
        ("scratch_e", 4, 0.1),
        ("scratch_b", 8, 0.1),
        ("winning_ticket", 3, 0.1),
        ("none", 0, 0),
        ("fine_tune+bn_recalibrate", 2, 0.01),
        ("scratch_b+bn_recalibrate", 8, 0.1),
        ("winning_ticket+bn_recalibrate", 3, 0.1),
    ],
)
def test_each_adjustment_trains_for_its_epochs(grow: Grow, adjustment: str, epochs: int, learning_rate: float) -> None:
    (trial,) = pruned(grow(f"axes.adjustment={adjustment}"))
    assert trial.round.epochs == epochs
    assert trial.epochs_total == 4 + epochs
    assert (trial.round.training.learning_rate if trial.round.training else 0) == learning_rate


def test_a_recalibration_trains_nothing_and_has_the_batch_size_of_the_adjustment(grow: Grow) -> None:
    (trial,) = pruned(grow("axes.adjustment=bn_recalibrate", "adjustment.batch_size=32"))
    assert (trial.round.epochs, trial.round.training) == (0, Training(epochs=0, batch_size=32))
    assert trial.control is not None
    assert (trial.control.adjustment, trial.control.round.training) == ("bn_recalibrate", trial.round.training)


# Recipes


@pytest.mark.parametrize("control", ["true", "false"])
def test_a_baseline_of_another_recipe_adds_the_plain_baseline_of_its_seed(grow: Grow, control: str) -> None:
    tree = grow("axes.recipe=cutout", "axes.iterations=[0, 1]", "seeds=[0, 1]", f"control={control}")
    assert {(trial.recipe, trial.seed) for trial in tree if trial.is_baseline} == {
        (recipe, seed) for recipe in ("plain", "cutout") for seed in (0, 1)
    }
    assert all(tree.trials[key].recipe == "cutout" for key in tree.requested)
    for trial in tree:
        plain = trial.baseline.plain
        assert trial.relations["plain_key"] == (plain.key if plain is not None else None)
        assert (plain is None) == (trial.recipe == "plain")
        if trial.plain is not None:
            assert trial.plain.key in tree.trials
            assert trial.plain.seed == trial.seed and trial.plain.recipe == "plain" and trial.plain.is_baseline
            assert trial.plain.round.epochs == trial.baseline.round.epochs
            assert trial.baseline.key != trial.plain.key and trial.baseline.recipe == "cutout"
    assert "resnet20 cutout filters l1 0.1 ×1 fine_tune seed 1" in labels(tree)


@pytest.mark.parametrize(
    ("adjustment", "recipe"),
    [("fine_tune", "plain"), ("scratch_e", "mixup"), ("scratch_b", "mixup"), ("winning_ticket", "mixup")],
)
def test_schemes_with_the_settings_of_the_baseline_train_by_its_recipe(
    grow: Grow, adjustment: str, recipe: str
) -> None:
    tree = grow("axes.recipe=mixup", f"axes.adjustment={adjustment}")
    for trial in (trial for trial in tree if trial.iterations == 1):
        assert trial.round.training is not None and trial.round.training.recipe == recipe
    (by_recipe,) = pruned(grow("axes.recipe=mixup", "adjustment.recipe=baseline"))
    assert by_recipe.round.training is not None
    assert (by_recipe.round.training.recipe, by_recipe.round.training.learning_rate) == ("mixup", 0.01)


@pytest.fixture
def published(tmp_path: Path) -> str:
    """The override that takes a plain baseline and two published defences from files."""
    for name in ("plain.th", "sin.pth", "std.pth"):
        (tmp_path / name).write_bytes(name.encode())
    defences = f"{{stylized: {tmp_path}/sin.pth, debiased: {tmp_path}/std.pth}}"
    return f"baseline={{weights: {tmp_path}/plain.th, epochs: 4, defences: {defences}}}"


def test_published_networks_are_compared_with_that_of_the_plain_weights_file(
    grow: Grow, published: str, tmp_path: Path
) -> None:
    tree = grow(published, "axes.recipe=[stylized, debiased]", "seeds=[0, 1]")
    files = {trial.recipe: trial.weights for trial in tree if trial.is_baseline}
    assert files == {
        name: str(tmp_path / file)
        for name, file in {"plain": "plain.th", "stylized": "sin.pth", "debiased": "std.pth"}.items()
    }
    assert {trial.plain.recipe for trial in tree if trial.plain} == {"plain"}
    assert len({trial.key for trial in tree}) == 3 + 2 * 2 * 2
    assert not tree.invalid


def test_trials_that_need_the_recipe_of_a_weights_file_are_left_out(grow: Grow, published: str) -> None:
    tree = grow(published, "axes.recipe=[plain, stylized, cutout]", "axes.adjustment=[fine_tune, scratch_e]")
    invalid = {entry.description: entry for entry in tree.invalid}
    assert {what: entry.trials for what, entry in invalid.items()} == {"recipe cutout": 2, "scratch_e of stylized": 1}
    assert "baseline.weights is used as it is" in invalid["recipe cutout"].reason
    assert "does not say its training recipe" in invalid["scratch_e of stylized"].reason
    of_baseline = grow(published, "axes.recipe=[plain, stylized]", "adjustment.recipe=baseline")
    assert [entry.description for entry in of_baseline.invalid] == ["fine_tune of stylized"]


def test_one_file_under_two_names_is_refused(grow: Grow, published: str, tmp_path: Path) -> None:
    (tmp_path / "sin.pth").write_bytes(b"plain.th")
    with pytest.raises(SweepError, match=r"baseline.defences.stylized: .*sin.pth is the same network as"):
        grow(published, "axes.recipe=stylized")


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (
            ["axes.recipe=cutot"],
            "axes.recipe: 'cutot' is not a recipe or one of baseline.defences; did you mean 'cutout'",
        ),
        (["baseline.defences={sin: sin.pth}"], "baseline: defences: give baseline.weights too"),
        (["baseline={weights: a, defences: {mixup: b}}"], "'mixup' is already the name of a recipe"),
        (["baseline={weights: a, defences: {'a b': b}}"], "'a b' may contain only letters, digits"),
        (["baseline.adversarial.epsilon=8"], "did you mean 8/255?"),
        (["baseline.adversarial.steps=0"], "baseline.adversarial.steps"),
        (["baseline.recipe=cutout"], "'recipe' is not a key here"),
        (["adjustment.recipe=cutout"], "'cutout' is not allowed here"),
    ],
)
def test_mistakes_in_recipes_are_one_line(grow: Grow, overrides: list[str], said: str) -> None:
    with pytest.raises(SweepError) as refused:
        grow(*overrides)
    assert said in str(refused.value)


# Invalid combinations


def test_architectures_without_blocks_are_pruned_by_filters_only(grow: Grow) -> None:
    tree = grow(
        "axes.architecture=[vgg16, resnet20]",
        "axes.structure=[filters, layers, both]",
        "axes.criterion=[l1, pls]",
        "axes.iterations=[0, 1, 2]",
        "seeds=[0, 1]",
    )
    reason = "vgg16 has no residual blocks to remove"
    assert tree.invalid == (
        ImpossibleCombination("layers of vgg16", reason, 8),
        ImpossibleCombination("both of vgg16", reason, 8),
    )
    assert {trial.structure for trial in pruned(tree, architecture="vgg16")} == {"filters"}
    assert {trial.structure for trial in pruned(tree, architecture="resnet20")} == {"filters", "layers", "both"}


def test_trials_that_need_snapshots_or_epochs_of_a_weights_file_are_left_out(grow: Grow, weights: str) -> None:
    schemes = "axes.adjustment=[fine_tune, scratch_e, winning_ticket]"
    invalid = {entry.description: entry for entry in grow(weights, schemes).invalid}
    assert {what: entry.trials for what, entry in invalid.items()} == {"scratch_e": 1, "winning_ticket": 1}
    assert "give it as baseline.epochs" in invalid["scratch_e"].reason
    assert "train the baseline instead" in invalid["winning_ticket"].reason
    with_epochs = grow(weights, "baseline.epochs=5", schemes)
    assert [entry.description for entry in with_epochs.invalid] == ["winning_ticket"]
    assert [trial.round.epochs for trial in pruned(with_epochs, adjustment="scratch_e")] == [5]


def test_an_invalid_combination_of_two_grids_counts_once(grow: Grow) -> None:
    grid = "{architecture: vgg16, structure: [filters, layers]}"
    assert [entry.trials for entry in grow(f"axes=[{grid}, {grid}]").invalid] == [1]


def test_a_sweep_without_a_possible_combination_is_refused(grow: Grow) -> None:
    with pytest.raises(SweepError, match="nothing to run: layers of vgg16: vgg16 has no residual blocks"):
        grow("axes={architecture: vgg16, structure: layers}")


def test_a_number_of_blocks_replaces_the_ratio(grow: Grow) -> None:
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
    assert len(tree.requested) == 3 * 2 * 3 + 3 + 2
    assert sum(trial.is_baseline for trial in tree) == 2
    assert not tree.invalid
