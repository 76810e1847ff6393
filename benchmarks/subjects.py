"""A network and images that benchmarks share, as PyTorch makes them: nothing has to be downloaded or trained."""

import copy

import torch
from torch import nn

from prunesweep.workers.architectures.network import Network, new_network
from prunesweep.workers.data.split import Split
from prunesweep.workers.runtime import place

CLASSES = 10
SIDE = 32


def random_subject(architecture: str, images: int) -> tuple[Network, Split]:
    """A random network in evaluation mode, and noise that it classifies: every label is what it says."""
    generator = torch.Generator().manual_seed(0)
    half = (0.5, 0.5, 0.5)
    network = new_network(architecture, CLASSES, SIDE, half, half, generator=generator)
    levels = torch.randint(0, 256, (images, 3, SIDE, SIDE), generator=generator, dtype=torch.uint8)
    with torch.no_grad():
        _settle(network, levels.float() / 255)
        labels = network(levels.float() / 255).argmax(1)
    return network, Split(levels, labels)


def _settle(network: nn.Module, images: torch.Tensor) -> None:
    """Gives batch norms the statistics of these images: without, a deep random network hardly looks at its input."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    network.train()(images)
    network.eval()


def as_attacked(network: Network) -> Network:
    """A copy of the network as a trial loads it; see ``prunesweep.workers.stored_network.load_stored``."""
    return place(copy.deepcopy(network), torch.device("cpu"))
