"""Loading networks from the store, for further training or for attacks."""

from dataclasses import dataclass

import torch

from prunesweep.results_store import Store
from prunesweep.workers.architectures.network import Network, NetworkSpec, rebuild_network
from prunesweep.workers.runtime import move_to_device
from prunesweep.workers.tensors import to_tensors


@dataclass(frozen=True)
class StoredNetwork:
    """A network from the store, ready to be attacked.

    Attributes:
        key: its key in the store.
        network: the network on its device, in evaluation mode; its parameters require no gradients.
    """

    key: str
    network: Network


def rebuild_stored(store: Store, key: str, device: torch.device) -> Network:
    """Return a stored network in training mode.

    A missing network is ``NotStored``, a damaged one a ``NetworkError``.

    Args:
        store: the store.
        key: the network's key.
        device: device to move it to.
    """
    arrays, description = store.load_network(key)
    return move_to_device(rebuild_network(NetworkSpec.from_json(description), to_tensors(arrays)), device)


def load_stored(store: Store, key: str, device: torch.device) -> StoredNetwork:
    """Return a stored network that is ready to be attacked.

    A missing network is ``NotStored``, a damaged one a ``NetworkError``.

    Args:
        store: the store.
        key: the network's key.
        device: device to move it to.
    """
    return StoredNetwork(key, prepare_for_attack(rebuild_stored(store, key, device), device))


def prepare_for_attack(network: Network, device: torch.device) -> Network:
    """Bring a network after training into the state of one that ``load_stored`` returns.

    Its outputs are then bitwise the same.

    Args:
        network: the network, changed in place.
        device: device to move it to.
    """
    network.zero_grad(set_to_none=True)
    return move_to_device(network, device).eval().requires_grad_(False)
