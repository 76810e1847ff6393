"""Folded networks: the same logits without batch norms, for every architecture and for pruned networks."""

import pytest
import torch
from torch import Tensor, nn

from prunesweep.sweeps.catalogue import ARCHITECTURES
from prunesweep.workers.architectures.folding import fold_batch_norms
from prunesweep.workers.pruning.filters import remove_filters
from prunesweep.workers.pruning.masking import silenced_filters, silenced_per_batch
from tests.helpers.making import MakeNetwork

SIDE = 16


def images(count: int = 4) -> Tensor:
    """Random images in float64, so that rounding errors are far below the tolerances."""
    return torch.rand(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def close(one: Tensor, other: Tensor) -> bool:
    return torch.allclose(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_folded_network_has_the_same_logits_and_no_batch_norms(
    random_network: MakeNetwork, architecture: str
) -> None:
    network = random_network(architecture, SIDE).double()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    folded_network = fold_batch_norms(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded_network.modules())
    with torch.no_grad():
        assert close(folded_network(images()), network(images()))
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert not folded_network.training and not any(parameter.requires_grad for parameter in folded_network.parameters())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_pruned_network_can_be_folded(random_network: MakeNetwork, architecture: str) -> None:
    network = random_network(architecture, SIDE)
    first, *_ = network.architecture.filter_groups(network.body)
    smaller = remove_filters(network, {first.convolution: [0, 3]}).double()
    with torch.no_grad():
        assert close(fold_batch_norms(smaller)(images()), smaller(images()))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_structures_are_silenced_after_folded_norms(random_network: MakeNetwork, architecture: str) -> None:
    network = random_network(architecture, SIDE).double()
    first, *_ = network.architecture.filter_groups(network.body)
    folded_network, channels = fold_batch_norms(network), {norm: [1, 2] for norm in first.norms}
    with torch.no_grad():
        with silenced_per_batch(folded_network.body, [{}, channels]):
            both = folded_network(images().repeat(2, 1, 1, 1))
        with silenced_filters(network, {first.convolution: [1, 2]}):
            silent = network(images())
        assert close(both[4:], silent) and not close(both[:4], silent)
        assert close(both[:4], network(images()))


def test_a_convolution_whose_output_has_other_uses_is_not_folded(random_network: MakeNetwork) -> None:
    network = random_network("resnet20", SIDE).double()

    class Twice(nn.Module):
        def __init__(self, convolution: nn.Module, norm: nn.Module) -> None:
            super().__init__()
            self.convolution, self.norm = convolution, norm

        def forward(self, features: Tensor) -> Tensor:
            out = self.convolution(features)
            return torch.add(self.norm(out), out)

    network.body.conv1, network.body.bn1 = Twice(*map(network.body.get_submodule, ("conv1", "bn1"))), nn.Identity()
    folded_network = fold_batch_norms(network)
    assert sum(isinstance(module, nn.BatchNorm2d) for module in folded_network.modules()) == 1
    with torch.no_grad():
        assert close(folded_network(images()), network(images()))
