"""Taking filters out of a network."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import nn

from prunesweep.workers.architectures.modules import module_at
from prunesweep.workers.architectures.network import Network, NetworkSpec
from prunesweep.workers.pruning.errors import NothingToRemove
from prunesweep.workers.pruning.graph import cut_filters


def remove_filters(network: Network, filters: Mapping[str, Sequence[int]]) -> Network:
    """A network that is really smaller: without the given filters and all that hung on them; the input stays.

    ``filters`` holds indices into the network as it is now, by convolution. Outputs equal those of the same
    network with the filters silenced. Raises NothingToRemove if there are none, and ValueError for
    convolutions whose filters may not go, indices out of range, and a convolution that would lose all its
    filters.
    """
    lost = {convolution: sorted(set(indices)) for convolution, indices in filters.items() if len(indices)}
    if not lost:
        raise NothingToRemove("no filters to remove")
    widths = _widths(network)
    for convolution, indices in lost.items():
        _check(convolution, indices, widths)
    body = cut_filters(network.body, lost, network.spec.image_size)
    smaller = Network(replace(network.spec, kept_filters=_kept(network.spec, widths, lost)), body)
    smaller.training = network.training
    return smaller.to(network.mean.device)


def _widths(network: Network) -> dict[str, int]:
    """How many filters each convolution has that may lose some."""
    groups = network.architecture.filter_groups(network.body)
    return {g.convolution: module_at(network.body, g.convolution, nn.Conv2d).out_channels for g in groups}


def _kept(spec: NetworkSpec, widths: Mapping[str, int], lost: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """What remains, as indices into the baseline, of each convolution that has lost filters so far."""
    before = {name: spec.kept_filters.get(name, range(width)) for name, width in widths.items()}
    after = {
        name: [index for position, index in enumerate(kept) if position not in lost.get(name, ())]
        for name, kept in before.items()
    }
    return {name: kept for name, kept in after.items() if name in lost or name in spec.kept_filters}


def _check(convolution: str, indices: Sequence[int], widths: Mapping[str, int]) -> None:
    if convolution not in widths:
        raise ValueError(f"{convolution} is no convolution whose filters may go")
    width = widths[convolution]
    if indices[0] < 0 or indices[-1] >= width:
        raise ValueError(f"{convolution} has filters 0 to {width - 1}, not {indices[0]} to {indices[-1]}")
    if len(indices) == width:
        raise ValueError(f"{convolution} would lose all its {width} filters")
