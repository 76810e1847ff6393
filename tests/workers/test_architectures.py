"""Architectures: outputs, sizes and removable structures; creating, describing and loading networks."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from prunesweep.sweeps.catalogue import ARCHITECTURES
from prunesweep.workers.architectures.network import (
    Network,
    NetworkError,
    NetworkSpec,
    evaluating,
    load_network,
    new_network,
    rebuild_network,
    reinitialise,
)
from prunesweep.workers.architectures.size import flops, parameters
from prunesweep.workers.architectures.weights_file import WeightsError, load_weights, read_weights_file
from prunesweep.workers.pruning.layers import remove_blocks
from tests.helpers.making import MakeNetwork, widths_of

Counts = NDArray[np.int64]  # parameters and FLOPs
NORMALISATION = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def fresh(architecture: str, classes: int = 10, image_size: int = 32, seed: int = 0) -> Network:
    generator = torch.Generator().manual_seed(seed)
    return new_network(architecture, classes, image_size, *NORMALISATION, generator=generator)


def store(network: Network, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    save_file(network.state_dict(), folder / "weights.safetensors")
    (folder / "network.json").write_text(json.dumps(network.spec.to_json()))
    return folder


# Removable structures


@pytest.mark.parametrize(
    ("architecture", "convolutions", "filters", "blocks"),
    [
        ("resnet20", 9, 336, 6),
        ("resnet56", 27, 1008, 24),
        ("mobilenet_v2", 16, 7104, 5),
        ("vgg16", 12, 3712, 0),
        ("resnet50", 22, 4608, 12),
    ],
)
def test_counts_of_filters_and_blocks(architecture: str, convolutions: int, filters: int, blocks: int) -> None:
    network = fresh(architecture)
    widths = widths_of(network)
    assert (len(widths), sum(widths.values())) == (convolutions, filters)
    assert len(network.architecture.removable_blocks(network.body)) == blocks


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_catalogue_lists_the_removable_structures(architecture: str) -> None:
    network = fresh(architecture)
    can_lose_layers = bool(network.architecture.removable_blocks(network.body))
    assert can_lose_layers == ("layers" in ARCHITECTURES[architecture].structures)
    assert network.architecture.filter_groups(network.body)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_groups_and_blocks_name_modules_of_the_right_class(architecture: str) -> None:
    network = fresh(architecture)
    for group in network.architecture.filter_groups(network.body):
        convolution = network.body.get_submodule(group.convolution)
        assert all(network.body.get_submodule(n).num_features == convolution.out_channels for n in group.norms)
        activation = network.body.get_submodule(group.activation)
        assert isinstance(activation, nn.ReLU | nn.ReLU6)
    for block in network.architecture.removable_blocks(network.body):
        assert isinstance(network.body.get_submodule(block.last_norm), nn.BatchNorm2d)
        assert block.name in network.architecture.stages()[block.stage]


def test_removable_structures_of_resnet50_are_those_of_the_papers_code(random_network: MakeNetwork) -> None:
    """conv1 and conv2 of each block, except the first block of each stage and the last block of the network."""
    network = random_network("resnet50")
    prunable_blocks = {"layer1": [1, 2], "layer2": [1, 2, 3], "layer3": [1, 2, 3, 4, 5], "layer4": [1]}
    names = [f"{stage}.{i}.conv{j}" for stage, blocks in prunable_blocks.items() for i in blocks for j in (1, 2)]
    assert [group.convolution for group in network.architecture.filter_groups(network.body)] == names
    sizes = {"layer1": 3, "layer2": 4, "layer3": 6, "layer4": 3}
    blocks = {block.name: block.stage_size for block in network.architecture.removable_blocks(network.body)}
    assert blocks == {f"{stage}.{i}": size for stage, size in sizes.items() for i in range(1, size)}


def test_the_protected_last_block_of_resnet50_is_that_of_the_baseline(random_network: MakeNetwork) -> None:
    smaller = remove_blocks(random_network("resnet50"), ["layer4.2", "layer1.1"])
    names = [group.convolution for group in smaller.architecture.filter_groups(smaller.body)]
    assert len(names) == 20 and names[:2] == ["layer1.2.conv1", "layer1.2.conv2"]
    assert names[-2:] == ["layer4.1.conv1", "layer4.1.conv2"]
    candidates = {block.stage for block in smaller.architecture.removable_blocks(smaller.body)}
    assert candidates == {"layer2", "layer3"}


# Outputs


@pytest.mark.parametrize("image_size", [16, 32, 40])
@pytest.mark.parametrize("architecture", ["resnet20", "resnet110", "mobilenet_v2", "vgg16", "resnet50"])
def test_logits_have_the_right_shape(random_network: MakeNetwork, architecture: str, image_size: int) -> None:
    network = random_network(architecture, image_size)
    assert network(torch.rand(2, 3, image_size, image_size)).shape == (2, 3)


@pytest.mark.parametrize("architecture", ["resnet20", "mobilenet_v2", "vgg16", "resnet50"])
def test_segments_compose_to_the_forward_pass(random_network: MakeNetwork, architecture: str) -> None:
    network = random_network(architecture)
    images = torch.rand(2, 3, 16, 16)
    features = network.normalise(images)
    for _, segment in network.architecture.segments(network.body):
        features = segment(features)
    assert torch.equal(features, network(images))


def test_resnet50_equals_torchvisions(random_network: MakeNetwork) -> None:
    ours = random_network("resnet50", image_size=64).body
    theirs = torchvision.models.resnet50(num_classes=3)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    theirs.load_state_dict(ours.state_dict())
    images = torch.rand(2, 3, 64, 64)
    for mode in (False, True):
        assert torch.equal(ours.train(mode)(images), theirs.train(mode)(images))


def test_a_network_includes_the_normalisation(random_network: MakeNetwork) -> None:
    network = random_network("resnet20")
    images = torch.rand(2, 3, 16, 16)
    normalised = torch.stack(
        [(images[:, 0] - 0.5) / 0.2, (images[:, 1] - 0.4) / 0.3, (images[:, 2] - 0.3) / 0.25], dim=1
    )
    assert torch.allclose(network(images), network.body(normalised))
    assert all(name.startswith("body.") for name in network.state_dict())


def test_option_a_shortcut_takes_every_second_pixel_and_pads_channels() -> None:
    shortcut = fresh("resnet20").body.get_submodule("layer2.0.shortcut")
    features = torch.rand(1, 16, 4, 4)
    shortened = shortcut(features)
    assert shortened.shape == (1, 32, 2, 2)
    assert torch.equal(shortened[:, 8:24], features[:, :, ::2, ::2])
    assert not shortened[:, :8].any() and not shortened[:, 24:].any()


def test_evaluating_restores_every_mode() -> None:
    network = fresh("resnet20").train()
    norm = network.body.get_submodule("bn1").eval()
    with evaluating(network):
        assert not any(module.training for module in network.modules()) and not torch.is_grad_enabled()
    assert network.body.get_submodule("conv1").training and not norm.training and torch.is_grad_enabled()


# Size


def convolution(kernel: int, channels_in: int, channels: int, pixels: int, groups: int = 1) -> Counts:
    """Parameters, including those of the following batch norm, and FLOPs."""
    weights = kernel**2 * channels_in * channels // groups
    return np.array([weights + 2 * channels, 2 * weights * pixels])


def classifier(features: int, classes: int) -> Counts:
    return np.array([features * classes + classes, 2 * features * classes])


def resnet20_cost() -> Counts:
    return (
        convolution(3, 3, 16, 32**2)
        + 6 * convolution(3, 16, 16, 32**2)
        + convolution(3, 16, 32, 16**2)
        + 5 * convolution(3, 32, 32, 16**2)
        + convolution(3, 32, 64, 8**2)
        + 5 * convolution(3, 64, 64, 8**2)
        + classifier(64, 10)
    )


def vgg16_cost() -> Counts:
    table = [(3, 64, 32), (64, 64, 32), (64, 128, 16), (128, 128, 16), (128, 256, 8), *[(256, 256, 8)] * 2]
    table += [(256, 512, 4), *[(512, 512, 4)] * 2, *[(512, 512, 2)] * 3]
    biases = np.array([sum(channels for _, channels, _ in table), 0])
    return sum(convolution(3, a, b, side**2) for a, b, side in table) + biases + classifier(512, 10)


def mobilenet_v2_cost() -> Counts:
    table = [(32, 16, 1, 32, 32), (16, 24, 6, 32, 32), (24, 24, 6, 32, 32), (24, 32, 6, 32, 16)]
    table += [*[(32, 32, 6, 16, 16)] * 2, (32, 64, 6, 16, 8), *[(64, 64, 6, 8, 8)] * 3, (64, 96, 6, 8, 8)]
    table += [*[(96, 96, 6, 8, 8)] * 2, (96, 160, 6, 8, 4), *[(160, 160, 6, 4, 4)] * 2, (160, 320, 6, 4, 4)]
    cost = convolution(3, 3, 32, 32**2) + convolution(1, 320, 1280, 4**2) + classifier(1280, 10)
    for channels_in, channels, expansion, side_in, side in table:
        hidden = expansion * channels_in
        if expansion > 1:
            cost += convolution(1, channels_in, hidden, side_in**2)
        cost += convolution(3, hidden, hidden, side**2, groups=hidden) + convolution(1, hidden, channels, side**2)
    return cost


def resnet50_cost() -> Counts:
    """For 32 pixels: the stem, the pooling and the first block of stages 2 to 4 each halve the side."""
    cost = convolution(7, 3, 64, 16**2) + classifier(2048, 10)
    channels, side = 64, 8
    for width, blocks in [(64, 3), (128, 4), (256, 6), (512, 3)]:
        for block in range(blocks):
            out = side // 2 if block == 0 and width > 64 else side
            cost += convolution(1, channels, width, side**2) + convolution(3, width, width, out**2)
            cost += convolution(1, width, 4 * width, out**2)
            if block == 0:
                cost += convolution(1, channels, 4 * width, out**2)
            channels, side = 4 * width, out
    return cost


@pytest.mark.parametrize(
    ("architecture", "cost"),
    [
        ("resnet20", resnet20_cost()),
        ("vgg16", vgg16_cost()),
        ("mobilenet_v2", mobilenet_v2_cost()),
        ("resnet50", resnet50_cost()),
    ],
)
def test_size_equals_the_hand_computed_one(architecture: str, cost: Counts) -> None:
    network = fresh(architecture)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    assert (parameters(network), flops(network)) == tuple(cost)
    assert network.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


def test_published_sizes() -> None:
    """He et al. (2016), table 6: 0.27 M and 0.85 M; Kuang Liu's VGG16: 14,728,266; ResNet-50 of torchvision: 25,557,032
    parameters and 4.089 G multiply-adds.
    """
    assert parameters(fresh("resnet20")) == 269_722
    assert parameters(fresh("resnet56")) == 853_018
    assert parameters(fresh("vgg16")) == 14_728_266
    resnet50 = fresh("resnet50", classes=1000, image_size=224)
    assert parameters(resnet50) == 25_557_032
    assert flops(resnet50) == pytest.approx(2 * 4.089e9, rel=2e-4)


# Creating networks


@pytest.mark.parametrize("architecture", ["resnet20", "mobilenet_v2", "vgg16", "resnet50"])
def test_new_networks_depend_only_on_the_generator(architecture: str) -> None:
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = fresh(architecture)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    again, other = fresh(architecture), fresh(architecture, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(next(first.parameters()), next(other.parameters()))
    assert first.training


def test_initial_weights_are_he_normal() -> None:
    body = fresh("vgg16").body
    assert body.get_parameter("features.10.weight").std().item() == pytest.approx((2 / (9 * 128)) ** 0.5, rel=0.01)
    assert body.get_parameter("classifier.weight").std().item() == pytest.approx((1 / 512) ** 0.5, rel=0.05)
    assert not body.get_parameter("features.10.bias").any() and not body.get_parameter("classifier.bias").any()


def test_reinitialise_keeps_only_the_shape(random_network: MakeNetwork) -> None:
    network = random_network("resnet20")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    again = reinitialise(network, torch.Generator().manual_seed(3))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert again.spec == network.spec
    for name, tensor in again.state_dict().items():
        assert tensor.shape == before[name].shape
        assert "num_batches_tracked" in name or not torch.equal(tensor, before[name])
    assert torch.equal(again.body.get_buffer("bn1.running_var"), torch.ones(16))
    twin = reinitialise(network, torch.Generator().manual_seed(3))
    assert all(torch.equal(a, b) for a, b in zip(again.parameters(), twin.parameters(), strict=True))


# Describing and loading networks


def test_a_spec_is_the_same_after_json() -> None:
    spec = NetworkSpec("resnet20", 10, 32, *NORMALISATION, {"layer1.1.conv1": [0, 3, 15]}, ["layer1.2", "layer3.1"])
    stated = json.loads(json.dumps(spec.to_json()))
    assert stated["kept_blocks"] == {"layer1": [0, 1], "layer2": [0, 1, 2], "layer3": [0, 2]}
    assert NetworkSpec.from_json(stated) == spec


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": 1}, "unknown key 'colour'"),
        ({"architecture": "lenet"}, "architecture 'lenet' is not known"),
        ({"architecture": ["resnet20"]}, "is not known"),
        ({"classes": 0}, "classes 0"),
        ({"classes": True}, "classes True"),
        ({"image_size": 8}, "image_size 8"),
        ({"mean": [0.5, 0.5]}, "mean"),
        ({"std": [0.5, 0.5, 0]}, "std"),
        ({"std": "abc"}, "std"),
        ({"mean": [0.5, 0.5, float("nan")]}, "mean"),
        ({"kept_filters": {"layer1.0.conv1": [3, 1]}}, "kept_filters"),
        ({"kept_filters": {"layer1.0.conv1": []}}, "kept_filters"),
        ({"kept_filters": [1]}, "kept_filters"),
        ({"kept_blocks": {"layer1": [0, 1, 2]}}, "must name the stages"),
        (
            {"kept_blocks": {"layer1": [0, 1], "layer2": [0, 9], "layer3": [0, 1]}},
            "layer2 has an index out of range",
        ),
    ],
)
def test_an_invalid_description_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(NetworkError, match="(?s)" + message.replace("[", r"\[")):
        NetworkSpec.from_json(fresh("resnet20").spec.to_json() | change)


def test_a_description_without_a_key_is_refused() -> None:
    stated = fresh("resnet20").spec.to_json()
    del stated["std"]
    with pytest.raises(NetworkError, match="key 'std' is missing"):
        NetworkSpec.from_json(stated)


def test_an_unknown_block_is_refused() -> None:
    with pytest.raises(NetworkError, match=r"'layer1\.3' is not a residual block of resnet20"):
        NetworkSpec("resnet20", 10, 32, *NORMALISATION, removed_blocks=["layer1.3"])


@pytest.mark.parametrize("architecture", ["resnet20", "mobilenet_v2", "vgg16", "resnet50"])
def test_a_stored_network_is_loaded_bit_for_bit(random_network: MakeNetwork, architecture: str, tmp_path: Path) -> None:
    network = random_network(architecture)
    loaded = load_network(store(network, tmp_path))
    assert loaded.spec == network.spec and not loaded.training
    assert all(torch.equal(tensor, network.state_dict()[name]) for name, tensor in loaded.state_dict().items())
    images = torch.rand(2, 3, 16, 16)
    assert torch.equal(loaded(images), network(images))


def lose_spec(folder: Path) -> None:
    (folder / "network.json").unlink()


def damage_json(folder: Path) -> None:
    (folder / "network.json").write_text("{")


def damage_weights(folder: Path) -> None:
    (folder / "weights.safetensors").write_bytes(b"not safetensors at all")


def damage_spec(folder: Path) -> None:
    stated = json.loads((folder / "network.json").read_text())
    (folder / "network.json").write_text(json.dumps(stated | {"classes": 4}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lose_spec, "network.json is missing"),
        (damage_json, "Expecting"),
        (damage_weights, "safetensors"),
        (damage_spec, "body.linear.weight has 3 rows for 4 classes"),
    ],
)
def test_a_damaged_network_is_refused_in_one_line(
    random_network: MakeNetwork, tmp_path: Path, damage: Callable[[Path], None], message: str
) -> None:
    folder = store(random_network("resnet20"), tmp_path)
    damage(folder)
    with pytest.raises(NetworkError, match=message) as caught:
        load_network(folder)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("body.layer1.0.conv1.weight", (5, 16, 3, 3), "has 5 filters where the description keeps 16"),
        ("body.layer1.0.conv2.weight", (16, 5, 3, 3), "do not fit one another"),
        ("body.layer1.0.conv1.weight", (16, 16, 1, 1), r"has shape \(16, 16, 1, 1\)"),
        ("body.layer1.0.bn1.weight", (5,), "do not fit one another"),
        ("body.layer1.0.bn1.bias", (5,), "body.layer1.0.bn1.bias has shape"),
        ("body.other", (1,), "body.other is unexpected"),
    ],
)
def test_tensors_that_contradict_the_description_are_refused(
    random_network: MakeNetwork, name: str, shape: tuple[int, ...], message: str
) -> None:
    network = random_network("resnet20")
    with pytest.raises(NetworkError, match=message):
        rebuild_network(network.spec, network.state_dict() | {name: torch.zeros(shape)})


# Weights files


@pytest.mark.parametrize("form", ["safetensors", "plain", "nested", "parallel", "whole network", "old"])
def test_weights_files_of_every_form_are_loaded(random_network: MakeNetwork, tmp_path: Path, form: str) -> None:
    source, target = random_network("resnet20"), random_network("resnet20", seed=1)
    tensors = source.body.state_dict()
    path = tmp_path / ("weights.safetensors" if form == "safetensors" else "weights.th")
    if form == "safetensors":
        save_file(tensors, path)
    else:
        without_counters = {name: tensor for name, tensor in tensors.items() if "num_batches" not in name}
        content = {
            "plain": tensors,
            "nested": {"state_dict": tensors, "epoch": 3},
            "parallel": {"state_dict": {f"module.{name}": tensor for name, tensor in tensors.items()}},
            "whole network": source.state_dict(),
            "old": without_counters,
        }[form]
        torch.save(content, path)
    load_weights(target, read_weights_file(path))
    assert all(torch.equal(tensor, target.state_dict()[name]) for name, tensor in source.state_dict().items())


@pytest.mark.parametrize(
    ("of", "into", "message"),
    [
        (("resnet20", 10), ("resnet20", 3), r"linear.weight has shape \(10, 64\) where .* \(3, 64\)"),
        (("resnet20", 10), ("resnet32", 10), "the file has no layer1.3.conv1.weight"),
        (("resnet32", 10), ("resnet20", 10), "the network has no layer1.3.conv1.weight"),
        (("vgg16", 10), ("resnet20", 10), "the file has no conv1.weight"),
    ],
)
def test_weights_of_another_network_are_refused_before_any_change(
    of: tuple[str, int], into: tuple[str, int], message: str
) -> None:
    network = fresh(*into, seed=1)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with pytest.raises(WeightsError, match=message):
        load_weights(network, fresh(*of).body.state_dict())
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())


class Malicious:
    def __reduce__(self) -> Any:
        return (pytest.fail, ("a weights file ran code",))


@pytest.mark.parametrize("content", [{"state_dict": {"conv1.weight": 3}}, [1, 2], Malicious()])
def test_files_without_weights_are_refused(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "weights.th"
    torch.save(content, path)
    with pytest.raises(WeightsError) as caught:
        read_weights_file(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_files_that_are_missing_or_damaged_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no such weights file"):
        read_weights_file(tmp_path / "absent.th")
    for name in ("damaged.th", "damaged.safetensors"):
        (tmp_path / name).write_bytes(b"\x00" * 7)
        with pytest.raises(WeightsError, match=name):
            read_weights_file(tmp_path / name)
