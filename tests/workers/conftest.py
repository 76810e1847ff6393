"""Fixtures for several tests of the workers."""

import pytest
import torch
from torch import nn

from prunesweep.workers.architectures.network import Network, new_network
from tests.helpers.making import MakeNetwork


@pytest.fixture(scope="session")
def random_network() -> MakeNetwork:
    """A function that returns a baseline with random parameters and batch norm statistics, in evaluation mode."""

    def make(architecture: str, image_size: int = 16, seed: int = 0, classes: int = 3) -> Network:
        generator = torch.Generator().manual_seed(seed)
        network = new_network(architecture, classes, image_size, (0.5, 0.4, 0.3), (0.2, 0.3, 0.25), generator=generator)
        for module in network.modules():
            if isinstance(bias := getattr(module, "bias", None), torch.Tensor):
                nn.init.normal_(bias, 0, 0.3, generator=generator)
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5, generator=generator)
                module.get_buffer("running_mean").normal_(0, 0.3, generator=generator)
                module.get_buffer("running_var").uniform_(0.5, 1.5, generator=generator)
        return network.eval()

    return make
