"""The work of one trial: data, architectures, pruning, training and attacks, independent of any cluster."""

from prunesweep.workers.architectures.network import load_network
from prunesweep.workers.data.load import load_dataset
from prunesweep.workers.trial import run_trial

__all__ = ["load_dataset", "load_network", "run_trial"]
