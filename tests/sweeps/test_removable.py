"""The removable structures of architectures: the plan's arithmetic compared with the workers' networks."""

import random
from collections import Counter
from dataclasses import replace
from functools import cache
from uuid import uuid4

import pytest
import torch
from torch import nn

from prunesweep.results_store import Store
from prunesweep.sweeps.catalogue import ARCHITECTURES, resolve
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.removable import max_rounds, removable_modules, rounded_up_share
from prunesweep.workers import load_dataset, run_trial
from prunesweep.workers.analyses.elements import module_masks
from prunesweep.workers.architectures.architecture import Architecture, Block
from prunesweep.workers.architectures.modules import module_at
from prunesweep.workers.architectures.network import new_network
from prunesweep.workers.pruning.filters import remove_filters
from prunesweep.workers.pruning.layers import remove_blocks
from prunesweep.workers.pruning.ranking import Quota, lowest_blocks, lowest_filters
from tests.helpers.trees import tree_of

SWEEP = """
name: removable
dataset: {name: digits, train_limit: 40, test_limit: 20}
baseline: {epochs: 1}
adjustment: {epochs: 1}
pruning: {scoring_images: 8}
attacks: {}
control: false
axes: {architecture: resnet20, structure: layers, criterion: l1}
"""


@cache
def built(name: str) -> tuple[Architecture, nn.Module]:
    architecture: Architecture = resolve(ARCHITECTURES[name].code)
    return architecture, architecture.build(10)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_catalogue_knows_what_is_removable_in_the_networks(name: str) -> None:
    architecture, body = built(name)
    limits = ARCHITECTURES[name].removable
    groups = architecture.filter_groups(body)
    assert limits.filters == tuple(
        (g.convolution, module_at(body, g.convolution, nn.Conv2d).out_channels) for g in groups
    )
    assert limits.stages == tuple(architecture.stages().items())
    candidates = Counter(block.stage for block in architecture.removable_blocks(body))
    sizes = {stage: len(blocks) for stage, blocks in architecture.stages().items()}
    assert candidates == {s: size - limits.protected_blocks for s, size in sizes.items() if size > 2}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_removable_modules_are_those_of_the_network_as_pruned(name: str) -> None:
    draw, limits = random.Random(name), ARCHITECTURES[name].removable
    generator = torch.Generator().manual_seed(0)
    network = new_network(name, 10, 32, (0.5,) * 3, (0.5,) * 3, generator=generator)
    for _ in range(3):
        for structure in ARCHITECTURES[name].structures:
            if structure in ("filters", "layers"):
                expected = {path: len(each) for path, each in module_masks(network, structure).items()}
                assert [*removable_modules(limits, network.spec.to_json(), structure).items()] == [*expected.items()]
        sizes = removable_modules(limits, network.spec.to_json(), "filters")
        few = draw.sample(sorted(sizes), 3)
        network = remove_filters(network, {path: range(1, sizes[path] - draw.randrange(2)) for path in few})
        if blocks := removable_modules(limits, network.spec.to_json(), "layers"):
            network = remove_blocks(network, [draw.choice(sorted(blocks))])


def rounds_of_blocks(name: str, ratio: float, count: int | None, draw: random.Random) -> int:
    """Return in how many rounds the workers' ranking finds a block to remove, with random scores in each round."""
    architecture, _ = built(name)
    protected_blocks = ARCHITECTURES[name].removable.protected_blocks
    left = {stage: list(blocks) for stage, blocks in architecture.stages().items()}
    rounds = 0
    while True:
        candidates = [
            Block(block, stage, "", len(blocks))
            for stage, blocks in left.items()
            if len(blocks) > 2
            for block in blocks[1 : len(blocks) + 1 - protected_blocks]
        ]
        scores = {block.name: torch.tensor(draw.random()) for block in candidates}
        chosen = lowest_blocks(scores, candidates, ratio, count)
        if not chosen:
            return rounds
        for stage in left:
            left[stage] = [block for block in left[stage] if block not in chosen]
        rounds += 1


