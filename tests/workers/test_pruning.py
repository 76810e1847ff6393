"""Pruning: which structures are selected; outputs and size of the network without them."""

import gc
import json
import math
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from prunesweep.sweeps.removable import rounded_up_share
from prunesweep.workers.architectures.architecture import Block
from prunesweep.workers.architectures.network import Network, NetworkSpec, load_network
from prunesweep.workers.architectures.size import flops, parameters
from prunesweep.workers.pruning.errors import NothingToRemove
from prunesweep.workers.pruning.filters import remove_filters
from prunesweep.workers.pruning.layers import remove_blocks
from prunesweep.workers.pruning.masking import silenced_blocks, silenced_filters
from prunesweep.workers.pruning.ranking import Quota, lowest_blocks, lowest_filters
from tests.helpers.making import MakeNetwork, widths_of

IMAGES = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
RESIDUAL = ["resnet20", "mobilenet_v2", "resnet50"]
ALL = [*RESIDUAL, "vgg16"]


def tensors(**layers: Any) -> dict[str, Tensor]:
    return {name: torch.tensor(scores, dtype=torch.float64) for name, scores in layers.items()}


def agree(logits: Tensor, expected: Any) -> bool:
    """Equal except for rounding errors, which grow with the logits: these reach 50 in a random ResNet-50."""
    return torch.allclose(logits, expected, rtol=1e-5, atol=1e-5 * max(1, expected.abs().max().item()))


def some_filters(network: Network, ratio: float, seed: int) -> dict[str, list[int]]:
    """Random filters of every convolution, as indices in the network as it is now."""
    generator = torch.Generator().manual_seed(seed)
    widths = widths_of(network)
    return {
        name: torch.randperm(width, generator=generator)[: math.ceil(ratio * width)].tolist()
        for name, width in widths.items()
    }


def one_block_per_stage(network: Network) -> list[str]:
    return list({block.stage: block.name for block in network.architecture.removable_blocks(network.body)}.values())


# Ranking


def test_global_quota_takes_the_lowest_of_all() -> None:
    scores = tensors(a=[5, 1, 6, 7], b=[2, 9, 8, 3])
    assert lowest_filters(scores, 0.25, "global") == {"a": [1], "b": [0]}
    assert lowest_filters(scores, 0.3, "global") == {"a": [1], "b": [0, 3]}


def test_per_layer_quota_takes_the_lowest_of_each() -> None:
    scores = tensors(a=[5, 1, 6, 7], b=[20, 90, 80, 30])
    assert lowest_filters(scores, 0.25, "per_layer") == {"a": [1], "b": [0]}
    assert lowest_filters(scores, 0.26, "per_layer") == {"a": [0, 1], "b": [0, 3]}


def test_a_convolution_keeps_at_least_one_filter() -> None:
    scores = tensors(a=[1, 2], b=[10, 30, 20])
    assert lowest_filters(scores, 0.6, "global") == {"a": [0], "b": [0, 2]}
    assert lowest_filters(scores, 1.0, "global") == {"a": [0], "b": [0, 2]}
    assert lowest_filters(scores, 1.0, "per_layer") == {"a": [0], "b": [0, 2]}
    assert lowest_filters(tensors(a=[1]), 0.5, "per_layer") == {}


def test_equal_scores_are_taken_in_order() -> None:
    scores = tensors(b=[1, 1, 1], a=[1, 0, 1])
    assert lowest_filters(scores, 0.5, "global") == {"b": [0, 1], "a": [1]}


def test_nothing_is_removed_at_ratio_zero() -> None:
    assert lowest_filters(tensors(a=[1, 2]), 0, "global") == {}


@pytest.mark.parametrize(
    ("ratio", "total", "expected"),
    [
        (0.1, 1008, 101),
        (0.1, 1010, 101),
        (0.07, 100, 7),
        (0.29, 100, 29),
        (1e-3, 1000, 1),
        (1e-3, 1001, 2),
        (1, 7, 7),
    ],
)
def test_share_rounds_up_the_ratio_as_written(ratio: float, total: int, expected: Any) -> None:
    assert rounded_up_share(ratio, total) == expected


@pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan")])
def test_ratios_outside_the_unit_interval_are_refused(ratio: float) -> None:
    with pytest.raises(ValueError, match="ratio"):
        lowest_filters(tensors(a=[1, 2]), ratio, "global")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
@pytest.mark.parametrize("quota", ["global", "per_layer"])
def test_scores_that_are_not_finite_are_refused(bad: float, quota: Quota) -> None:
    with pytest.raises(ValueError, match="scores of b are not all finite"):
        lowest_filters(tensors(a=[1, 2], b=[1, bad]), 0.5, quota)


