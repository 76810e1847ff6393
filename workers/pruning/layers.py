"""Removing layers, that is whole residual blocks, from a network."""

import copy
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from torch import nn

from prunesweep.sweeps.removable import MIN_BLOCKS_PER_STAGE
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.pruning.errors import NothingToRemove


def remove_blocks(network: Network, names: Iterable[str]) -> Network:
    """Return a network without some residual blocks, which are replaced by their shortcuts.

    The outputs of the new network equal those of ``network`` with the same blocks silenced. A block that is not
    removable, and a stage that would have fewer than two blocks left, raise ``ValueError``.

    Args:
        network: the network, which is not changed.
        names: names of the blocks to remove.

    Raises:
        NothingToRemove: there are no blocks to remove.
    """
    removed = set(names)
    if not removed:
        raise NothingToRemove("no blocks to remove")
    _check_removable(network, removed)
    smaller = copy.deepcopy(network)
    smaller.zero_grad(set_to_none=True)
    for name in removed:
        smaller.body.set_submodule(name, nn.Identity())
    smaller.spec = replace(
        network.spec,
        kept_filters={
            convolution: indices
            for convolution, indices in network.spec.kept_filters.items()
            if not any(convolution.startswith(f"{name}.") for name in removed)
        },
        removed_blocks=_in_execution_order(network, removed | set(network.spec.removed_blocks)),
    )
    return smaller


def _check_removable(network: Network, names: set[str]) -> None:
    """Check that the blocks with some names can be removed from a network.

    Raises:
        ValueError: a block is not removable, or a stage would have fewer than two blocks left.
    """
    candidates = {block.name: block for block in network.architecture.removable_blocks(network.body)}
    for name in sorted(names):
        if name not in candidates:
            raise ValueError(f"{name} is not a removable block")
    for stage, losses in Counter(candidates[name].stage for name in names).items():
        size = next(block.stage_size for block in candidates.values() if block.stage == stage)
        if size - losses < MIN_BLOCKS_PER_STAGE:
            raise ValueError(
                f"{stage} has {size} blocks and keeps at least {MIN_BLOCKS_PER_STAGE}: it cannot lose {losses}"
            )


def _in_execution_order(network: Network, names: set[str]) -> list[str]:
    return [name for stage in network.architecture.stages().values() for name in stage if name in names]