@pytest.mark.parametrize("name", [name for name, entry in ARCHITECTURES.items() if entry.removable.stages])
@pytest.mark.parametrize(("ratio", "count"), [(0.1, None), (0.25, None), (0.6, None), (0.95, None), (0.1, 1), (0.1, 4)])
def test_the_bound_on_rounds_of_blocks_holds_for_all_scores_and_is_tight(
    name: str, ratio: float, count: int | None
) -> None:
    removable, draw = ARCHITECTURES[name].removable, random.Random(name)
    most = max_rounds(removable, "layers", ratio=ratio, quota="global", blocks=count, max_count=200)
    found = [rounds_of_blocks(name, ratio, count, draw) for _ in range(40)]
    assert max(found) <= most
    assert max(found) >= most - 1, "the bound is too loose"
    assert count is None or set(found) == {most}


@pytest.mark.parametrize("quota", ["global", "per_layer"])
@pytest.mark.parametrize("ratio", [0.2, 0.5, 0.9])
@pytest.mark.parametrize("name", ["resnet20", "vgg16", "mobilenet_v2"])
def test_rounds_of_filters_are_those_of_the_ranking(name: str, ratio: float, quota: Quota) -> None:
    removable = ARCHITECTURES[name].removable
    widths, rounds = dict(removable.filters), 0
    generator = torch.Generator().manual_seed(0)
    while True:
        scores = {layer: torch.rand(width, generator=generator) for layer, width in widths.items()}
        chosen = lowest_filters(scores, ratio, quota)
        if not chosen:
            break
        widths = {layer: width - len(chosen.get(layer, ())) for layer, width in widths.items()}
        rounds += 1
    assert rounds == max_rounds(removable, "filters", ratio=ratio, quota=quota, blocks=None, max_count=200)


def test_rounds_with_nothing_left_to_remove_are_left_out_with_the_reason() -> None:
    tree = tree_of(SWEEP, "axes.iterations=[1, 2, 3, 4, 5]", "axes.ratio=[0.1, 0.9]", "seeds=[0, 1]")
    assert {(entry.description, entry.reason): entry.trials for entry in tree.invalid} == {
        ("layers 0.1 of resnet20 beyond 3 iterations", "no removable block is left"): 4,
        ("layers 0.9 of resnet20 beyond 1 iteration", "no removable block is left"): 8,
    }
    assert max(trial.iterations for trial in tree) == 3


def test_rounds_by_a_number_of_blocks_run_out_too() -> None:
    tree = tree_of(SWEEP, "pruning.blocks=2", "axes.iterations=[2, 3]")
    assert [(entry.description, entry.trials) for entry in tree.invalid] == [
        ("layers by 2 blocks of resnet20 beyond 2 iterations", 1)
    ]


def test_rounds_of_filters_run_out() -> None:
    (left_out,) = tree_of(SWEEP, "axes.structure=filters", "axes.iterations=[3, 20]", "axes.ratio=0.8").invalid
    assert left_out.description == "filters 0.8 of resnet20 beyond 3 iterations" and left_out.trials == 1


def test_both_continues_with_one_structure_when_nothing_of_the_other_is_removable() -> None:
    """One block per round: ResNet20 can lose three, and the first round removes almost all filters."""
    asked = ["axes.structure=both", "axes.iterations=[3, 60]", "axes.ratio=0.95", "pruning.blocks=1"]
    tree = tree_of(SWEEP, *asked)
    (left_out,) = tree.invalid
    assert left_out.reason == "nothing removable is left"
    store, data = Store(f"memory://{uuid4().hex}"), load_dataset(parse_sweep(SWEEP).dataset)
    for trial in tree:
        run_trial(replace(trial, context=replace(trial.context, attacks={})), store, data)
    rows = store.table("trials").sort_values("iterations")
    assert rows["blocks_removed"].tolist() == [0, 1, 2, 3]
    filters = rows["filters_removed"].tolist()
    assert filters[0] == 0 < filters[1] <= filters[2] == filters[3]


def test_a_share_is_of_the_decimal_ratio_as_it_is_written() -> None:
    assert (
        rounded_up_share(0.1, 1010),
        rounded_up_share(0.1, 6),
        rounded_up_share(0.9, 6),
        rounded_up_share(1, 3),
        rounded_up_share(0, 3),
    ) == (101, 1, 6, 3, 0)
    with pytest.raises(ValueError, match="outside"):
        rounded_up_share(1.1, 3)
