"""Removing filters from a network."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from torch import nn

from prunesweep.workers.architectures.modules import module_at
from prunesweep.workers.architectures.network import Network, NetworkSpec
from prunesweep.workers.pruning.errors import NothingToRemove
from prunesweep.workers.pruning.graph import cut_filters


def remove_filters(network: Network, filters: Mapping[str, Sequence[int]]) -> Network:
    """Return a smaller network without some filters and without the weights that depend on them.

    The outputs of the smaller network equal those of ``network`` with the same filters silenced, that is with their
    batch-norm channels set to zero. A convolution without removable filters, an index out of range, and the removal of
    all filters of a convolution raise ``ValueError``.

    Args:
        network: the network, which is not changed.
        filters: indices of the filters to remove, by convolution. The indices refer to the network as it is now, not to
            its baseline.

    Raises:
        NothingToRemove: there are no filters to remove.
    """
    removed = {convolution: sorted(set(indices)) for convolution, indices in filters.items() if len(indices)}
    if not removed:
        raise NothingToRemove("no filters to remove")
    widths = _filter_counts(network)
    for convolution, indices in removed.items():
        _check_removable(convolution, indices, widths)
    body = cut_filters(network.body, removed, network.spec.image_size)
    smaller = Network(replace(network.spec, kept_filters=_kept_filters(network.spec, widths, removed)), body)
    smaller.training = network.training
    return smaller.to(network.mean.device)


def _filter_counts(network: Network) -> dict[str, int]:
    """Return the number of filters of each convolution with removable filters."""
    groups = network.architecture.filter_groups(network.body)
    return {g.convolution: module_at(network.body, g.convolution, nn.Conv2d).out_channels for g in groups}


def _kept_filters(
    spec: NetworkSpec, widths: Mapping[str, int], removed: Mapping[str, Sequence[int]]
) -> dict[str, list[int]]:
    """Return the filters that remain after a removal, as indices into the baseline's filters, by convolution.

    Convolutions that have all filters of the baseline are left out.

    Args:
        spec: description of the network before the removal.
        widths: number of filters before the removal, by convolution.
        removed: indices of the removed filters among those before the removal, by convolution.
    """
    before = {name: spec.kept_filters.get(name, range(width)) for name, width in widths.items()}
    after = {
        name: [index for position, index in enumerate(indices) if position not in removed.get(name, ())]
        for name, indices in before.items()
    }
    return {name: indices for name, indices in after.items() if name in removed or name in spec.kept_filters}


def _check_removable(convolution: str, indices: Sequence[int], widths: Mapping[str, int]) -> None:
    """Check that the filters with some ascending indices can be removed from a convolution.

    Raises:
        ValueError: the convolution has no removable filters, an index is out of range, or no filter would remain.
    """
    if convolution not in widths:
        raise ValueError(f"{convolution} is not a convolution with removable filters")
    width = widths[convolution]
    if indices[0] < 0 or indices[-1] >= width:
        raise ValueError(f"{convolution} has filters 0 to {width - 1}, not {indices[0]} to {indices[-1]}")
    if len(indices) == width:
        raise ValueError(f"{convolution} would lose all its {width} filters")
