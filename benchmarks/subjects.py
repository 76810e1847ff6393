"""A random network and images for the benchmarks, so that nothing has to be downloaded or trained."""

import copy

import torch
from torch import nn

from prunesweep.workers.architectures.network import Network, new_network
from prunesweep.workers.data.split import Split
from prunesweep.workers.runtime import move_to_device

CLASSES = 10
SIDE = 32


def random_subject(architecture: str, images: int) -> tuple[Network, Split]:
    """Return a random network in evaluation mode and images of noise, with the network's predictions as their labels.

    Args:
        architecture: a name of the catalogue.
        images: how many images.
    """
    generator = torch.Generator().manual_seed(0)
    normalisation = (0.5, 0.5, 0.5)
    network = new_network(architecture, CLASSES, SIDE, normalisation, normalisation, generator=generator)
    levels = torch.randint(0, 256, (images, 3, SIDE, SIDE), generator=generator, dtype=torch.uint8)
    with torch.no_grad():
        _set_batch_norm_statistics(network, levels.float() / 255)
        labels = network(levels.float() / 255).argmax(1)
    return network, Split(levels, labels)


def _set_batch_norm_statistics(network: nn.Module, images: torch.Tensor) -> None:
    """Set the running statistics of all batch norms to those of the images.

    Without this, the output of a deep random network hardly depends on its input.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
    network.train()(images)
    network.eval()


def copy_for_attack(network: Network) -> Network:
    """Return a copy of the network as a trial loads it for an attack: channels last in memory."""
    return move_to_device(copy.deepcopy(network), torch.device("cpu"))
