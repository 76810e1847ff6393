"""Criteria: a contract for all of them, and each one compared with an independent computation of its definition."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from _pytest.mark.structures import ParameterSet
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from prunesweep.sweeps.catalogue import CRITERIA, resolve
from prunesweep.workers.architectures.architecture import Block, FilterGroup
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.criteria import expected_abs, hrank, kl_divergence, l1, pls, random
from prunesweep.workers.pruning.filters import remove_filters
from prunesweep.workers.pruning.scoring_images import SCORING_BATCH, ScoringImages
from tests.helpers.making import MakeNetwork, widths_of

Floats = NDArray[np.floating[Any]]
RESIDUAL = ["resnet20", "mobilenet_v2", "resnet50"]


def cells(architectures: Sequence[str]) -> Iterator[ParameterSet]:
    """Every criterion with every architecture; those that take seconds on ResNet-50 have the mark ``full``."""
    for criterion, architecture in product(CRITERIA, architectures):
        is_slow = architecture == "resnet50" and criterion in ("kl_divergence", "pls")
        yield pytest.param(criterion, architecture, marks=[pytest.mark.full] if is_slow else [])


def sample_of(images: int, size: int = 16, seed: int = 0) -> ScoringImages:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (images, 3, size, size), dtype=torch.uint8, generator=generator)
    return ScoringImages(pixels, torch.arange(images) % 3, classes=3, seed=5)


@pytest.fixture
def thin_network(random_network: MakeNetwork) -> MakeNetwork:
    """A function that returns a network with four filters left in every convolution with removable filters."""

    def make(architecture: str) -> Network:
        network = random_network(architecture)
        return remove_filters(network, {name: range(4, width) for name, width in widths_of(network).items()})

    return make


def groups_of(network: Network) -> list[FilterGroup]:
    return network.architecture.filter_groups(network.body)


def blocks_of(network: Network) -> list[Block]:
    return network.architecture.removable_blocks(network.body)


def module_output(network: Network, path: str, images: Tensor) -> Tensor:
    """The output of the module at ``path`` for all images in one batch."""
    outputs: list[Tensor] = []
    hook = network.body.get_submodule(path).register_forward_hook(lambda *call: outputs.append(call[-1]))
    with torch.no_grad():
        network(images)
    hook.remove()
    return outputs[0].double()


# Contract


def check_scores(scores: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> None:
    assert {name: tuple(score.shape) for name, score in scores.items()} == shapes
    for score in scores.values():
        assert score.dtype == torch.float64 and score.device.type == "cpu" and score.isfinite().all()
        assert not score.requires_grad and (score >= -1e-12).all()


def check_unchanged(network: Network, score: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Call ``score`` twice on a network in mixed modes, check that the network is unchanged, and return the scores."""
    network.train()
    network.body.get_submodule(groups_of(network)[0].norms[0]).eval()
    modes = [module.training for module in network.modules()]
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    random_state = torch.get_rng_state()
    scores, again = score(), score()
    assert all(torch.equal(again[name], values) for name, values in scores.items()) and len(again) == len(scores)
    assert [module.training for module in network.modules()] == modes
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(parameter.requires_grad and parameter.grad is None for parameter in network.parameters())
    assert not any(module._forward_hooks for module in network.modules())
    assert torch.equal(torch.get_rng_state(), random_state)
    return scores


@pytest.mark.parametrize(("criterion", "architecture"), list(cells([*RESIDUAL, "vgg16"])))
def test_filters_are_scored(thin_network: MakeNetwork, criterion: str, architecture: str) -> None:
    network, sample = thin_network(architecture), sample_of(6)
    groups, code = groups_of(network), resolve(CRITERIA[criterion].code)
    scores = check_unchanged(network, lambda: code.score_filters(network, groups, sample))
    check_scores(scores, {group.convolution: (4,) for group in groups})
    assert len(torch.cat(list(scores.values())).unique()) > 4


@pytest.mark.parametrize(("criterion", "architecture"), list(cells(RESIDUAL)))
def test_blocks_are_scored(thin_network: MakeNetwork, criterion: str, architecture: str) -> None:
    network, sample = thin_network(architecture), sample_of(6)
    blocks, code = blocks_of(network), resolve(CRITERIA[criterion].code)
    scores = check_unchanged(network, lambda: code.score_blocks(network, blocks, sample))
    check_scores(scores, {block.name: () for block in blocks})
    assert len(torch.stack(list(scores.values())).unique()) > 1


