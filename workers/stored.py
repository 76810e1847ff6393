"""Networks as the store keeps them, to be trained further or attacked."""

from dataclasses import dataclass

import torch

from results_store import Store
from workers.architectures.folding import folded
from workers.architectures.network import Network, NetworkSpec, rebuild_network
from workers.runtime import place
from workers.tensors import to_tensors


@dataclass(frozen=True)
class StoredNetwork:
    """A network as it is attacked, on its device, and its key in the store."""

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
    """The same in evaluation mode, without gradients of its parameters, its batch norms folded: to be attacked.

    Raises as ``rebuild_stored`` does.
    """
    return StoredNetwork(key, folded(rebuild_stored(store, key, device)))
