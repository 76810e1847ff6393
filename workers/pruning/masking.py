"""Silencing filters and blocks: the network computes what it would without them, and keeps its shape."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

import torch
from torch import Tensor, nn

from prunesweep.workers.architectures.modules import module_at
from prunesweep.workers.architectures.network import Network

ALL_CHANNELS = slice(None)
SilencedChannels = Mapping[str, Sequence[int] | slice]
"""Channels of batch norms, by the norm's module path inside the body."""


@contextmanager
def silenced(body: nn.Module, channels: SilencedChannels) -> Iterator[None]:
    """Within the context the given channels of the given batch norms are zero, whatever enters them.

    Their weights and biases are zeroed in place, and put back bit for bit at the end.
    """
    norms = {module_at(body, path, nn.BatchNorm2d): chosen for path, chosen in channels.items()}
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


@contextmanager
def silenced_apart(body: nn.Module, apart: Sequence[SilencedChannels]) -> Iterator[None]:
    """Within the context the body takes ``len(apart)`` equal batches as one, each with its own silence.

    Batch i passes with the channels ``apart[i]`` zero after their norms, which may be folded (``folding``).
    """
    by_norm: dict[str, list[tuple[int, Sequence[int] | slice]]] = defaultdict(list)
    for number, channels in enumerate(apart):
        for path, chosen in channels.items():
            by_norm[path].append((number, chosen))
    hooks = [
        body.get_submodule(path).register_forward_hook(_silencer(silences, len(apart)))
        for path, silences in by_norm.items()
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _silencer(silences: Sequence[tuple[int, Sequence[int] | slice]], batches: int) -> Callable[..., None]:
    def silence(norm: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        each = output.unflatten(0, (batches, -1))
        for number, chosen in silences:
            each[number, :, chosen] = 0

    return silence


def silenced_filters(network: Network, filters: Mapping[str, Sequence[int]]) -> AbstractContextManager[None]:
    """Silences filters, as indices by convolution, of the network as it is now."""
    groups = {group.convolution: group for group in network.architecture.filter_groups(network.body)}
    channels = {norm: list(indices) for name, indices in filters.items() for norm in groups[name].norms}
    return silenced(network.body, channels)


def silenced_blocks(network: Network, names: Iterable[str]) -> AbstractContextManager[None]:
    """Silences the residual blocks of those names, so that each passes on what its shortcut carries."""
    blocks = {block.name: block for block in network.architecture.removable_blocks(network.body)}
    return silenced(network.body, {blocks[name].last_norm: ALL_CHANNELS for name in names})
