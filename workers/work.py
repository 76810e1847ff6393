"""The context of a running trial, which is passed to each of its phases."""

from collections.abc import Callable
from dataclasses import dataclass

from prunesweep.results_store import Store
from prunesweep.sweeps.events import Progress
from prunesweep.sweeps.trial import Trial
from prunesweep.workers.data.dataset import Dataset

ShouldStop = Callable[[], bool]
"""Returns whether the trial should stop early."""


class TrialError(Exception):
    """A trial that cannot be finished for a reason in the trial itself.

    The message is one line, which is stored in the trial's row of the table ``trials``.
    """


class Stopped(Exception):
    """A trial that was stopped early on request; finished work is stored, and a later run continues from there."""


@dataclass(frozen=True)
class Work:
    """A running trial with everything that its phases need.

    Attributes:
        trial: the trial.
        store: the store that results are read from and written to.
        data: the data set, on the device on which the trial runs.
        progress: called with each event of the trial.
        should_stop: returns whether the trial should stop early.
    """

    trial: Trial
    store: Store
    data: Dataset
    progress: Progress
    should_stop: ShouldStop

    def check_stop(self) -> None:
        """Stop the trial if that was requested.

        Raises:
            Stopped: ``should_stop`` returned true.
        """
        if self.should_stop():
            raise Stopped(self.trial.key)
