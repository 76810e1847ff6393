"""Ray Tune's view of the dispatcher: Tune asks for trials here, and reports here what became of them."""

import time
from collections.abc import Callable
from typing import Any

from ray.tune.search import Searcher

from prunesweep.orchestrator.running.dispatcher import Dispatcher
from prunesweep.sweeps.events import TrialLost
from prunesweep.sweeps.trial import Trial

CAPACITY_SECONDS = 5.0  # how long the cluster's size is taken for granted


class TreeSearcher(Searcher):
    """Hands out ready trials while the cluster has room for one more, which also takes in nodes that join."""

    def __init__(
        self, dispatcher: Dispatcher, *, capacity: Callable[[], int], reason_of_loss: Callable[[str], str]
    ) -> None:
        """Take the trials of a dispatcher.

        Args:
            dispatcher: which trial is next.
            capacity: returns how many trials the cluster can run now.
            reason_of_loss: returns why the worker of a Tune trial was lost.
        """
        super().__init__()
        self._dispatcher = dispatcher
        self._capacity = _remembered(capacity)
        self._reason_of_loss = reason_of_loss
        self._live: dict[str, Trial] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the next trial as a configuration, None while there is none, FINISHED at the end."""
        if self._dispatcher.is_over:
            return str(Searcher.FINISHED)
        if len(self._live) >= self._capacity():
            return None
        trial = self._dispatcher.take()
        if trial is None:
            return None
        self._live[trial_id] = trial
        return {"key": trial.key}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Take in an event of a trial in progress."""
        self._dispatcher.note(self._live[trial_id], result["event"])

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Take in a trial's end; ``error`` says that its worker was lost more often than is retried."""
        trial = self._live.pop(trial_id, None)
        if trial is None:  # Tune tells it twice where something else went wrong at a trial's end
            return
        if error or result is None:
            self._dispatcher.end(trial, TrialLost(self._reason_of_loss(trial_id)))
        else:
            self._dispatcher.end(trial, result["event"])

    # Tune saves a searcher to restore a sweep from it. The store is the only memory, and resume is running again.

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Save nothing."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing."""


def _remembered(capacity: Callable[[], int]) -> Callable[[], int]:
    """Asks again only every few seconds."""
    asked, known = float("-inf"), 0

    def remembered() -> int:
        nonlocal asked, known
        if time.monotonic() - asked >= CAPACITY_SECONDS:
            asked, known = time.monotonic(), capacity()
        return known

    return remembered
