"""Silencing filters and blocks: the network computes what it would without them, and keeps its shape."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import nn

from workers.architectures.network import Network

ALL_CHANNELS = slice(None)
Channels = Mapping[str, Sequence[int] | slice]
"""Channels of batch norms, by the norm's module path inside the body."""


@contextmanager
def silenced(body: nn.Module, channels: Channels) -> Iterator[None]:
    """Within the context the given channels of the given batch norms are zero, whatever enters them.

    Their weights and biases are zeroed in place, and put back bit for bit at the end.
    """
    norms = {body.get_submodule(path): chosen for path, chosen in channels.items()}
    saved = {norm: (norm.weight.detach().clone(), norm.bias.detach().clone()) for norm in norms}
    try:
        with torch.no_grad():
            for norm, chosen in norms.items():
                norm.weight[chosen] = 0
                norm.bias[chosen] = 0
        yield
    finally:
        with torch.no_grad():
            for norm, (weight, bias) in saved.items():
                norm.weight.copy_(weight)
                norm.bias.copy_(bias)


def silenced_filters(network: Network, filters: Mapping[str, Sequence[int]]) -> AbstractContextManager[None]:
    """Silences filters, as indices by convolution, of the network as it is now."""
    groups = {group.convolution: group for group in network.architecture.filter_groups(network.body)}
    channels = {norm: list(indices) for name, indices in filters.items() for norm in groups[name].norms}
    return silenced(network.body, channels)


def silenced_blocks(network: Network, names: Iterable[str]) -> AbstractContextManager[None]:
    """Silences the residual blocks of those names, so that each passes on what its shortcut carries."""
    blocks = {block.name: block for block in network.architecture.removable_blocks(network.body)}
    return silenced(network.body, {blocks[name].last_norm: ALL_CHANNELS for name in names})