@pytest.mark.parametrize("criterion", ["expected_abs", "hrank", "kl_divergence", "pls"])
def test_scores_do_not_depend_on_the_division_into_batches(thin_network: MakeNetwork, criterion: str) -> None:
    """Scores from more than one batch are the mean, or the regression, over all images."""
    network, code = thin_network("resnet20"), resolve(CRITERIA[criterion].code)
    once = sample_of(150)
    twice = replace(once, images=once.images.repeat(2, 1, 1, 1), labels=once.labels.repeat(2))
    assert len(twice.images) > SCORING_BATCH
    for score, structures in ((code.score_filters, groups_of), (code.score_blocks, blocks_of)):
        scores, again = (score(network, structures(network), sample) for sample in (once, twice))
        for name, values in scores.items():
            assert torch.allclose(values, again[name], rtol=1e-4, atol=1e-7)


def test_batches_are_floats_in_the_unit_interval() -> None:
    sample = sample_of(SCORING_BATCH + 1)
    sample.images[0, 0, 0, 0], sample.images[0, 0, 0, 1] = 0, 255
    batches = list(sample.batches())
    assert [len(batch) for batch in batches] == [SCORING_BATCH, 1] and batches[0].dtype == torch.float32
    assert torch.equal((torch.cat(batches) * 255).round().to(torch.uint8), sample.images)
    assert batches[0].min() == 0 and batches[0].max() == 1


# Definitions


def test_l1_equals_the_hand_computed_one(random_network: MakeNetwork) -> None:
    network = random_network("resnet20")
    with torch.no_grad():
        network.body.get_parameter("layer1.1.conv1.weight").fill_(-0.5)
        network.body.get_parameter("layer1.1.conv2.weight").fill_(0.25)
    scores = l1.score_filters(network, groups_of(network), sample_of(1))
    assert torch.equal(scores["layer1.1.conv1"], torch.full((16,), 0.5 * 9 * 16, dtype=torch.float64))
    assert l1.score_blocks(network, blocks_of(network), sample_of(1))["layer1.1"] == 0.375 * 9 * 16


@pytest.mark.parametrize("architecture", RESIDUAL)
def test_expected_abs_is_the_mean_activation(thin_network: MakeNetwork, architecture: str) -> None:
    network, sample = thin_network(architecture), sample_of(6)
    groups, blocks = groups_of(network)[::5], blocks_of(network)
    filters = expected_abs.score_filters(network, groups, sample)
    layers = expected_abs.score_blocks(network, blocks, sample)
    for group in groups:
        activation = module_output(network, group.activation, sample.images / 255)
        assert torch.allclose(filters[group.convolution], activation.mean(dim=(0, 2, 3)))
    for block in blocks:
        assert torch.allclose(layers[block.name], module_output(network, block.name, sample.images / 255).abs().mean())


@pytest.mark.parametrize("architecture", RESIDUAL)
def test_hrank_equals_the_mean_rank_from_numpy(thin_network: MakeNetwork, architecture: str) -> None:
    network, sample = thin_network(architecture), sample_of(4)
    groups, blocks = groups_of(network), blocks_of(network)
    filters = hrank.score_filters(network, groups, sample)
    layers = hrank.score_blocks(network, blocks, sample)
    for group in groups:
        maps = module_output(network, group.activation, sample.images / 255).float().numpy()
        assert np.array_equal(filters[group.convolution], np.linalg.matrix_rank(maps).mean(axis=0))
    for block in blocks:
        maps = module_output(network, block.name, sample.images / 255).float().numpy()
        assert layers[block.name].item() == pytest.approx(np.linalg.matrix_rank(maps).mean() / maps.shape[-1])
    assert len(torch.cat(list(filters.values())).unique()) > 3


def divergence_without(network: Network, original: Tensor, images: Tensor, silence: Callable[[], None]) -> float:
    """KL(masked ‖ original) by PyTorch's function, after a full forward pass of a masked network."""
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    with torch.no_grad():
        silence()
        masked = network(images).double()
        network.load_state_dict(before)
    logarithms = original.log_softmax(1), masked.log_softmax(1)
    return functional.kl_div(*logarithms, reduction="batchmean", log_target=True).item()


