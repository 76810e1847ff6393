"""Reducing an unpruned network to the structures of another network, which was pruned from the same baseline."""

from torch import nn

from prunesweep.workers.architectures.modules import module_at
from prunesweep.workers.architectures.network import Network, NetworkSpec
from prunesweep.workers.pruning.filters import remove_filters
from prunesweep.workers.pruning.layers import remove_blocks


def reduce_to(network: Network, spec: NetworkSpec) -> Network:
    """Return an unpruned network without the blocks and filters that a pruned network lacks.

    The remaining parameters are those of the unpruned network.

    Args:
        network: the unpruned network, which is not changed.
        spec: description of the pruned network.
    """
    if spec.removed_blocks:
        network = remove_blocks(network, spec.removed_blocks)
    removed = {name: _removed_filters(network, name, kept) for name, kept in spec.kept_filters.items()}
    return remove_filters(network, removed) if removed else network


def _removed_filters(network: Network, convolution: str, kept: list[int]) -> list[int]:
    """Return the ascending indices of a convolution's filters that are not kept."""
    width = module_at(network.body, convolution, nn.Conv2d).out_channels
    return sorted(set(range(width)) - set(kept))
