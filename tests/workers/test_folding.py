"""Folded networks: what they say, with every batch norm gone, of every architecture and of pruned ones."""

import pytest
import torch
from torch import Tensor, nn

from prunesweep.sweeps.catalogue import ARCHITECTURES
from prunesweep.workers.architectures.folding import folded
from prunesweep.workers.pruning.filters import remove_filters
from prunesweep.workers.pruning.masking import silenced_apart, silenced_filters
from tests.helpers.making import MakeNetwork

SIDE = 16


def images(count: int = 4) -> Tensor:
    """In float64, so that roundings are far below what is compared."""
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def close(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_folded_network_says_the_same_and_has_no_batch_norm_left(
    random_network: MakeNetwork, architecture: str
) -> None:
    network = random_network(architecture, SIDE).double()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    light = folded(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in light.modules())
    with torch.no_grad():
        assert close(light(images()), network(images()))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not light.training and not any(parameter.requires_grad for parameter in light.parameters())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_pruned_network_folds(random_network: MakeNetwork, architecture: str) -> None:
    network = random_network(architecture, SIDE)
    first, *_ = network.architecture.filter_groups(network.body)
    smaller = remove_filters(network, {first.convolution: [0, 3]}).double()
    with torch.no_grad():
        assert close(folded(smaller)(images()), smaller(images()))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_silencing_goes_through_folded_norms(random_network: MakeNetwork, architecture: str) -> None:
    network = random_network(architecture, SIDE).double()
    first, *_ = network.architecture.filter_groups(network.body)
    light, gone = folded(network), {norm: [1, 2] for norm in first.norms}
    with torch.no_grad():
        with silenced_apart(light.body, [{}, gone]):
            both = light(images().repeat(2, 1, 1, 1))
        with silenced_filters(network, {first.convolution: [1, 2]}):
            silent = network(images())
        assert close(both[4:], silent) and not close(both[:4], silent)
        assert close(both[:4], network(images()))


def test_a_convolution_whose_output_goes_elsewhere_too_is_left(random_network: MakeNetwork) -> None:
    network = random_network("resnet20", SIDE).double()

    class Twice(nn.Module):
        def __init__(self, convolution: nn.Module, norm: nn.Module) -> None:
            super().__init__()
            self.convolution, self.norm = convolution, norm

        def forward(self, features: Tensor) -> Tensor:
            out = self.convolution(features)
            return torch.add(self.norm(out), out)

    network.body.conv1, network.body.bn1 = Twice(*map(network.body.get_submodule, ("conv1", "bn1"))), nn.Identity()
    light = folded(network)
    assert sum(isinstance(module, nn.BatchNorm2d) for module in light.modules()) == 1
    with torch.no_grad():
        assert close(light(images()), network(images()))
