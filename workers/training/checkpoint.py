"""Checkpoints of long training: enough to go on after a kill and end with the same numbers."""

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
    """The checkpoint of the network ``key``, written at most every ``interval`` seconds."""

    store: Store
    key: str
    interval: float = INTERVAL_SECONDS
    _written: float = field(default_factory=time.monotonic)

    def restore(self, network: nn.Module, optimizer: torch.optim.SGD) -> list[Epoch]:
        """Puts the stored state, if there is one, into both. Returns the history of the epochs done."""
        stored = self.store.load_checkpoint(self.key)
        if stored is None:
            return []
        arrays, about = stored
        tensors = to_tensors(arrays)
        network.load_state_dict(_below(_NETWORK, tensors))
        for name, parameter in network.named_parameters():
            momentum = tensors[_MOMENTUM + name]
            optimizer.state[parameter]["momentum_buffer"] = momentum.to(parameter.device)
        history: list[Epoch] = about["history"]
        return history

    def keep(self, network: nn.Module, optimizer: torch.optim.SGD, history: list[Epoch], *, now: bool = False) -> None:
        """Writes the state after the last epoch of ``history``, if ``now`` or if the last writing is long ago."""
        if not now and time.monotonic() - self._written < self.interval:
            return
        momentum = {name: _momentum(optimizer, p) for name, p in network.named_parameters()}
        state = {_NETWORK + name: tensor for name, tensor in network.state_dict().items()}
        state |= {_MOMENTUM + name: tensor for name, tensor in momentum.items()}
        self.store.save_checkpoint(self.key, to_arrays(state), {"history": history})
        self._written = time.monotonic()


def _momentum(optimizer: torch.optim.SGD, parameter: torch.Tensor) -> torch.Tensor:
    buffer = optimizer.state[parameter].get("momentum_buffer")
    return torch.zeros_like(parameter) if buffer is None else buffer


def _below(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
