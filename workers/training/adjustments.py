"""The adjustment schemes: what is done to a network's parameters after pruning, on clean training images only."""

from results_store.documents import Epoch
from workers.architectures.network import Network, reinitialise
from workers.pruning.reduction import reduce_to
from workers.streams import stream
from workers.training.baseline import load_snapshot
from workers.training.checkpoint import Checkpoint
from workers.training.loop import train
from workers.work import Work

Adjusted = tuple[Network, list[Epoch]]


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
