"""Training: schedules, the same bits however often training is interrupted, and every adjustment scheme."""

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
from prunesweep.workers.training.batch_norm import estimate_running_statistics
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
    """Return the trial with a learning rate that sweep files do not allow."""
    assert trial.round.training is not None
    training = trial.round.training.model_copy(update={"learning_rate": learning_rate})
    return replace(trial, round=trial.round.model_copy(update={"training": training}))


def test_a_network_that_the_last_step_breaks_is_not_stored(data: Dataset, tmp_path: Path) -> None:
    """With a single batch, whose loss is computed before the step."""
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
class FinishedRun:
    """A store with finished trials, and how many epochs each trial trained, by its key."""

    store: Store
    epochs: dict[str, int]


@pytest.fixture(scope="module")
def finished(tree: TrialTree, data: Dataset, tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """Run all trials of the tree in its order and without interruption."""
    store = Store(str(tmp_path_factory.mktemp("finished")))
    return FinishedRun(store, {trial.key: run_trial(trial, store, data).epochs for trial in tree})


def pruned(tree: TrialTree, adjustment: str) -> Trial:
    return next(trial for trial in tree if trial.structure == "filters" and trial.adjustment == adjustment)


def weights(store: Store, trial: Trial) -> dict[str, Any]:
    return store.load_network(trial.key)[0]


def same(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    return first.keys() == second.keys() and all((first[name] == second[name]).all() for name in first)


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
    tree: TrialTree, data: Dataset, finished: FinishedRun, tmp_path: Path
) -> None:
    trials, other = list(tree), Store(str(tmp_path))
    for trial in [trials[0], *reversed(trials[1:])]:
        torch.rand(7)  # global random state must not matter
        run_trial(trial, other, data)
    assert all(same(weights(finished.store, trial), weights(other, trial)) for trial in trials)


def test_a_stopped_trial_goes_on_and_ends_with_the_same_bits(
    tree: TrialTree, data: Dataset, finished: FinishedRun, tmp_path: Path
) -> None:
    baseline = next(iter(tree))
    uninterrupted, interrupted = finished.store, Store(str(tmp_path))
    assert finished.epochs[baseline.key] == 3
    for _ in range(2):
        with pytest.raises(Stopped):
            run_trial(baseline, interrupted, data, should_stop=lambda: True)
    assert interrupted.load_checkpoint(baseline.key) is not None
    assert run_trial(baseline, interrupted, data).epochs == 1, "two of three epochs were done"
    assert same(weights(uninterrupted, baseline), weights(interrupted, baseline))
    assert interrupted.load_checkpoint(baseline.key) is None, "a finished trial leaves no checkpoint"
    losses = [
        [epoch["loss"] for epoch in store.result(baseline.key)["history"]] for store in (uninterrupted, interrupted)
    ]
    assert losses[0] == losses[1]


def test_a_checkpoint_is_written_when_it_is_due(tmp_path: Path) -> None:
    network = torch.nn.Linear(2, 2)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9)
    store = Store(str(tmp_path))
    Checkpoint(store, "early").save(network, optimizer, [])
    assert store.load_checkpoint("early") is None
    Checkpoint(store, "due", interval=0).save(network, optimizer, [])
    assert store.load_checkpoint("due") is not None


@pytest.mark.parametrize(
    ("adjustment", "epochs"), [("fine_tune", 2), ("scratch_e", 3), ("scratch_b", 6), ("winning_ticket", 2), ("none", 0)]
)
def test_each_scheme_trains_its_epochs(adjustment: str, epochs: int, tree: TrialTree, finished: FinishedRun) -> None:
    trial = pruned(tree, adjustment)
    assert finished.epochs[trial.key] == epochs == trial.round.epochs
    result = finished.store.result(trial.key)
    assert result["epochs"] == epochs
    assert result["epochs_total"] == 3 + epochs
    assert result["filters_removed"] == 34  # ⌈0.1 · 3 · (16 + 32 + 64)⌉


def recalibrated_tree(*schemes: str) -> TrialTree:
    return grow_tree(parse_sweep(SWEEP, [f"axes.adjustment=[{', '.join(schemes)}]"]))


def is_statistic(name: str) -> bool:
    return name.endswith(("running_mean", "running_var", "num_batches_tracked"))


@pytest.mark.parametrize(
    ("scheme", "recalibrated_scheme", "epochs"),
    [
        ("none", "bn_recalibrate", 0),
        ("fine_tune", "fine_tune+bn_recalibrate", 2),
        pytest.param("scratch_e", "scratch_e+bn_recalibrate", 3, marks=pytest.mark.full),
        pytest.param("scratch_b", "scratch_b+bn_recalibrate", 6, marks=pytest.mark.full),
        ("winning_ticket", "winning_ticket+bn_recalibrate", 2),
    ],
)
def test_recalibration_after_a_scheme_changes_only_running_statistics(
    scheme: str, recalibrated_scheme: str, epochs: int, data: Dataset, finished: FinishedRun
) -> None:
    store, tree = finished.store, recalibrated_tree(scheme, recalibrated_scheme)
    trial, recalibrated = pruned(tree, scheme), pruned(tree, recalibrated_scheme)
    assert trial.key in finished.epochs
    run_trial(recalibrated, store, data)
    assert store.result(recalibrated.key)["epochs"] == epochs == recalibrated.round.epochs
    before, after = weights(store, trial), weights(store, recalibrated)
    changed = {name for name in before if not (before[name] == after[name]).all()}
    assert changed and all(is_statistic(name) for name in changed)
    means = {name for name in before if name.endswith("running_mean")}
    assert means <= changed
    assert recalibrated.control is not None and recalibrated.control.adjustment == recalibrated_scheme


