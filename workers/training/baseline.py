"""The unpruned network, trained or read from a weights file, and the snapshots of its early training."""

from dataclasses import dataclass, replace

from prunesweep.results_store.documents import Epoch
from prunesweep.sweeps.trial import snapshot_key
from prunesweep.workers.architectures.baseline_weights import read_weights
from prunesweep.workers.architectures.network import Network, NetworkSpec, new_network, rebuild_network
from prunesweep.workers.architectures.weights_file import load_weights
from prunesweep.workers.random_streams import stream
from prunesweep.workers.runtime import move_to_device
from prunesweep.workers.tensors import state_arrays, to_tensors
from prunesweep.workers.training.checkpoint import Checkpoint
from prunesweep.workers.training.loop import train
from prunesweep.workers.work import Work


def make_baseline(work: Work) -> tuple[Network, list[Epoch]]:
    """Train the trial's baseline, or read it from its weights file, and return it with its training history.

    ``DataError`` is raised if the weights cannot be read or downloaded, or belong to another architecture.
    """
    network = _initial_network(work)
    weights = work.trial.weights
    if work.trial.round.weights_sha256 is not None:
        load_weights(network, read_weights(weights or "", work.trial.architecture))
        return move_to_device(network, work.data.device), []
    history = _train(network, work, checkpoint=Checkpoint(work.store, work.trial.key))
    # A checkpoint of a sweep that needed no snapshots may have passed their epochs already.
    _train_missing_snapshots(work)
    return network, history


def load_snapshot(work: Work) -> Network:
    """Return the baseline's network as it was after the trial's rewind epoch.

    If the store lacks this snapshot, the baseline is first trained again up to that epoch.
    """
    ensure_snapshot(work)
    tensors = to_tensors(work.store.load_snapshot(work.trial.snapshot_key or ""))
    return rebuild_network(_network_spec(work), tensors)


def ensure_snapshot(work: Work) -> None:
    """Store the baseline's network as it was after the trial's rewind epoch, unless the store has this snapshot.

    A trial without a rewind epoch needs no snapshot, so that nothing is done. When a baseline is trained, only the
    snapshots that its own sweep needs are stored. If a later sweep needs another epoch, the baseline is trained again
    up to that epoch, which reproduces the parameters of the first training.
    """
    epoch = work.trial.round.rewind_epoch
    if epoch is not None:
        _train_missing_snapshots(replace(work, trial=replace(work.trial.baseline, snapshot_epochs=(epoch,))))


def _train_missing_snapshots(work: Work) -> None:
    """Train the baseline again to store its network after those ``snapshot_epochs`` whose snapshots are missing."""
    trial = work.trial
    missing = [epoch for epoch in trial.snapshot_epochs if not work.store.has_snapshot(snapshot_key(trial, epoch))]
    if missing:
        retraining = replace(work, trial=replace(trial, snapshot_epochs=tuple(missing)))
        _train(_initial_network(retraining), retraining, last_epoch=max(missing))


def _train(
    network: Network, work: Work, *, last_epoch: int | None = None, checkpoint: Checkpoint | None = None
) -> list[Epoch]:
    training = work.trial.round.training
    assert training is not None
    return train(
        network, training, work, last_epoch=last_epoch, after_epoch=_SnapshotWriter(work), checkpoint=checkpoint
    )


@dataclass(frozen=True)
class _SnapshotWriter:
    """A callback of training that stores the baseline's network after each of the trial's ``snapshot_epochs``."""

    work: Work

    def __call__(self, epoch: int, network: Network) -> None:
        if epoch in self.work.trial.snapshot_epochs:
            self.work.store.save_snapshot(snapshot_key(self.work.trial, epoch), state_arrays(network))


def _initial_network(work: Work) -> Network:
    """Return the baseline's network before training, with the random parameters of the trial's seed."""
    spec = _network_spec(work)
    generator = stream("initialisation", work.trial.seed, 0)
    return new_network(spec.architecture, spec.classes, spec.image_size, spec.mean, spec.std, generator=generator)


def _network_spec(work: Work) -> NetworkSpec:
    """Return the description of the unpruned network.

    If the sweep does not set both the mean and the standard deviation of the channels, the data set's values are used.
    """
    root = work.trial.baseline.round
    mean, std = work.data.channel_statistics() if root.mean is None or root.std is None else (root.mean, root.std)
    return NetworkSpec(work.trial.architecture, len(work.data.classes), work.data.side, mean, std)
