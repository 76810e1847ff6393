"""Networks as the store keeps them, to be trained further or attacked."""

from dataclasses import dataclass

import torch

from prunesweep.results_store import Store
from prunesweep.workers.architectures.network import Network, NetworkSpec, rebuild_network
from prunesweep.workers.runtime import place
from prunesweep.workers.tensors import to_tensors


@dataclass(frozen=True)
class StoredNetwork:
    """A network in evaluation mode on its device, without gradients of its parameters, and its key in the store."""

    key: str
    network: Network


def rebuild_stored(store: Store, key: str, device: torch.device) -> Network:
    """The network that the store keeps under ``key``, on ``device``, in training mode.

    Raises:
        NotStored: there is none.
        NetworkError: it is damaged.
    """
    arrays, description = store.load_network(key)
    return place(rebuild_network(NetworkSpec.from_json(description), to_tensors(arrays)), device)


def load_stored(store: Store, key: str, device: torch.device) -> StoredNetwork:
    """The same, ready to be attacked. Raises as ``rebuild_stored`` does."""
    return StoredNetwork(key, to_be_attacked(rebuild_stored(store, key, device), device))


def to_be_attacked(network: Network, device: torch.device) -> Network:
    """A network that was just made, in the state in which ``load_stored`` gives one: the same numbers, bit for bit."""
    network.zero_grad(set_to_none=True)
    return place(network, device).eval().requires_grad_(False)