def test_an_unknown_quota_is_refused() -> None:
    with pytest.raises(ValueError, match="'local'"):
        lowest_filters(tensors(a=[1, 2]), 0.5, cast(Quota, "local"))


STAGES = [Block(f"{stage}.{i}", stage, f"{stage}.{i}.bn2", 4) for stage in "ab" for i in (1, 2, 3)]
BLOCK_SCORES = tensors(**{"a.1": 1, "a.2": 2, "a.3": 3, "b.1": 9, "b.2": 8, "b.3": 8})


@pytest.mark.parametrize(
    ("ratio", "count", "expected"),
    [
        (0.1, None, ["a.1"]),
        (0.34, None, ["a.1", "a.2", "b.2"]),
        (0.5, 1, ["a.1"]),
        (0.1, 4, ["a.1", "a.2", "b.2", "b.3"]),
        (1.0, None, ["a.1", "a.2", "b.2", "b.3"]),
        (0.1, 0, []),
    ],
)
def test_each_stage_keeps_two_blocks(ratio: float, count: int | None, expected: Any) -> None:
    assert lowest_blocks(BLOCK_SCORES, STAGES, ratio, count) == expected


def test_invalid_scores_and_counts_of_blocks_are_refused() -> None:
    with pytest.raises(ValueError, match=r"a\.1 are not all finite"):
        lowest_blocks(BLOCK_SCORES | tensors(**{"a.1": float("nan")}), STAGES, 0.1)
    with pytest.raises(ValueError, match="-1 blocks"):
        lowest_blocks(BLOCK_SCORES, STAGES, 0.1, -1)


# Removed and silenced structures


@pytest.mark.parametrize("architecture", ALL)
def test_removing_filters_equals_silencing_them(random_network: MakeNetwork, architecture: str) -> None:
    network = random_network(architecture)
    removed = some_filters(network, 0.3, seed=1)
    original = network(IMAGES)
    smaller = remove_filters(network, removed)
    with silenced_filters(network, removed):
        silent = network(IMAGES)
    assert agree(smaller(IMAGES), silent)
    assert not torch.allclose(original, silent, rtol=1e-2, atol=1e-2)
    assert torch.equal(network(IMAGES), original)


@pytest.mark.parametrize("architecture", RESIDUAL)
def test_removing_blocks_equals_silencing_them(random_network: MakeNetwork, architecture: str) -> None:
    network = random_network(architecture)
    removed = one_block_per_stage(network)
    original = network(IMAGES)
    smaller = remove_blocks(network, removed)
    with silenced_blocks(network, removed):
        silent = network(IMAGES)
    assert agree(smaller(IMAGES), silent)
    assert not torch.allclose(original, silent, rtol=1e-2, atol=1e-2)
    assert torch.equal(network(IMAGES), original)


@pytest.mark.parametrize("architecture", RESIDUAL)
def test_two_rounds_of_both_equal_silencing_and_are_described_by_indices_of_the_baseline(
    random_network: MakeNetwork, architecture: str, tmp_path: Path
) -> None:
    """The rounds remove filters, blocks and filters again."""
    network = random_network(architecture)
    first = remove_filters(network, some_filters(network, 0.3, seed=1))
    second = remove_blocks(first, one_block_per_stage(first))
    third = remove_filters(second, some_filters(second, 0.3, seed=2))
    widths = widths_of(network)
    gone = {name: [i for i in range(widths[name]) if i not in kept] for name, kept in third.spec.kept_filters.items()}
    with silenced_filters(network, gone), silenced_blocks(network, third.spec.removed_blocks):
        silent = network(IMAGES)
    assert agree(third(IMAGES), silent)
    assert sum(map(len, third.spec.kept_filters.values())) == sum(widths_of(third).values())

    save_file(third.state_dict(), tmp_path / "weights.safetensors")
    (tmp_path / "network.json").write_text(json.dumps(third.spec.to_json()))
    loaded = load_network(tmp_path)
    assert loaded.spec == third.spec
    assert all(torch.equal(tensor, third.state_dict()[name]) for name, tensor in loaded.state_dict().items())
    assert torch.equal(loaded(IMAGES), third(IMAGES))
    again = some_filters(third, 0.2, seed=3)
    assert torch.equal(remove_filters(loaded, again)(IMAGES), remove_filters(third, again)(IMAGES))


