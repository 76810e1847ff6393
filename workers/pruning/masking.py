"""Silencing filters and blocks by zeroing their batch-norm channels.

The outputs of the network then equal those of the network without these structures, but its shape stays the same.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor, nn

from prunesweep.workers.architectures.modules import module_at
from prunesweep.workers.architectures.network import Network

ALL_CHANNELS = slice(None)
SilencedChannels = Mapping[str, Sequence[int] | slice]
"""Channels of batch norms to zero, by the norm's module path inside the body."""


@contextmanager
def silenced(body: nn.Module, channels: SilencedChannels) -> Iterator[None]:
    """Make channels of batch norms output zero within the context, whatever the input of the norms is.

    The norms' weights and biases are zeroed in place and restored bit for bit on exit.

    Args:
        body: the body with the batch norms.
        channels: the channels to zero.
    """
    norms = {module_at(body, path, nn.BatchNorm2d): indices for path, indices in channels.items()}
    saved = {norm: (norm.weight.detach().clone(), norm.bias.detach().clone()) for norm in norms}
    try:
        with torch.no_grad():
            for norm, indices in norms.items():
                norm.weight[indices] = 0
                norm.bias[indices] = 0
        yield
    finally:
        with torch.no_grad():
            for norm, (weight, bias) in saved.items():
                norm.weight.copy_(weight)
                norm.bias.copy_(bias)


@contextmanager
def silenced_per_batch(body: nn.Module, channels_by_batch: Sequence[SilencedChannels]) -> Iterator[None]:
    """Zero different channels for each of several batches that pass through a body together, within the context.

    Hooks on the batch norms zero the channels in the output of the norms, which may be folded (``fold_batch_norms``).
    The input of the body must be the concatenation of ``len(channels_by_batch)`` batches of the same size.

    Args:
        body: the body with the batch norms.
        channels_by_batch: the channels to zero in each batch.
    """
    by_norm: dict[str, list[tuple[int, Sequence[int] | slice]]] = defaultdict(list)
    for batch, channels in enumerate(channels_by_batch):
        for path, indices in channels.items():
            by_norm[path].append((batch, indices))
    hooks = [
        body.get_submodule(path).register_forward_hook(_silencing_hook(channels, len(channels_by_batch)))
        for path, channels in by_norm.items()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _silencing_hook(channels: Sequence[tuple[int, Sequence[int] | slice]], batches: int) -> Callable[..., None]:
    """Return a forward hook that zeroes channels of its module's output in place.

    Args:
        channels: pairs of a batch's index and the channels to zero in it.
        batches: number of batches that pass through the module together, concatenated.
    """

    def silence(norm: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        by_batch = output.unflatten(0, (batches, -1))
        for batch, indices in channels:
            by_batch[batch, :, indices] = 0

    return silence


def silenced_filters(network: Network, filters: Mapping[str, Sequence[int]]) -> AbstractContextManager[None]:
    """Silence filters within the context, by zeroing their batch-norm channels.

    Args:
        network: the network.
        filters: indices of the filters, by convolution. The indices refer to the network as it is now, not to its
            baseline.
    """
    groups = {group.convolution: group for group in network.architecture.filter_groups(network.body)}
    channels = {norm: list(indices) for name, indices in filters.items() for norm in groups[name].norms}
    return silenced(network.body, channels)


def silenced_blocks(network: Network, names: Iterable[str]) -> AbstractContextManager[None]:
    """Silence residual blocks within the context, so that each block outputs only what its shortcut outputs.

    Args:
        network: the network.
        names: names of removable blocks.
    """
    blocks = {block.name: block for block in network.architecture.removable_blocks(network.body)}
    return silenced(network.body, {blocks[name].last_norm: ALL_CHANNELS for name in names})
