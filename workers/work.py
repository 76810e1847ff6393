"""What a trial works with: passed whole to its stages, so that each says what it needs by using it."""

from collections.abc import Callable
from dataclasses import dataclass

from prunesweep.results_store import Store
from prunesweep.sweeps.events import Progress
from prunesweep.sweeps.trial import Trial
from prunesweep.workers.data.dataset import Dataset

ShouldStop = Callable[[], bool]


class TrialError(Exception):
    """A trial that cannot be done, for a reason that lies in the trial: it becomes a row with this one line."""


class Stopped(Exception):
    """``should_stop`` asked for an end; what was done so far is stored, and the trial goes on from there."""


@dataclass(frozen=True)
class Work:
    """One trial in progress."""

    trial: Trial
    store: Store
    data: Dataset
    progress: Progress
    should_stop: ShouldStop

    def check_stop(self) -> None:
        """Raises: Stopped where an end is asked for."""
        if self.should_stop():
            raise Stopped(self.trial.key)