@pytest.mark.parametrize("architecture", ALL)
def test_all_filters_but_one_can_be_removed(random_network: MakeNetwork, architecture: str) -> None:
    network = random_network(architecture)
    removed = {name: sorted(indices)[1:] for name, indices in some_filters(network, 1.0, seed=1).items()}
    thinnest = remove_filters(network, removed)
    with silenced_filters(network, removed):
        assert agree(thinnest(IMAGES), network(IMAGES))
    assert set(map(tuple, thinnest.spec.kept_filters.values())) == {(0,)}


def test_silenced_parameters_are_restored_bit_for_bit_even_after_an_error(random_network: MakeNetwork) -> None:
    network = random_network("resnet20")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(KeyboardInterrupt), silenced_filters(network, {"layer1.0.conv1": [0, 3]}):
        assert not torch.equal(network.state_dict()["body.layer1.0.bn1.bias"], before["body.layer1.0.bn1.bias"])
        raise KeyboardInterrupt
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


# Size and state after removal, and errors


@pytest.mark.parametrize(
    ("architecture", "convolution", "lost_parameters", "lost_multiplications"),
    [
        # The filter's own weights, its batch norms, and its weights in the next convolutions.
        ("resnet20", "layer2.0.conv1", 9 * 16 + 2 + 9 * 32, 9 * (16 + 32) * 8**2),
        ("vgg16", "features.0", 27 + 1 + 2 + 9 * 64, (27 + 9 * 64) * 16**2),
        ("mobilenet_v2", "features.3.conv.0.0", 24 + 2 + 9 + 2 + 24, (24 + 9 + 24) * 16**2),
        ("resnet50", "layer1.1.conv1", 256 + 2 + 9 * 64, (256 + 9 * 64) * 4**2),
        ("resnet50", "layer1.2.conv2", 9 * 64 + 2 + 256, (9 * 64 + 256) * 4**2),
    ],
)
def test_removing_three_filters_lowers_the_size_as_expected(
    random_network: MakeNetwork, architecture: str, convolution: str, lost_parameters: int, lost_multiplications: int
) -> None:
    network = random_network(architecture)
    smaller = remove_filters(network, {convolution: [0, 5, 7]})
    assert parameters(network) - parameters(smaller) == 3 * lost_parameters
    assert flops(network) - flops(smaller) == 3 * 2 * lost_multiplications


@pytest.mark.parametrize(
    ("architecture", "block", "lost_parameters", "lost_multiplications"),
    [
        ("resnet20", "layer3.1", 2 * (9 * 64 * 64 + 2 * 64), 2 * 9 * 64 * 64 * 4**2),
        ("mobilenet_v2", "features.8", 384 * (64 + 2 + 9 + 2 + 64) + 2 * 64, 384 * (64 + 9 + 64) * 4**2),
        ("resnet50", "layer2.2", 17 * 128 * 128 + 2 * (2 * 128 + 512), 17 * 128 * 128 * 2**2),
    ],
)
def test_removing_a_block_lowers_the_size_as_expected(
    random_network: MakeNetwork, architecture: str, block: str, lost_parameters: int, lost_multiplications: int
) -> None:
    network = random_network(architecture)
    smaller = remove_blocks(network, [block])
    assert parameters(network) - parameters(smaller) == lost_parameters
    assert flops(network) - flops(smaller) == 2 * lost_multiplications


def test_indices_in_the_spec_are_those_of_the_baseline(random_network: MakeNetwork) -> None:
    network = random_network("resnet20")
    first = remove_filters(network, {"layer1.0.conv1": [0, 2, 4], "layer2.0.conv1": [31]})
    second = remove_filters(first, {"layer1.0.conv1": [1, 12], "layer1.1.conv1": [15]})
    assert second.spec.kept_filters == {
        "layer1.0.conv1": [1, *range(5, 15)],
        "layer1.1.conv1": list(range(15)),
        "layer2.0.conv1": list(range(31)),
    }
    third = remove_blocks(second, ["layer1.1"])
    assert list(third.spec.kept_filters) == ["layer1.0.conv1", "layer2.0.conv1"]
    assert third.spec.removed_blocks == ["layer1.1"]
    assert third.spec.kept_blocks == {"layer1": [0, 2], "layer2": [0, 1, 2], "layer3": [0, 1, 2]}
    assert network.spec == NetworkSpec("resnet20", 3, 16, (0.5, 0.4, 0.3), (0.2, 0.3, 0.25))


def test_removed_blocks_of_two_rounds_are_listed_in_execution_order(random_network: MakeNetwork) -> None:
    network = remove_blocks(remove_blocks(random_network("resnet20"), ["layer3.1"]), ["layer1.2"])
    assert network.spec.removed_blocks == ["layer1.2", "layer3.1"]


