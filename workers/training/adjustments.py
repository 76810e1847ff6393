"""The adjustment schemes: what is done with a network's parameters after pruning, using training images only."""

from collections.abc import Iterator

from torch import Tensor

from prunesweep.results_store.documents import Epoch
from prunesweep.sweeps.catalogue import ADJUSTMENTS, resolve
from prunesweep.workers.architectures.network import Network, reinitialise
from prunesweep.workers.pruning.reduction import reduce_to
from prunesweep.workers.random_streams import stream
from prunesweep.workers.training.baseline import load_snapshot
from prunesweep.workers.training.batch_norm import estimate_running_statistics
from prunesweep.workers.training.checkpoint import Checkpoint
from prunesweep.workers.training.loop import clean_batches, train
from prunesweep.workers.work import Work

NetworkAndHistory = tuple[Network, list[Epoch]]


def adjust(network: Network, work: Work) -> NetworkAndHistory:
    """Adjust a pruned network by the scheme of the trial's adjustment.

    If the adjustment includes recalibration (``bn_recalibrate``), the running statistics of batch norm are then
    estimated again from the training images.

    Returns:
        The adjusted network, and the history of the epochs that the scheme trained.
    """
    entry = ADJUSTMENTS[work.trial.adjustment]
    network, history = resolve(entry.code)(network, work)
    if entry.recalibrates:
        estimate_running_statistics(network, _recalibration_images(work))
    return network, history


def _recalibration_images(work: Work) -> Iterator[Tensor]:
    """Yield all training images in batches of the round's batch size.

    The images are shuffled by a separate random stream, because files may be sorted by class.
    """
    training = work.trial.round.training
    assert training is not None
    generator = stream("recalibration", work.trial.seed, work.trial.iterations)
    for images, _ in clean_batches(work, training.batch_size, generator):
        work.check_stop()
        yield images


def keep_parameters(network: Network, work: Work) -> NetworkAndHistory:
    """Return the network with the parameters that pruning left, for the scheme ``none``."""
    return network, []


def fine_tune(network: Network, work: Work) -> NetworkAndHistory:
    """Train the pruned network from the parameters that pruning left."""
    return _train_round(network, work)


def scratch(network: Network, work: Work) -> NetworkAndHistory:
    """Train the pruned network from random parameters: Scratch-E and Scratch-B (Liu et al. 2019).

    Scratch-E trains for as many epochs as the baseline, Scratch-B for twice as many.
    """
    reinitialised = reinitialise(network, stream("initialisation", work.trial.seed, work.trial.iterations))
    return _train_round(reinitialised, work)


def winning_ticket(network: Network, work: Work) -> NetworkAndHistory:
    """Rewind the pruned network to the parameters that the baseline had after an early epoch, and train it from there.

    Training continues to the end of the baseline's schedule (Frankle et al. 2020).
    """
    rewound = reduce_to(load_snapshot(work), network.spec)
    return _train_round(rewound, work)


def _train_round(network: Network, work: Work) -> NetworkAndHistory:
    """Train a network with the training settings of the trial's round.

    If the round has a rewind epoch, training starts at that epoch of the schedule, else at the beginning.
    """
    training = work.trial.round.training
    assert training is not None
    first_epoch = work.trial.round.rewind_epoch or 0
    checkpoint = Checkpoint(work.store, work.trial.key)
    return network, train(network, training, work, first_epoch=first_epoch, checkpoint=checkpoint)
