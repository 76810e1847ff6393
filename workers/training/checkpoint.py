"""Checkpoints of training, so that a killed trial can resume and end with the same parameters as without the break."""

import time
from dataclasses import dataclass, field

import torch
from torch import nn

from prunesweep.results_store import Store
from prunesweep.results_store.documents import Epoch
from prunesweep.workers.tensors import to_arrays, to_tensors

INTERVAL_SECONDS = 60.0
_NETWORK, _MOMENTUM = "network/", "momentum/"


@dataclass
class Checkpoint:
    """The checkpoint of one network in training.

    Attributes:
        store: the store that holds the checkpoint.
        key: the key of the network.
        interval: the least number of seconds between two writes.
    """

    store: Store
    key: str
    interval: float = INTERVAL_SECONDS
    _last_write: float = field(default_factory=time.monotonic)

    def restore(self, network: nn.Module, optimizer: torch.optim.SGD) -> list[Epoch]:
        """Load the stored state, if there is any, into a network and its optimizer.

        Returns:
            The history of the epochs trained so far; empty if no checkpoint is stored.
        """
        stored = self.store.load_checkpoint(self.key)
        if stored is None:
            return []
        arrays, metadata = stored
        tensors = to_tensors(arrays)
        network.load_state_dict(_with_prefix(_NETWORK, tensors))
        for name, parameter in network.named_parameters():
            momentum = tensors[_MOMENTUM + name]
            optimizer.state[parameter]["momentum_buffer"] = momentum.to(parameter.device)
        history: list[Epoch] = metadata["history"]
        return history

    def save(self, network: nn.Module, optimizer: torch.optim.SGD, history: list[Epoch], *, now: bool = False) -> None:
        """Store the state after the last epoch of ``history``, unless the last write was less than ``interval`` ago.

        Args:
            network: the network in training.
            optimizer: the network's optimizer, whose momentum buffers are stored.
            history: the entries of the epochs trained so far.
            now: whether to store the state even if the last write was less than ``interval`` ago.
        """
        if not now and time.monotonic() - self._last_write < self.interval:
            return
        momentum = {name: _momentum(optimizer, parameter) for name, parameter in network.named_parameters()}
        state = {_NETWORK + name: tensor for name, tensor in network.state_dict().items()}
        state |= {_MOMENTUM + name: tensor for name, tensor in momentum.items()}
        self.store.save_checkpoint(self.key, to_arrays(state), {"history": history})
        self._last_write = time.monotonic()


def _momentum(optimizer: torch.optim.SGD, parameter: torch.Tensor) -> torch.Tensor:
    """Return the momentum buffer of a parameter; zeros before the first step."""
    buffer = optimizer.state[parameter].get("momentum_buffer")
    return torch.zeros_like(parameter) if buffer is None else buffer


def _with_prefix(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the tensors whose names start with ``prefix``, keyed by their names without the prefix."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