def test_a_stage_of_two_blocks_has_no_removable_blocks(random_network: MakeNetwork) -> None:
    network = remove_blocks(random_network("resnet20"), ["layer1.1"])
    candidates = [block.name for block in network.architecture.removable_blocks(network.body)]
    assert candidates == ["layer2.1", "layer2.2", "layer3.1", "layer3.2"]
    names = [group.convolution for group in network.architecture.filter_groups(network.body)]
    assert "layer1.1.conv1" not in names and len(names) == 8


@pytest.mark.parametrize("architecture", ALL)
def test_modes_and_frozen_parameters_are_kept(random_network: MakeNetwork, architecture: str) -> None:
    network = random_network(architecture)
    next(module for module in network.body.modules() if isinstance(module, torch.nn.BatchNorm2d)).train()
    frozen = next(iter(dict(network.named_parameters())))
    network.get_parameter(frozen).requires_grad_(False)
    with torch.no_grad():
        smaller = remove_filters(network, some_filters(network, 0.1, seed=1))
    for (name, before), (_, after) in zip(network.named_modules(), smaller.named_modules(), strict=True):
        assert after.training == before.training, name
    for name, parameter in smaller.named_parameters():
        assert parameter.requires_grad == (name != frozen)
        assert parameter.is_leaf and parameter.grad is None


@pytest.mark.parametrize("architecture", ALL)
def test_a_frozen_network_can_be_pruned(random_network: MakeNetwork, architecture: str) -> None:
    network = random_network(architecture)
    removed = some_filters(network, 0.1, seed=1)
    smaller = remove_filters(network.requires_grad_(False), removed)
    with silenced_filters(network, removed):
        assert agree(smaller(IMAGES), network(IMAGES))
    assert not any(parameter.requires_grad for parameter in smaller.parameters())


@pytest.mark.parametrize("architecture", ALL)
def test_a_smaller_network_can_be_trained(random_network: MakeNetwork, architecture: str) -> None:
    network = remove_filters(random_network(architecture), some_filters(random_network(architecture), 0.5, seed=1))
    network.train()(IMAGES).square().mean().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())


def test_removing_nothing_is_an_error(random_network: MakeNetwork) -> None:
    with pytest.raises(NothingToRemove):
        remove_filters(random_network("resnet20"), {"layer1.0.conv1": []})
    with pytest.raises(NothingToRemove):
        remove_blocks(random_network("resnet20"), [])


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"layer1.0.conv2": [0]}, "layer1.0.conv2 is not a convolution with removable filters"),
        ({"layer1.0.conv1": [16]}, "has filters 0 to 15"),
        ({"layer1.0.conv1": [-1]}, "has filters 0 to 15"),
        ({"layer1.0.conv1": list(range(16))}, "would lose all its 16 filters"),
    ],
)
def test_filters_that_are_not_removable_are_refused(
    random_network: MakeNetwork, filters: dict[str, list[int]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        remove_filters(random_network("resnet20"), filters)


@pytest.mark.parametrize(
    ("architecture", "names", "message"),
    [
        ("resnet20", ["layer1.0"], "layer1.0 is not a removable block"),
        ("resnet20", ["layer1.1", "layer1.2"], "layer1 has 3 blocks and keeps at least 2: it cannot lose 2"),
        ("mobilenet_v2", ["features.2"], "features.2 is not a removable block"),
        ("mobilenet_v2", ["features.10"], "features.10 is not a removable block"),
        ("vgg16", ["features.0"], "features.0 is not a removable block"),
        ("resnet50", ["layer2.0"], "layer2.0 is not a removable block"),
        ("resnet50", ["layer4.1", "layer4.2"], "layer4 has 3 blocks and keeps at least 2: it cannot lose 2"),
    ],
)
def test_blocks_that_are_not_removable_are_refused(
    random_network: MakeNetwork, architecture: str, names: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        remove_blocks(random_network(architecture), names)


def test_removing_filters_leaves_no_other_tensors_in_memory(random_network: MakeNetwork) -> None:
    """The dependency graph has reference cycles: without a collection, it would stay, 200 MB for a ResNet50."""
    network = random_network("resnet20")
    chosen = some_filters(network, 0.2, seed=1)

    def count_tensors() -> int:
        return sum(issubclass(type(candidate), torch.Tensor) for candidate in gc.get_objects())

    gc.disable()
    try:
        remove_filters(network, chosen)
        before = count_tensors()
        for _ in range(3):
            remove_filters(network, chosen)
        assert count_tensors() == before
    finally:
        gc.enable()