@pytest.mark.parametrize(
    "architecture", ["resnet20", "mobilenet_v2", "vgg16", pytest.param("resnet50", marks=pytest.mark.full)]
)
def test_kl_divergence_equals_that_of_full_passes(thin_network: MakeNetwork, architecture: str) -> None:
    network, sample = thin_network(architecture), sample_of(4)
    images = sample.images / 255
    original = network(images).double().detach()
    groups, blocks = groups_of(network), blocks_of(network)

    def silence_filter(group: FilterGroup, i: int) -> None:
        for name in (group.convolution, *group.norms):
            for parameter in network.body.get_submodule(name).parameters():
                parameter[i] = 0

    def silence_block(block: Block) -> None:
        for parameter in network.body.get_submodule(block.last_norm).parameters():
            parameter[:] = 0

    filters = kl_divergence.score_filters(network, groups, sample)
    for group in groups[::4]:
        for i in range(4):
            expected = divergence_without(network, original, images, partial(silence_filter, group, i))
            assert filters[group.convolution][i].item() == pytest.approx(expected, rel=1e-3, abs=1e-9)
    layers = kl_divergence.score_blocks(network, blocks, sample)
    for block in blocks:
        expected = divergence_without(network, original, images, partial(silence_block, block))
        assert layers[block.name].item() == pytest.approx(expected, rel=1e-3, abs=1e-9)


def vip_by_svd(features: Floats, labels: Floats) -> Floats:
    """VIP of two components whose weights are singular vectors, with explicit deflation; see Wold et al. (2001)."""
    x = (features - features.mean(0)) / np.where(features.std(0) > 0, features.std(0), 1)
    y = (labels - labels.mean(0)) / labels.std(0)
    weighted, total = np.zeros(x.shape[1]), 0.0
    for _ in range(2):
        w = np.linalg.svd(x.T @ y, full_matrices=False)[0][:, 0]
        t = x @ w
        q = y.T @ t / (t @ t)
        x = x - np.outer(t, x.T @ t / (t @ t))
        y = y - np.outer(t, q)
        explained = (t @ t) * (q @ q)
        weighted, total = weighted + explained * w**2, total + explained
    importance: Floats = np.sqrt(x.shape[1] * weighted / total)
    return importance


def test_vip_equals_its_formula() -> None:
    rng = np.random.default_rng(0)
    labels = np.eye(4)[rng.integers(0, 4, 80)]
    features = labels @ rng.normal(size=(4, 30)) * rng.uniform(0, 2, 30) + rng.normal(size=(80, 30))
    features[:, 7] = 3.0
    scores = pls.vip(features, labels)
    assert np.allclose(scores, vip_by_svd(features, labels), rtol=1e-4, atol=1e-9)
    assert scores[7] == pytest.approx(0) and (scores**2).mean() == pytest.approx(1)


def test_the_regression_of_pls_contains_every_convolution(thin_network: MakeNetwork) -> None:
    network, sample = thin_network("resnet20"), sample_of(30)
    paths = [name for name, module in network.body.named_modules() if isinstance(module, torch.nn.Conv2d)]
    maxima = [module_output(network, path, sample.images / 255).amax(dim=(2, 3)) for path in paths]
    expected = vip_by_svd(torch.cat(maxima, dim=1).numpy(), np.eye(3)[sample.labels])
    by_path = dict(zip(paths, np.split(expected, np.cumsum([m.shape[1] for m in maxima])[:-1]), strict=True))
    for groups in (groups_of(network), groups_of(network)[3:5]):
        scores = pls.score_filters(network, groups, sample)
        assert list(scores) == [group.convolution for group in groups]
        for name, score in scores.items():
            assert np.allclose(score, by_path[name], rtol=1e-3, atol=1e-6)


def test_pls_of_a_block_is_the_mean_vip_of_its_channels(thin_network: MakeNetwork) -> None:
    network, sample = thin_network("resnet20"), sample_of(30)
    blocks = blocks_of(network)
    maxima = [module_output(network, block.name, sample.images / 255).amax(dim=(2, 3)) for block in blocks]
    expected = vip_by_svd(torch.cat(maxima, dim=1).numpy(), np.eye(3)[sample.labels])
    means = [part.mean() for part in np.split(expected, np.cumsum([m.shape[1] for m in maxima])[:-1])]
    scores = pls.score_blocks(network, blocks, sample)
    assert np.allclose([scores[block.name] for block in blocks], means, rtol=1e-3)


def test_random_scores_depend_only_on_the_seed_and_the_names(thin_network: MakeNetwork) -> None:
    network, other = thin_network("resnet20"), thin_network("resnet20")
    groups, blocks = groups_of(network), blocks_of(network)
    scores = random.score_filters(network, groups, sample_of(2))
    again = random.score_filters(other, groups[3:], sample_of(7, seed=1))
    assert all(torch.equal(scores[name], values) for name, values in again.items())
    reseeded = replace(sample_of(2), seed=6)
    assert not torch.equal(random.score_filters(network, groups, reseeded)["layer1.0.conv1"], scores["layer1.0.conv1"])
    layers = random.score_blocks(network, blocks, sample_of(2))
    assert layers == random.score_blocks(other, blocks, sample_of(3, seed=1))
    assert layers != random.score_blocks(network, blocks, reseeded)
