"""The type of the fixture ``random_network``, and the widths of a network's convolutions."""

from collections.abc import Callable

from torch import nn

from prunesweep.workers.architectures.modules import module_at
from prunesweep.workers.architectures.network import Network

MakeNetwork = Callable[..., Network]


def width_of(network: Network, convolution: str) -> int:
    """Return the number of filters of the convolution at a path."""
    return module_at(network.body, convolution, nn.Conv2d).out_channels


def widths_of(network: Network) -> dict[str, int]:
    """Return the number of filters of each convolution with removable filters."""
    groups = network.architecture.filter_groups(network.body)
    return {group.convolution: width_of(network, group.convolution) for group in groups}
