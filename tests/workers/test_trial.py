"""Running a trial: what it reads, computes and stores, and its errors."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from prunesweep.results_store import NotStored, Store
from prunesweep.sweeps.events import WorkCounts
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.workers import load_dataset, load_network, run_trial
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.work import TrialError
from tests.helpers.trial_matrix import SWEEP, outputs


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset(parse_sweep(SWEEP).dataset)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One store for all tests of this file, which share baselines and scores, as in a sweep."""
    return Store(str(tmp_path_factory.mktemp("matrix")))


def test_a_stored_network_can_be_loaded_and_used(data: Dataset, store: Store) -> None:
    trial = next(iter(grow_tree(parse_sweep(SWEEP))))
    run_trial(trial, store, data)
    network = load_network(store.objects.path(f"networks/{trial.key}"))
    logits = network(torch.rand(2, 3, 16, 16))
    assert logits.shape == (2, 10)
    correct = (outputs(network, data).argmax(1) == data.test.labels).sum().item()
    assert store.result(trial.evaluation_key("clean"))["counts"][0]["correct"][0] == correct


def test_a_finished_trial_is_not_repeated_and_a_new_attack_needs_no_training(data: Dataset, store: Store) -> None:
    trial = next(iter(grow_tree(parse_sweep(SWEEP))))
    run_trial(trial, store, data)
    assert run_trial(trial, store, data) == WorkCounts()
    more = next(iter(grow_tree(parse_sweep(SWEEP, ["attacks.occlusion={}", "name=other"]))))
    assert run_trial(more, store, data) == WorkCounts(evaluations=1)


def test_a_missing_parent_is_an_error(data: Dataset, tmp_path: Path) -> None:
    child = list(grow_tree(parse_sweep(SWEEP)))[-1]
    with pytest.raises(NotStored, match="run resnet20 baseline seed 0 first"):
        run_trial(child, Store(str(tmp_path)), data)


def test_a_trial_without_removable_structures_fails(data: Dataset, store: Store) -> None:
    change = ["axes.structure=layers", "axes.criterion=random", "axes.iterations=3", "axes.adjustment='none'"]
    possible = list(grow_tree(parse_sweep(SWEEP, change)))
    for trial in possible:  # ResNet20 has three stages, each of which can lose one block
        run_trial(trial, store, data)
    fourth = replace(possible[-1], iterations=4, parent=possible[-1])  # which no tree would contain
    with pytest.raises(TrialError, match="nothing is left to remove"):
        run_trial(fourth, store, data)


def test_per_image_outcomes_are_stored_at_the_headline_severity(data: Dataset, store: Store) -> None:
    trial = next(iter(grow_tree(parse_sweep(SWEEP))))
    run_trial(trial, store, data)
    key = trial.evaluation_key("fgsm")
    (kind, outcomes), *others = store.load_outcomes(key).items()
    assert (kind, others) == ("fgsm", [])
    assert outcomes.sum() == store.result(key)["counts"][0]["correct"][0]
