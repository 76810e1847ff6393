"""One trial: data, architectures, pruning, training and attacks. Nothing here knows of a cluster."""

from workers.architectures.network import load_network
from workers.data.load import load_dataset
from workers.trial import run_trial

__all__ = ["load_dataset", "load_network", "run_trial"]
