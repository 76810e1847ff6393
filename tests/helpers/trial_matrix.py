"""Two iterations of a trial, at each place of the matrix of architecture × structure × criterion × adjustment."""

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
import torch
from _pytest.mark.structures import ParameterSet

from prunesweep.results_store import Store
from prunesweep.sweeps.attacks import Clean
from prunesweep.sweeps.catalogue import ADJUSTMENTS, CRITERIA
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.sweeps.trial import Trial
from prunesweep.workers import load_dataset, run_trial
from prunesweep.workers.architectures.network import Network, NetworkSpec, rebuild_network
from prunesweep.workers.attacks.clean import clean
from prunesweep.workers.attacks.subject import Subject
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.pruning.masking import silenced_blocks, silenced_filters
from prunesweep.workers.pruning.round import prune
from prunesweep.workers.stored_network import load_stored
from prunesweep.workers.tensors import to_tensors
from prunesweep.workers.work import Work
from tests.helpers.making import width_of

SWEEP = """
name: matrix
dataset: {name: digits, size: 16, train_limit: 16, test_limit: 12}
baseline: {epochs: 1, learning_rate: 0.02, batch_size: 8}
adjustment: {epochs: 1, learning_rate: 0.01, batch_size: 8, rewind_epoch: 0}
pruning: {scoring_images: 8}
control: false
axes: {architecture: resnet20}
attacks: {fgsm: {epsilons: [8/255]}}
"""
# KL-divergence shows the images to the network once for each filter: it looks at all that there are to train on, and
# leaves few filters for the second time.
FEWER_IMAGES = {"kl_divergence": ["dataset.train_limit=2"]}
RATIOS = {("filters", "kl_divergence"): 0.9}
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


def cells(architecture: str, structure: str | None = None) -> list[ParameterSet]:
    """The combinations of an architecture and a structure, for ``parametrize``."""
    place = (architecture,) if structure is None else (architecture, structure)
    return [cell for cell in _matrix() if cell.values[: len(place)] == place]


def _matrix() -> Iterator[ParameterSet]:
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
    for of_resnet50 in OF_RESNET50:
        cell = ["resnet50", *of_resnet50]
        yield pytest.param(*cell, marks=[pytest.mark.full], id="-".join(cell))


def _stored(store: Store, trial: Trial) -> Network:
    arrays, description = store.load_network(trial.key)
    return rebuild_network(NetworkSpec.from_json(description), to_tensors(arrays)).eval()


def outputs(network: Network, data: Dataset) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = network.eval()(data.test.read(slice(None)).float() / 255)
    return logits


def _lost_filters(before: Network, after: Network) -> dict[str, list[int]]:
    """The filters of ``before``, as it numbers them, that ``after`` lacks; not those of blocks that went whole."""
    lost = {}
    for group in after.architecture.filter_groups(after.body):
        name = group.convolution
        had = before.spec.kept_filters.get(name, list(range(width_of(before, name))))
        kept = set(after.spec.kept_filters.get(name, had))
        lost[name] = [index for index, original in enumerate(had) if original not in kept]
    return {name: indices for name, indices in lost.items() if indices}


def check_two_iterations(architecture: str, structure: str, criterion: str, adjustment: str, store: Store) -> None:
    """Runs the baseline and two iterations; each removes what is silenced in its parent, and attacks what it stores."""
    axes = f"{{architecture: {architecture}, structure: {structure}, criterion: {criterion}, "
    axes += f"adjustment: '{adjustment}', iterations: [0, 1, 2], ratio: {RATIOS.get((structure, criterion), 0.1)}}}"
    sweep = parse_sweep(SWEEP, [f"axes={axes}", *FEWER_IMAGES.get(criterion, [])])
    data = load_dataset(sweep.dataset)
    for trial in grow_tree(sweep):
        run_trial(trial, store, data)
        if trial.parent is None:
            continue
        before = _stored(store, trial.parent)
        after, removal = prune(before, Work(trial, store, data, lambda event: None, lambda: False))
        removed_blocks = set(after.spec.removed_blocks) - set(before.spec.removed_blocks)
        assert len(removed_blocks) == removal.blocks_removed
        with silenced_filters(before, _lost_filters(before, after)), silenced_blocks(before, removed_blocks):
            masked = outputs(before, data)
        np.testing.assert_allclose(outputs(after, data), masked, rtol=1e-4, atol=1e-4)
        mine, parents = store.result(trial.key), store.result(trial.parent.key)
        assert mine["parameters"] < parents["parameters"] and mine["flops"] < parents["flops"]
        assert _stored(store, trial).spec == after.spec
        # What the trial attacked was not read again, and was bit for bit what it stored.
        again = clean(Subject(load_stored(store, trial.key, data.device).network, data.test, "images"), Clean())
        assert store.result(trial.evaluation_key("clean"))["measures"] == again.measures
