"""The life of a trial over the matrix of structure × criterion × adjustment: pairwise here, all of it in full."""

from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from prunesweep.results_store import NotStored, Store
from prunesweep.sweeps.attacks import Clean
from prunesweep.sweeps.catalogue import ADJUSTMENTS, CRITERIA
from prunesweep.sweeps.events import WorkCounts
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.sweeps.trial import Trial
from prunesweep.workers import load_dataset, load_network, run_trial
from prunesweep.workers.architectures.network import Network, NetworkSpec, rebuild_network
from prunesweep.workers.attacks.clean import clean
from prunesweep.workers.attacks.subject import Subject
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.pruning.masking import silenced_blocks, silenced_filters
from prunesweep.workers.pruning.round import prune
from prunesweep.workers.stored import load_stored
from prunesweep.workers.tensors import to_tensors
from prunesweep.workers.work import TrialError, Work

SWEEP = """
name: matrix
dataset: {name: digits, size: 16, train_limit: 96, test_limit: 20}
baseline: {epochs: 1, learning_rate: 0.02, batch_size: 48}
adjustment: {epochs: 1, learning_rate: 0.01, batch_size: 48, rewind_epoch: 0}
pruning: {scoring_images: 8}
control: false
axes: {architecture: resnet20}
attacks: {fgsm: {epsilons: [8/255]}}
"""
PLACES = [
    *product(["resnet20", "mobilenet_v2"], ["filters", "layers", "both"]),
    ("vgg16", "filters"),
]
# ResNet-50's networks are of 90 MB each: one cell a criterion, in full alone.
OF_RESNET50 = [
    ("filters", "l1", "none"),
    ("layers", "expected_abs", "fine_tune"),
    ("both", "hrank", "scratch_e"),
    ("layers", "kl_divergence", "fine_tune"),
    ("both", "pls", "winning_ticket"),
    ("filters", "random", "scratch_b"),
]


