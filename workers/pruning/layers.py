"""Taking layers, that is whole residual blocks, out of a network."""

import copy
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from torch import nn

from prunesweep.sweeps.removable import LEAST_BLOCKS
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.errors import NothingToRemove


def remove_blocks(network: Network, names: Iterable[str]) -> Network:
    """A network in which the named residual blocks pass on what they get; the input stays as it is.

    Outputs equal those of the same network with the blocks silenced. Raises NothingToRemove if there are no
    names, and ValueError for blocks that may not go and for a stage that would keep fewer than two.
    """
    lost = set(names)
    if not lost:
        raise NothingToRemove("no blocks to remove")
    _check(network, lost)
    smaller = copy.deepcopy(network)
    smaller.zero_grad(set_to_none=True)
    for name in lost:
        smaller.body.set_submodule(name, nn.Identity())
    smaller.spec = replace(
        network.spec,
        kept_filters={
            convolution: kept
            for convolution, kept in network.spec.kept_filters.items()
            if not any(convolution.startswith(f"{name}.") for name in lost)
        },
        removed_blocks=_in_order(network, lost | set(network.spec.removed_blocks)),
    )
    return smaller


def _check(network: Network, names: set[str]) -> None:
    candidates = {block.name: block for block in network.architecture.removable_blocks(network.body)}
    for name in sorted(names):
        if name not in candidates:
            raise ValueError(f"{name} is no block that may go")
    for stage, losses in Counter(candidates[name].stage for name in names).items():
        size = next(block.stage_size for block in candidates.values() if block.stage == stage)
        if size - losses < LEAST_BLOCKS:
            raise ValueError(f"{stage} has {size} blocks and keeps at least {LEAST_BLOCKS}: it cannot lose {losses}")


def _in_order(network: Network, names: set[str]) -> list[str]:
    return [name for stage in network.architecture.stages().values() for name in stage if name in names]