def test_recalibrated_statistics_are_the_unweighted_average_over_clean_batches(
    data: Dataset, finished: FinishedRun
) -> None:
    """For the first batch norm, whose input depends on no other one, in batches of 32, 32 and 2 images."""
    store, tree = finished.store, recalibrated_tree("bn_recalibrate")
    trial = next(trial for trial in tree if trial.is_control)
    run_trial(trial, store, data)
    arrays, description = store.load_network(trial.key)
    order = torch.randperm(66, generator=stream("recalibration", trial.seed, trial.iterations))
    means, variances = [], []
    for indices in order.split(32):
        images = data.train.read(indices).double() / 255
        normalised = (images - torch.tensor(description["mean"])[:, None, None]) / torch.tensor(description["std"])[
            :, None, None
        ]
        activations = conv2d(normalised, torch.from_numpy(arrays["body.conv1.weight"]).double(), padding=1)
        means.append(activations.mean((0, 2, 3)))
        variances.append(activations.var((0, 2, 3), correction=1))
    assert arrays["body.bn1.num_batches_tracked"] == 3
    for name, expected in {"running_mean": means, "running_var": variances}.items():
        statistics = torch.from_numpy(arrays[f"body.bn1.{name}"]).double()
        torch.testing.assert_close(statistics, torch.stack(expected).mean(0), rtol=1e-4, atol=1e-5)


def test_statistics_are_estimated_in_place_and_modes_are_kept(random_network: MakeNetwork) -> None:
    network = random_network("resnet20")
    network.body.get_submodule("bn1").train()
    modes = [module.training for module in network.modules()]
    momenta = [module.momentum for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    batches = [torch.rand(4, 3, 16, 16, generator=stream("test", number)) for number in range(3)]
    estimate_running_statistics(network, iter(batches))
    once = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    estimate_running_statistics(network, iter(batches))
    assert all(torch.equal(tensor, once[name]) for name, tensor in network.state_dict().items())
    assert [module.training for module in network.modules()] == modes
    after = [module.momentum for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert after == momenta


def test_none_keeps_the_parameters_that_pruning_left(tree: TrialTree, finished: FinishedRun) -> None:
    before, after = weights(finished.store, next(iter(tree))), weights(finished.store, pruned(tree, "none"))
    kept = finished.store.load_network(pruned(tree, "none").key)[1]["kept_filters"]["layer1.0.conv1"]
    assert (after["body.layer1.0.conv1.weight"] == before["body.layer1.0.conv1.weight"][kept]).all()
    assert (after["body.linear.weight"] == before["body.linear.weight"]).all()


def test_a_winning_ticket_starts_at_the_snapshot(tree: TrialTree, finished: FinishedRun) -> None:
    trial = pruned(tree, "winning_ticket")
    assert trial.snapshot_key is not None and finished.store.has_snapshot(trial.snapshot_key)
    assert [epoch["epoch"] for epoch in finished.store.result(trial.key)["history"]] == [2, 3]


def test_a_missing_snapshot_is_trained_again_with_the_same_bits(
    tree: TrialTree, data: Dataset, finished: FinishedRun, tmp_path: Path
) -> None:
    store = Store(str(tmp_path))
    baseline, trial = next(iter(tree)), pruned(tree, "winning_ticket")
    run_trial(replace(baseline, snapshot_epochs=()), store, data)
    assert trial.snapshot_key is not None and not store.has_snapshot(trial.snapshot_key)
    assert finished.epochs[trial.key] == 2
    assert run_trial(trial, store, data).epochs == 2 + 1, "the baseline's first epoch, once more"
    assert same(weights(finished.store, trial), weights(store, trial))


def test_a_baseline_resumed_from_another_sweeps_checkpoint_stores_its_snapshot(
    tree: TrialTree, data: Dataset, finished: FinishedRun, tmp_path: Path
) -> None:
    """Its first epoch was trained by a sweep without winning tickets."""
    complete, resumed = finished.store, Store(str(tmp_path))
    baseline, trial = next(iter(tree)), pruned(tree, "winning_ticket")
    with pytest.raises(Stopped):
        run_trial(replace(baseline, snapshot_epochs=()), resumed, data, should_stop=lambda: True)
    run_trial(baseline, resumed, data)
    assert trial.snapshot_key is not None and resumed.has_snapshot(trial.snapshot_key)
    snapshot, expected = (store.load_snapshot(trial.snapshot_key) for store in (resumed, complete))
    assert same(snapshot, expected) and same(weights(resumed, baseline), weights(complete, baseline))


def test_a_loss_that_is_not_finite_fails_the_trial_with_one_line(data: Dataset, tmp_path: Path) -> None:
    baseline = at_rate(next(iter(grow_tree(parse_sweep(SWEEP)))), 1e30)
    with pytest.raises(TrialError, match="training diverged: the loss of epoch 1 is"):
        run_trial(baseline, Store(str(tmp_path)), data)


def test_bf16_has_its_own_key_and_trains(data: Dataset, tmp_path: Path) -> None:
    baseline = next(iter(grow_tree(parse_sweep(SWEEP, ["precision=bf16"]))))
    assert baseline.key != next(iter(grow_tree(parse_sweep(SWEEP)))).key
    store = Store(str(tmp_path))
    run_trial(baseline, store, data)
    assert all(array.dtype != "bfloat16" for array in weights(store, baseline).values())