def matrix() -> Iterator[object]:
    """Every combination; those of a design in which all pairs meet run always, the others in full."""
    composed = [name for name, entry in ADJUSTMENTS.items() if entry.recalibrates and entry.trains_by]
    adjustments = [name for name in ADJUSTMENTS if name not in composed]
    for (at, place), (number, criterion), adjustment in product(enumerate(PLACES), enumerate(CRITERIA), adjustments):
        is_paired = adjustment == adjustments[(at + number) % len(adjustments)]
        marks = [] if is_paired else [pytest.mark.full]
        yield pytest.param(*place, criterion, adjustment, marks=marks, id="-".join([*place, criterion, adjustment]))
    criteria = list(CRITERIA)
    for (at, place), (number, adjustment) in product(enumerate(PLACES), enumerate(composed)):
        cell = [*place, criteria[(at + number) % len(criteria)], adjustment]
        yield pytest.param(*cell, marks=[pytest.mark.full], id="-".join(cell))
    for cell in OF_RESNET50:
        yield pytest.param("resnet50", *cell, marks=[pytest.mark.full], id="-".join(["resnet50", *cell]))


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset(parse_sweep(SWEEP).dataset)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One for the whole matrix: baselines and scores are shared, as in a sweep."""
    return Store(str(tmp_path_factory.mktemp("matrix")))


def stored(store: Store, trial: Trial) -> Network:
    arrays, description = store.load_network(trial.key)
    return rebuild_network(NetworkSpec.from_json(description), to_tensors(arrays)).eval()


def outputs(network: Network, data: Dataset) -> torch.Tensor:
    with torch.no_grad():
        return network.eval()(data.test.images.float() / 255)


def lost_filters(before: Network, after: Network) -> dict[str, list[int]]:
    """The filters of ``before``, as it numbers them, that ``after`` lacks; not those of blocks that went whole."""
    lost = {}
    for group in after.architecture.filter_groups(after.body):
        name = group.convolution
        width = before.body.get_submodule(name).out_channels
        had = before.spec.kept_filters.get(name, list(range(width)))
        kept = set(after.spec.kept_filters.get(name, had))
        lost[name] = [index for index, original in enumerate(had) if original not in kept]
    return {name: indices for name, indices in lost.items() if indices}


@pytest.mark.parametrize(("architecture", "structure", "criterion", "adjustment"), list(matrix()))
def test_two_iterations_of(
    architecture: str, structure: str, criterion: str, adjustment: str, data: Dataset, store: Store
) -> None:
    axes = f"{{architecture: {architecture}, structure: {structure}, criterion: {criterion}, "
    axes += f"adjustment: '{adjustment}', iterations: [0, 1, 2]}}"
    for trial in grow_tree(parse_sweep(SWEEP, [f"axes={axes}"])):
        run_trial(trial, store, data)
        if trial.parent is None:
            continue
        before = stored(store, trial.parent)
        after, removal = prune(before, Work(trial, store, data, lambda event: None, lambda: False))
        removed_blocks = set(after.spec.removed_blocks) - set(before.spec.removed_blocks)
        assert len(removed_blocks) == removal.blocks_removed
        with silenced_filters(before, lost_filters(before, after)), silenced_blocks(before, removed_blocks):
            masked = outputs(before, data)
        np.testing.assert_allclose(outputs(after, data), masked, rtol=1e-4, atol=1e-4)
        mine, parents = store.result(trial.key), store.result(trial.parent.key)
        assert mine["parameters"] < parents["parameters"] and mine["flops"] < parents["flops"]
        assert stored(store, trial).spec == after.spec
        # What the trial attacked was not read again, and was bit for bit what it stored.
        again = clean(Subject(load_stored(store, trial.key, data.device).network, data.test, "images"), Clean())
        assert store.result(trial.evaluation_key("clean"))["measures"] == again.measures


def test_a_stored_network_is_taken_home_in_three_lines(data: Dataset, store: Store) -> None:
    trial = next(iter(grow_tree(parse_sweep(SWEEP))))
    run_trial(trial, store, data)
    network = load_network(store.objects.path(f"networks/{trial.key}"))
    logits = network(torch.rand(2, 3, 16, 16))
    assert logits.shape == (2, 10)
    right = (outputs(network, data).argmax(1) == data.test.labels).sum().item()
    assert store.result(trial.evaluation_key("clean"))["counts"][0]["correct"][0] == right


def test_a_finished_trial_does_nothing_and_a_new_attack_trains_nothing(data: Dataset, store: Store) -> None:
    trial = next(iter(grow_tree(parse_sweep(SWEEP))))
    run_trial(trial, store, data)
    assert run_trial(trial, store, data) == WorkCounts()
    more = next(iter(grow_tree(parse_sweep(SWEEP, ["attacks.occlusion={}", "name=other"]))))
    assert run_trial(more, store, data) == WorkCounts(evaluations=1)


def test_a_trial_without_its_parent_says_so(data: Dataset, tmp_path: Path) -> None:
    child = list(grow_tree(parse_sweep(SWEEP)))[-1]
    with pytest.raises(NotStored, match="run resnet20 baseline seed 0 first"):
        run_trial(child, Store(str(tmp_path)), data)


def test_when_nothing_is_left_to_remove_the_trial_fails(data: Dataset, store: Store) -> None:
    change = ["axes.structure=layers", "axes.criterion=random", "axes.iterations=4", "axes.adjustment='none'"]
    *possible, fourth = grow_tree(parse_sweep(SWEEP, change))
    for trial in possible:  # ResNet20 has three stages, each of which can lose one block
        run_trial(trial, store, data)
    with pytest.raises(TrialError, match="nothing is left to remove"):
        run_trial(fourth, store, data)


def test_per_image_outcomes_are_kept_at_the_headline_severity(data: Dataset, store: Store) -> None:
    trial = next(iter(grow_tree(parse_sweep(SWEEP))))
    run_trial(trial, store, data)
    key = trial.evaluation_key("fgsm")
    (kind, outcomes), *others = store.load_outcomes(key).items()
    assert (kind, others) == ("fgsm", [])
    assert outcomes.sum() == store.result(key)["counts"][0]["correct"][0]
