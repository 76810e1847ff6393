"""The cost of a trial, by which a schedule orders trials."""

from collections.abc import Callable

from prunesweep.sweeps.trial import Trial

# What a trial's evaluations and start weigh against one epoch of training.
OVERHEAD_EPOCHS = 1.0

Cost = Callable[[Trial], float]
"""How long a trial takes, in any unit."""


def epochs_of(trial: Trial) -> float:
    """The cost of a trial where nothing better is known."""
    return trial.round.epochs + OVERHEAD_EPOCHS
