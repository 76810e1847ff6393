"""The unpruned network: made and trained, or taken from a weights file; and the snapshots of its early training."""

from dataclasses import dataclass, replace

from prunesweep.results_store.documents import Epoch
from prunesweep.sweeps.trial import snapshot_key
from prunesweep.workers.architectures.baseline_weights import read_weights
from prunesweep.workers.architectures.network import Network, NetworkSpec, new_network, rebuild_network
from prunesweep.workers.architectures.weights_file import load_weights
from prunesweep.workers.random_streams import stream
from prunesweep.workers.runtime import place
from prunesweep.workers.tensors import state_arrays, to_tensors
from prunesweep.workers.training.checkpoint import Checkpoint
from prunesweep.workers.training.loop import train
from prunesweep.workers.work import Work


def make_baseline(work: Work) -> tuple[Network, list[Epoch]]:
    """The baseline that the trial describes, and its training's history.

    Raises:
        DataError: the weights cannot be had, or are of another architecture.
    """
    network = _new(work)
    weights = work.trial.weights
    if work.trial.round.weights_sha256 is not None:
        load_weights(network, read_weights(weights or "", work.trial.architecture))
        return place(network, work.data.device), []
    history = _train(network, work, checkpoint=Checkpoint(work.store, work.trial.key))
    _make_missing_snapshots(work)  # where a sweep that asked for none trained the first epochs
    return network, history


def load_snapshot(work: Work) -> Network:
    """The baseline as it was at the epoch that the winning ticket goes back to; made if it is not stored."""
    ensure_snapshot(work)
    tensors = to_tensors(work.store.load_snapshot(work.trial.snapshot_key or ""))
    return rebuild_network(_spec(work), tensors)


def ensure_snapshot(work: Work) -> None:
    """Makes the snapshot that the trial goes back to, if it goes back to one and it is not stored.

    A baseline stores what its own sweep asks for. Where a later sweep asks for another epoch, the baseline is
    trained again up to there, which gives the same numbers.
    """
    epoch = work.trial.round.rewind_epoch
    if epoch is not None:
        _make_missing_snapshots(replace(work, trial=replace(work.trial.baseline, snapshot_epochs=(epoch,))))


def _make_missing_snapshots(work: Work) -> None:
    """Those that the baseline is to store."""
    trial = work.trial
    missing = [epoch for epoch in trial.snapshot_epochs if not work.store.has_snapshot(snapshot_key(trial, epoch))]
    if missing:
        again = replace(work, trial=replace(trial, snapshot_epochs=tuple(missing)))
        _train(_new(again), again, last_epoch=max(missing))


def _train(
    network: Network, work: Work, *, last_epoch: int | None = None, checkpoint: Checkpoint | None = None
) -> list[Epoch]:
    training = work.trial.round.training
    assert training is not None
    return train(
        network, training, work, last_epoch=last_epoch, after_epoch=_SnapshotKeeper(work), checkpoint=checkpoint
    )


@dataclass(frozen=True)
class _SnapshotKeeper:
    """Stores the network after each of the epochs that winning tickets go back to."""

    work: Work

    def __call__(self, epoch: int, network: Network) -> None:
        if epoch in self.work.trial.snapshot_epochs:
            self.work.store.save_snapshot(snapshot_key(self.work.trial, epoch), state_arrays(network))


def _new(work: Work) -> Network:
    """The network before training."""
    spec = _spec(work)
    generator = stream("initialisation", work.trial.seed, 0)
    return new_network(spec.architecture, spec.classes, spec.image_size, spec.mean, spec.std, generator=generator)


def _spec(work: Work) -> NetworkSpec:
    root = work.trial.baseline.round
    mean, std = work.data.channel_statistics() if root.mean is None or root.std is None else (root.mean, root.std)
    return NetworkSpec(work.trial.architecture, len(work.data.classes), work.data.side, mean, std)
