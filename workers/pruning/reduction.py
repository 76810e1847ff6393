"""Brings a network down to what another one, pruned from the same baseline, has left."""

from torch import nn

from prunesweep.workers.architectures.modules import module_at
from prunesweep.workers.architectures.network import Network, NetworkSpec
from prunesweep.workers.pruning.filters import remove_filters
from prunesweep.workers.pruning.layers import remove_blocks


def reduce_to(network: Network, spec: NetworkSpec) -> Network:
    """The unpruned ``network`` without the blocks and filters that ``spec`` lacks; its parameters stay its own."""
    if spec.removed_blocks:
        network = remove_blocks(network, spec.removed_blocks)
    lost = {name: _others(network, name, kept) for name, kept in spec.kept_filters.items()}
    return remove_filters(network, lost) if lost else network


def _others(network: Network, convolution: str, kept: list[int]) -> list[int]:
    width = module_at(network.body, convolution, nn.Conv2d).out_channels
    return sorted(set(range(width)) - set(kept))
