"""Training: schedules by hand, the same numbers bit for bit however often it is interrupted, every scheme."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.functional import conv2d

from prunesweep.results_store import Store
from prunesweep.sweeps.language import Training
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import TrialTree, grow_tree
from prunesweep.sweeps.trial import Trial
from prunesweep.workers import load_dataset, run_trial
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.random_streams import stream
from prunesweep.workers.training.batch_norm import estimate_statistics
from prunesweep.workers.training.checkpoint import Checkpoint
from prunesweep.workers.training.learning_rates import learning_rate
from prunesweep.workers.work import Stopped, TrialError
from tests.helpers.making import MakeNetwork

SWEEP = """
name: training
dataset: {name: digits, size: 16, train_limit: 66, test_limit: 20}
baseline: {epochs: 3, learning_rate: 0.05, batch_size: 32}
adjustment: {epochs: 2, learning_rate: 0.01, batch_size: 32, rewind_epoch: 1}
pruning: {scoring_images: 50}
axes:
  architecture: resnet20
  structure: filters
  criterion: l1
  adjustment: [fine_tune, scratch_e, scratch_b, winning_ticket, none]
attacks: {fgsm: {epsilons: [8/255]}}
"""


def at_rate(trial: Trial, learning_rate: float) -> Trial:
    """A trial that trains at a rate that no sweep file may ask for."""
    assert trial.round.training is not None
    training = trial.round.training.model_copy(update={"learning_rate": learning_rate})
    return replace(trial, round=trial.round.model_copy(update={"training": training}))


def test_what_only_the_last_step_breaks_is_not_stored(data: Dataset, tmp_path: Path) -> None:
    """One batch: its loss is from before the step."""
    store = Store(str(tmp_path))
    store.prepare()
    (trial,) = grow_tree(parse_sweep(SWEEP, ["axes.iterations=0", "baseline={epochs: 1, batch_size: 66}"]))
    trial = at_rate(trial, 1e38)
    with pytest.raises(TrialError, match="training diverged: after its last epoch the network's logits are not finite"):
        run_trial(trial, store, data)
    assert not store.has_result(trial.key)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset(parse_sweep(SWEEP).dataset)


@pytest.fixture(scope="module")
def tree() -> TrialTree:
    return grow_tree(parse_sweep(SWEEP))


@dataclass(frozen=True)
class Made:
    """A store in which trials ran, and how many epochs each of them trained, by its key."""

    store: Store
    epochs: dict[str, int]


@pytest.fixture(scope="module")
def made(tree: TrialTree, data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """All trials of the tree, run in its order without an interruption."""
    store = Store(str(tmp_path_factory.mktemp("made")))
    return Made(store, {trial.key: run_trial(trial, store, data).epochs for trial in tree})


def pruned(tree: TrialTree, adjustment: str) -> Trial:
    return next(trial for trial in tree if trial.structure == "filters" and trial.adjustment == adjustment)


def weights(store: Store, trial: Trial) -> dict[str, Any]:
    return store.load_network(trial.key)[0]


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return one.keys() == other.keys() and all((one[name] == other[name]).all() for name in one)


@pytest.mark.parametrize(
    ("schedule", "progress", "expected"),
    [
        ({"schedule": "cosine"}, 0, 1.0),
        ({"schedule": "cosine"}, 5, 0.5),
        ({"schedule": "cosine"}, 2.5, 0.5 * (1 + math.cos(math.pi / 4))),
        ({"schedule": "cosine"}, 10, 0.0),
        ({"schedule": "step"}, 4.9, 1.0),
        ({"schedule": "step"}, 5, 0.1),
        ({"schedule": "step"}, 7.5, 0.01),
        ({"schedule": "constant"}, 9, 1.0),
        ({"schedule": "constant", "warmup_epochs": 2}, 0.5, 0.25),
        ({"schedule": "cosine", "warmup_epochs": 2}, 6, 0.5),
    ],
)
def test_schedules_by_hand(schedule: dict[str, Any], progress: float, expected: float) -> None:
    training = Training(epochs=10, learning_rate=1.0, **schedule)
    assert learning_rate(training, progress) == pytest.approx(expected, abs=1e-12)


def test_a_trial_ends_with_the_same_bits_in_any_store_and_order(
    tree: TrialTree, data: Dataset, made: Made, tmp_path: Path
) -> None:
    trials, other = list(tree), Store(str(tmp_path))
    for trial in [trials[0], *reversed(trials[1:])]:
        torch.rand(7)  # global random state must not matter
        run_trial(trial, other, data)
    assert all(same(weights(made.store, trial), weights(other, trial)) for trial in trials)


def test_a_stopped_trial_goes_on_and_ends_with_the_same_bits(
    tree: TrialTree, data: Dataset, made: Made, tmp_path: Path
) -> None:
    baseline = next(iter(tree))
    whole, parts = made.store, Store(str(tmp_path))
    assert made.epochs[baseline.key] == 3
    for _ in range(2):
        with pytest.raises(Stopped):
            run_trial(baseline, parts, data, should_stop=lambda: True)
    assert parts.load_checkpoint(baseline.key) is not None
    assert run_trial(baseline, parts, data).epochs == 1, "two of three epochs were done"
    assert same(weights(whole, baseline), weights(parts, baseline))
    assert parts.load_checkpoint(baseline.key) is None, "a finished trial leaves no checkpoint"
    losses = [[epoch["loss"] for epoch in store.result(baseline.key)["history"]] for store in (whole, parts)]
    assert losses[0] == losses[1]


def test_a_checkpoint_is_written_when_it_is_due(tmp_path: Path) -> None:
    network = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    store = Store(str(tmp_path))
    Checkpoint(store, "early").keep(network, optimizer, [])
    assert store.load_checkpoint("early") is None
    Checkpoint(store, "due", interval=0).keep(network, optimizer, [])
    assert store.load_checkpoint("due") is not None


@pytest.mark.parametrize(
    ("adjustment", "epochs"), [("fine_tune", 2), ("scratch_e", 3), ("scratch_b", 6), ("winning_ticket", 2), ("none", 0)]
)
def test_each_scheme_trains_its_epochs(adjustment: str, epochs: int, tree: TrialTree, made: Made) -> None:
    trial = pruned(tree, adjustment)
    assert made.epochs[trial.key] == epochs == trial.round.epochs
    result = made.store.result(trial.key)
    assert result["epochs"] == epochs
    assert result["epochs_total"] == 3 + epochs
    assert result["filters_removed"] == 34  # ⌈0.1 · 3 · (16 + 32 + 64)⌉


def recalibrated_tree(*schemes: str) -> TrialTree:
    return grow_tree(parse_sweep(SWEEP, [f"axes.adjustment=[{', '.join(schemes)}]"]))


def is_statistic(name: str) -> bool:
    return name.endswith(("running_mean", "running_var", "num_batches_tracked"))


@pytest.mark.parametrize(
    ("scheme", "followed", "epochs"),
    [
        ("none", "bn_recalibrate", 0),
        ("fine_tune", "fine_tune+bn_recalibrate", 2),
        pytest.param("scratch_e", "scratch_e+bn_recalibrate", 3, marks=pytest.mark.full),
        pytest.param("scratch_b", "scratch_b+bn_recalibrate", 6, marks=pytest.mark.full),
        ("winning_ticket", "winning_ticket+bn_recalibrate", 2),
    ],
)
def test_a_scheme_that_is_followed_by_a_recalibration_differs_in_statistics_alone(
    scheme: str, followed: str, epochs: int, data: Dataset, made: Made
) -> None:
    store, tree = made.store, recalibrated_tree(scheme, followed)
    plain, recalibrated = pruned(tree, scheme), pruned(tree, followed)
    assert plain.key in made.epochs
    run_trial(recalibrated, store, data)
    assert store.result(recalibrated.key)["epochs"] == epochs == recalibrated.round.epochs
    before, after = weights(store, plain), weights(store, recalibrated)
    changed = {name for name in before if not (before[name] == after[name]).all()}
    assert changed and all(is_statistic(name) for name in changed)
    means = {name for name in before if name.endswith("running_mean")}
    assert means <= changed
    assert recalibrated.control is not None and recalibrated.control.adjustment == followed


def test_recalibrated_statistics_are_the_plain_average_over_clean_batches(data: Dataset, made: Made) -> None:
    """Of the first batch norm, whose input no other one touches: by hand, from the batches of 32, 32 and 2 images."""
    store, tree = made.store, recalibrated_tree("bn_recalibrate")
    trial = next(trial for trial in tree if trial.is_control)
    run_trial(trial, store, data)
    arrays, about = store.load_network(trial.key)
    order = torch.randperm(66, generator=stream("recalibration", trial.seed, trial.iterations))
    means, variances = [], []
    for chosen in order.split(32):
        images = data.train.read(chosen).double() / 255
        normalised = (images - torch.tensor(about["mean"])[:, None, None]) / torch.tensor(about["std"])[:, None, None]
        seen = conv2d(normalised, torch.from_numpy(arrays["body.conv1.weight"]).double(), padding=1)
        means.append(seen.mean((0, 2, 3)))
        variances.append(seen.var((0, 2, 3), correction=1))
    assert arrays["body.bn1.num_batches_tracked"] == 3
    for name, expected in {"running_mean": means, "running_var": variances}.items():
        found = torch.from_numpy(arrays[f"body.bn1.{name}"]).double()
        torch.testing.assert_close(found, torch.stack(expected).mean(0), rtol=1e-4, atol=1e-5)


def test_statistics_are_estimated_in_place_and_modes_stay(random_network: MakeNetwork) -> None:
    network = random_network("resnet20")
    network.body.get_submodule("bn1").train()
    modes = [module.training for module in network.modules()]
    momenta = [module.momentum for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    batches = [torch.rand(4, 3, 16, 16, generator=stream("test", number)) for number in range(3)]
    estimate_statistics(network, iter(batches))
    once = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    estimate_statistics(network, iter(batches))
    assert all(torch.equal(tensor, once[name]) for name, tensor in network.state_dict().items())
    assert [module.training for module in network.modules()] == modes
    after = [module.momentum for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert after == momenta


def test_none_keeps_the_parameters_that_pruning_left(tree: TrialTree, made: Made) -> None:
    before, after = weights(made.store, next(iter(tree))), weights(made.store, pruned(tree, "none"))
    kept = made.store.load_network(pruned(tree, "none").key)[1]["kept_filters"]["layer1.0.conv1"]
    assert (after["body.layer1.0.conv1.weight"] == before["body.layer1.0.conv1.weight"][kept]).all()
    assert (after["body.linear.weight"] == before["body.linear.weight"]).all()


def test_a_winning_ticket_starts_at_the_snapshot(tree: TrialTree, made: Made) -> None:
    trial = pruned(tree, "winning_ticket")
    assert trial.snapshot_key is not None and made.store.has_snapshot(trial.snapshot_key)
    assert [epoch["epoch"] for epoch in made.store.result(trial.key)["history"]] == [2, 3]


def test_a_snapshot_of_another_epoch_is_made_again_with_the_same_bits(
    tree: TrialTree, data: Dataset, made: Made, tmp_path: Path
) -> None:
    lost = Store(str(tmp_path))
    baseline, trial = next(iter(tree)), pruned(tree, "winning_ticket")
    run_trial(replace(baseline, snapshot_epochs=()), lost, data)
    assert trial.snapshot_key is not None and not lost.has_snapshot(trial.snapshot_key)
    assert made.epochs[trial.key] == 2
    assert run_trial(trial, lost, data).epochs == 2 + 1, "the baseline's first epoch, once more"
    assert same(weights(made.store, trial), weights(lost, trial))


def test_a_baseline_that_another_sweep_began_stores_its_snapshot(
    tree: TrialTree, data: Dataset, made: Made, tmp_path: Path
) -> None:
    """Its first epoch was trained when no winning ticket was asked for."""
    whole, begun = made.store, Store(str(tmp_path))
    baseline, trial = next(iter(tree)), pruned(tree, "winning_ticket")
    with pytest.raises(Stopped):
        run_trial(replace(baseline, snapshot_epochs=()), begun, data, should_stop=lambda: True)
    run_trial(baseline, begun, data)
    assert trial.snapshot_key is not None and begun.has_snapshot(trial.snapshot_key)
    mine, others = (store.load_snapshot(trial.snapshot_key) for store in (begun, whole))
    assert same(mine, others) and same(weights(begun, baseline), weights(whole, baseline))


def test_a_loss_that_is_not_finite_fails_the_trial_with_one_line(data: Dataset, tmp_path: Path) -> None:
    baseline = at_rate(next(iter(grow_tree(parse_sweep(SWEEP)))), 1e30)
    with pytest.raises(TrialError, match="training diverged: the loss of epoch 1 is"):
        run_trial(baseline, Store(str(tmp_path)), data)


def test_bf16_is_another_trial_and_trains(data: Dataset, tmp_path: Path) -> None:
    baseline = next(iter(grow_tree(parse_sweep(SWEEP, ["precision=bf16"]))))
    assert baseline.key != next(iter(grow_tree(parse_sweep(SWEEP)))).key
    store = Store(str(tmp_path))
    run_trial(baseline, store, data)
    assert all(array.dtype != "bfloat16" for array in weights(store, baseline).values())
