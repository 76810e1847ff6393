"""The searcher, between Ray Tune and the dispatcher: Tune gets the trials from it and reports their events to it."""

import time
from collections.abc import Callable
from typing import Any

from ray.tune.search import Searcher

from prunesweep.orchestrator.running.dispatcher import Dispatcher
from prunesweep.sweeps.events import TrialLost
from prunesweep.sweeps.trial import Trial

CAPACITY_SECONDS = 5.0  # how long a queried cluster size is reused


class TreeSearcher(Searcher):
    """Suggests ready trials to Ray Tune while the cluster, including nodes that join later, has room for another."""

    def __init__(
        self, dispatcher: Dispatcher, *, capacity: Callable[[], int], reason_of_loss: Callable[[str], str]
    ) -> None:
        """Create a searcher for the trials of a dispatcher.

        Args:
            dispatcher: hands out the trials and records their events.
            capacity: returns how many trials the cluster can run now.
            reason_of_loss: returns why the worker of a Tune trial was lost, given Tune's id of the trial.
        """
        super().__init__()
        self._dispatcher = dispatcher
        self._capacity = _cached(capacity)
        self._reason_of_loss = reason_of_loss
        self._in_progress: dict[str, Trial] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """Return the next trial as a Tune configuration.

        Args:
            trial_id: Tune's id of the trial.

        Returns:
            ``{"key": KEY}`` with the key of the trial; None while no trial can start, and ``FINISHED`` when all have
            ended.
        """
        if self._dispatcher.is_over:
            return str(Searcher.FINISHED)
        if len(self._in_progress) >= self._capacity():
            return None
        trial = self._dispatcher.take()
        if trial is None:
            return None
        self._in_progress[trial_id] = trial
        return {"key": trial.key}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Record an event of a trial in progress."""
        self._dispatcher.record_event(self._in_progress[trial_id], result["event"])

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Record how a trial ended.

        Args:
            trial_id: Tune's id of the trial.
            result: the trial's last report, with its end as ``event``.
            error: whether the trial's worker was lost, at the first attempt and at every retry.
        """
        trial = self._in_progress.pop(trial_id, None)
        if trial is None:  # Tune calls this twice if something else fails at the end of a trial
            return
        if error or result is None:
            self._dispatcher.record_end(trial, TrialLost(self._reason_of_loss(trial_id)))
        else:
            self._dispatcher.record_end(trial, result["event"])

    # Tune saves a searcher to restore a sweep from it. Here a sweep is resumed from the store, by running it again.

    def __getstate__(self) -> dict[str, Any]:
        """Return nothing to save."""
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Save nothing."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing."""


def _cached(capacity: Callable[[], int]) -> Callable[[], int]:
    """Return a function that asks ``capacity`` at most every ``CAPACITY_SECONDS`` and returns the last answer."""
    query_time, value = float("-inf"), 0

    def cached_capacity() -> int:
        nonlocal query_time, value
        if time.monotonic() - query_time >= CAPACITY_SECONDS:
            query_time, value = time.monotonic(), capacity()
        return value

    return cached_capacity
