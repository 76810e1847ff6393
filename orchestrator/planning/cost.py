"""The cost of a trial, by which a schedule orders trials."""

from collections.abc import Callable

from prunesweep.sweeps.trial import Trial

# The cost of a trial's evaluations and its start, in epochs of training.
OVERHEAD_EPOCHS = 1.0

Cost = Callable[[Trial], float]
"""A function that returns the estimated duration of a trial, in any unit."""


def epoch_cost(trial: Trial) -> float:
    """Return the cost of a trial in epochs, for a sweep without estimates in seconds."""
    return trial.round.epochs + OVERHEAD_EPOCHS
