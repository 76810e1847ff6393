"""Networks of which every number is random: how a test asks for one, and how many filters it has where."""

from collections.abc import Callable

from torch import nn

from prunesweep.workers.architectures.modules import module_at
from prunesweep.workers.architectures.network import Network

MakeNetwork = Callable[..., Network]


def width_of(network: Network, convolution: str) -> int:
    """How many filters the convolution at this path has."""
    return module_at(network.body, convolution, nn.Conv2d).out_channels


def widths_of(network: Network) -> dict[str, int]:
    """The same of each convolution that may lose filters."""
    groups = network.architecture.filter_groups(network.body)
    return {group.convolution: width_of(network, group.convolution) for group in groups}
