"""Ray Tune's view of the schedule: Tune asks for trials here, and reports here what became of them."""

import time
from collections.abc import Callable
from typing import Any

import ray
from ray.tune.search import Searcher

from orchestrator.reporter import Reporter
from orchestrator.schedule import Schedule
from sweeps.trial import Trial

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
        """A trial's end. ``error``: its worker or the storage failed more often than is retried."""
        trial = self._live.pop(trial_id)
        event = result or {}
        if error or event.get("stage") not in ("done", "failed"):
            self._end_failed(trial, "lost: its worker or the store failed repeatedly; run the sweep again")
        elif event["stage"] == "failed":
            self._end_failed(trial, str(event["error"]))
        else:
            self._schedule.finished(trial.key)
            self._reporter.finished(trial, event)
        self._after_trial()

    def _note_progress(self, trial: Trial, event: dict[str, Any]) -> None:
        if event.get("stage") == "shared":
            self._schedule.made_shared(trial.key)
        elif event.get("stage") in ("stored", "attacked"):
            self._schedule.made_network(trial.key)
        self._reporter.progressed(trial, event)

    def _end_failed(self, trial: Trial, error: str) -> None:
        self.failures[trial.key] = error
        self._reporter.failed(trial, error)
        for descendant in self._schedule.failed(trial.key):
            why = f"its ancestor {trial.key} ({trial.label()}) failed: {error}"
            self.failures[descendant.key] = why
            self._note_failure(descendant, why)
            self._reporter.failed(descendant, why)

    # Tune would save the searcher to restore a sweep; the store is the only memory, and resume is running again.
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


def cluster_capacity(cpu: int, gpu: float, workers: int | None) -> int:
    """How many trials of this size the cluster's nodes can run at once."""
    total = 0
    for node in ray.nodes():
        if node["Alive"]:
            has = node["Resources"]
            by_cpu = int(has.get("CPU", 0) // cpu)
            total += min(by_cpu, int(has.get("GPU", 0) / gpu)) if gpu else by_cpu
    return min(total, workers) if workers else total
