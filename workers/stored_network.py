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
        key: the network's key in the store.
        network: the network in evaluation mode, on the device of the attacks; its parameters require no gradients.
    """

    key: str
    network: Network


def rebuild_stored(store: Store, key: str, device: torch.device) -> Network:
    """Return a stored network in training mode.

    A network that is missing in the store raises ``NotStored``, and a damaged network raises ``NetworkError``.

    Args:
        store: the store.
        key: the network's key.
        device: device to move the network to.
    """
    arrays, description = store.load_network(key)
    return move_to_device(rebuild_network(NetworkSpec.from_json(description), to_tensors(arrays)), device)


def load_stored(store: Store, key: str, device: torch.device) -> StoredNetwork:
    """Return a stored network that is ready to be attacked.

    A network that is missing in the store raises ``NotStored``, and a damaged network raises ``NetworkError``.

    Args:
        store: the store.
        key: the network's key.
        device: device to move the network to.
    """
    return StoredNetwork(key, prepare_for_attack(rebuild_stored(store, key, device), device))


def prepare_for_attack(network: Network, device: torch.device) -> Network:
    """Bring a network after training into the state in which ``load_stored`` returns networks.

    The outputs are then bitwise the same as if the network had been stored and loaded.

    Args:
        network: the network, changed in place.
        device: device to move the network to.
    """
    network.zero_grad(set_to_none=True)
    return move_to_device(network, device).eval().requires_grad_(False)
