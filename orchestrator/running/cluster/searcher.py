"""Ray Tune's view of the schedule: Tune asks for trials here, and reports here what became of them."""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from ray.tune.search import Searcher

from prunesweep.orchestrator.running.reporter import Reporter
from prunesweep.orchestrator.running.schedule import Schedule
from prunesweep.results_store import StoreError
from prunesweep.sweeps.trial import Trial

CAPACITY_SECONDS = 5.0  # how long the cluster's size is taken for granted


class TreeSearcher(Searcher):
    """Hands out ready trials while the cluster has room for one more, which also takes in nodes that join."""

    def __init__(
        self,
        schedule: Schedule,
        reporter: Reporter,
        *,
        capacity: Callable[[], int],
        note_failure: Callable[[Trial, str], None],
        after_trial: Callable[[], None],
    ) -> None:
        """
        Args:
            capacity: how many trials the cluster can run now.
            note_failure: stores (trial, error) of a trial that cannot be done for want of its parent.
            after_trial: called when a trial has ended.
        """
        super().__init__(metric="stage", mode="max")
        self.failures: dict[str, str] = {}
        self._schedule = schedule
        self._reporter = reporter
        self._capacity = _remembered(capacity)
        self._note_failure = note_failure
        self._after_trial = after_trial
        self._live: dict[str, Trial] = {}

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The next trial as a configuration, None while there is none, FINISHED at the end."""
        if self._schedule.is_over:
            return str(Searcher.FINISHED)
        if len(self._live) >= self._capacity():
            return None
        trial = self._schedule.take()
        if trial is None:
            return None
        self._live[trial_id] = trial
        self._reporter.started(trial)
        return {"key": trial.key}

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """An event of a trial in progress."""
        self._note_progress(self._live[trial_id], result)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """A trial's end. ``error``: its worker was lost more often than is retried."""
        trial = self._live.pop(trial_id)
        event = result or {}
        stage = "lost" if error else event.get("stage")
        if stage == "done":
            self._schedule.finished(trial.key)
            self._reporter.finished(trial, event)
        elif stage == "failed":
            self._end_failed(trial, str(event["error"]))
        else:
            self._end_lost(trial, str(event.get("error", "its worker was lost repeatedly")))
        self._after_trial()

    def _note_progress(self, trial: Trial, event: dict[str, Any]) -> None:
        if event.get("stage") == "shared":
            self._schedule.made_shared(trial.key)
        elif event.get("stage") in ("stored", "attacked"):
            self._schedule.made_network(trial.key)
        self._reporter.progressed(trial, event)

    def _end_failed(self, trial: Trial, error: str) -> None:
        """A trial that cannot be done is a row with its error, and its descendants are rows that name it."""
        self._tell_failed(trial, error)
        for descendant in self._schedule.failed(trial.key):
            why = f"its ancestor {trial.key} ({trial.label()}) failed: {error}"
            self._tell_failed(descendant, why)
            with suppress(StoreError):  # the row comes when the sweep is run again
                self._note_failure(descendant, why)

    def _end_lost(self, trial: Trial, error: str) -> None:
        """Lost nodes and storage faults leave no rows: the trials are run when the sweep is run again."""
        for unfinished in (trial, *self._schedule.failed(trial.key)):
            self._tell_failed(unfinished, f"not done: {error}; run the sweep again")

    def _tell_failed(self, trial: Trial, error: str) -> None:
        self.failures[trial.key] = error
        self._reporter.failed(trial, error)

    # Tune saves a searcher to restore a sweep from it. The store is the only memory, and resume is running again.

    def __getstate__(self) -> dict[str, Any]:
        return {}

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore."""


def _remembered(capacity: Callable[[], int]) -> Callable[[], int]:
    """Asks again only every few seconds."""
    asked, known = float("-inf"), 0

    def remembered() -> int:
        nonlocal asked, known
        if time.monotonic() - asked >= CAPACITY_SECONDS:
            asked, known = time.monotonic(), capacity()
        return known

    return remembered
