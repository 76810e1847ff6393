"""The adjustment schemes: what is done to a network's parameters after pruning, on clean training images only."""

from collections.abc import Iterator

from torch import Tensor

from prunesweep.results_store.documents import Epoch
from prunesweep.sweeps.catalogue import ADJUSTMENTS, resolve
from prunesweep.workers.architectures.network import Network, reinitialise
from prunesweep.workers.pruning.reduction import reduce_to
from prunesweep.workers.random_streams import stream
from prunesweep.workers.training.baseline import load_snapshot
from prunesweep.workers.training.batch_norm import estimate_statistics
from prunesweep.workers.training.checkpoint import Checkpoint
from prunesweep.workers.training.loop import clean_batches, train
from prunesweep.workers.work import Work

Adjusted = tuple[Network, list[Epoch]]


def adjust(network: Network, work: Work) -> Adjusted:
    """The trial's adjustment: its scheme, and the recalibration of batch norm where the adjustment has one.

    Returns:
        the adjusted network, and the history of the epochs that the scheme trained.
    """
    entry = ADJUSTMENTS[work.trial.adjustment]
    network, history = resolve(entry.code)(network, work)
    if entry.recalibrates:
        estimate_statistics(network, _recalibration_images(work))
    return network, history


def _recalibration_images(work: Work) -> Iterator[Tensor]:
    """All training images, in batches of the round's size and in an order of their own: files are sorted by class."""
    training = work.trial.round.training
    assert training is not None
    generator = stream("recalibration", work.trial.seed, work.trial.iterations)
    for images, _ in clean_batches(work, training.batch_size, generator):
        work.check_stop()
        yield images


def leave(network: Network, work: Work) -> Adjusted:
    """``none``: the parameters stay as pruning left them."""
    return network, []


def fine_tune(network: Network, work: Work) -> Adjusted:
    """Training goes on from the parameters that are left."""
    return _trained(network, work)


def scratch(network: Network, work: Work) -> Adjusted:
    """Scratch-E and Scratch-B (Liu et al. 2019): random parameters, trained as long as the baseline, or twice that."""
    fresh = reinitialise(network, stream("initialisation", work.trial.seed, work.trial.iterations))
    return _trained(fresh, work)


def winning_ticket(network: Network, work: Work) -> Adjusted:
    """The baseline's parameters of an early epoch (Frankle et al. 2020), trained to the end of its schedule."""
    rewound = reduce_to(load_snapshot(work), network.spec)
    return _trained(rewound, work)


def _trained(network: Network, work: Work) -> Adjusted:
    training = work.trial.round.training
    assert training is not None
    first_epoch = work.trial.round.rewind_epoch or 0
    checkpoint = Checkpoint(work.store, work.trial.key)
    return network, train(network, training, work, first_epoch=first_epoch, checkpoint=checkpoint)
