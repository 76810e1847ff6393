"""The dispatcher: hands out the trials of a plan and records their events and ends, whichever executor runs them."""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from prunesweep.orchestrator.display.reporting.reporter import Reporter
from prunesweep.orchestrator.planning.cost import Cost
from prunesweep.orchestrator.planning.plan import Plan
from prunesweep.orchestrator.progress.rate_limit import rate_limited
from prunesweep.orchestrator.progress.sweep_progress import TimeLeft
from prunesweep.orchestrator.running.schedule import Schedule
from prunesweep.orchestrator.running.time_left import simulate_time_left
from prunesweep.results_store import Store, StoreError
from prunesweep.results_store.documents import inherited_failure
from prunesweep.sweeps.events import (
    EvaluationStored,
    NetworkStored,
    SharedInputsStored,
    TrialDone,
    TrialEnd,
    TrialEvent,
    TrialFailed,
    TrialLost,
    WorkCounts,
)
from prunesweep.sweeps.trial import Trial

ESTIMATE_SECONDS = 1.0  # least time between two estimates of the time that is left
ESTIMATE_SHARE = 0.02  # largest share of the time that they take


@dataclass(frozen=True)
class Failure:
    """Why a trial was not done, and which trials cannot run without its network.

    Attributes:
        error: the reason, one line.
        dependents: the keys of the descendants that cannot run.
    """

    error: str
    dependents: tuple[str, ...] = ()


class Dispatcher:
    """The only object that changes the schedule and notifies the reporter.

    Attributes:
        failures: the failure of each trial that failed or was lost, by the key of the trial.
    """

    def __init__(
        self,
        schedule: Schedule,
        reporter: Reporter,
        *,
        store_dependent_failure: Callable[[Trial, Trial, str], None],
        after_trial: Callable[[], None],
    ) -> None:
        """Create a dispatcher that hands out the trials of a schedule.

        Args:
            schedule: the order of the trials.
            reporter: is notified of every start, event and end of a trial.
            store_dependent_failure: stores that a trial cannot run, called with the trial, its ancestor that failed
                and the ancestor's error.
            after_trial: is called at the end of every trial.
        """
        self.failures: dict[str, Failure] = {}
        self._schedule = schedule
        self._reporter = reporter
        self._store_dependent_failure = store_dependent_failure
        self._after_trial = after_trial
        self._after_event = rate_limited(self._estimate_time_left, seconds=ESTIMATE_SECONDS, share=ESTIMATE_SHARE)
        self._reporter.progress.blockers = schedule.blockers()

    @classmethod
    def of(cls, plan: Plan, store: Store, reporter: Reporter, cost: Cost) -> "Dispatcher":
        """Return a dispatcher for a plan and a store.

        If a trial fails, the dispatcher stores a failure for each trial that depends on the failed one. The dispatcher
        also refreshes the store's tables from time to time.
        """
        return cls(
            Schedule(plan.tree, done=plan.done, networks=plan.networks, shared=plan.shared, cost=cost),
            reporter,
            store_dependent_failure=lambda trial, ancestor, error: store.save_failure(
                inherited_failure(trial, ancestor, error)
            ),
            after_trial=rate_limited(store.refresh_tables),
        )

    @property
    def is_over(self) -> bool:
        """Return whether every trial has ended."""
        return self._schedule.is_over

    def take(self) -> Trial | None:
        """Return the next trial to run, or None while none is ready."""
        trial = self._schedule.take()
        if trial is not None:
            self._reporter.started(trial)
        return trial

    def record_event(self, trial: Trial, event: TrialEvent) -> None:
        """Record an event of a trial in progress."""
        if isinstance(event, SharedInputsStored):
            self._schedule.mark_shared_stored(trial.key)
        elif isinstance(event, NetworkStored | EvaluationStored):
            self._schedule.mark_network_stored(trial.key)
        self._reporter.progressed(trial, event)
        self._after_event()

    def record_end(self, trial: Trial, end: TrialEnd) -> None:
        """Record how a trial ended."""
        if isinstance(end, TrialDone):
            self._schedule.mark_done(trial.key)
            self._reporter.finished(trial, end.work)
        elif isinstance(end, TrialFailed):
            self._record_failed(trial, end)
        elif isinstance(end, TrialLost):
            self._record_lost(trial, end)
        else:
            self._reporter.stopped(trial, end.work)
        self._after_event()
        self._after_trial()

    def _estimate_time_left(self) -> None:
        """Estimate when the run ends, and find which trials others wait for."""
        progress = self._reporter.progress
        running = list(progress.in_progress.values())
        workers = max(progress.workers, len(running), 1)
        seconds = simulate_time_left(self._schedule, running, progress.phase_times, workers)
        progress.time_left = TimeLeft(time.monotonic(), seconds)
        progress.blockers = self._schedule.blockers()

    def _record_failed(self, trial: Trial, end: TrialFailed) -> None:
        """Record that a trial failed, and store for each of its dependents a failure that names the failed trial."""
        for dependent in self._record_failure(trial, end.error, end.work):
            with suppress(StoreError):  # the next run of the sweep stores the failure
                self._store_dependent_failure(dependent, trial, end.error)

    def _record_lost(self, trial: Trial, end: TrialLost) -> None:
        """Record that a trial was lost, because its worker was lost or storage failed.

        Nothing is stored about the loss, and the next run of the sweep runs the trial again.
        """
        self._record_failure(trial, f"not done: {end.error}; run the sweep again", end.work)

    def _record_failure(self, trial: Trial, error: str, work: WorkCounts) -> list[Trial]:
        """Record and report a trial's failure, and return the trials that cannot run without its network."""
        dependents = self._schedule.mark_failed(trial.key)
        self.failures[trial.key] = Failure(error, tuple(dependent.key for dependent in dependents))
        self._reporter.failed(trial, error, work, len(dependents))
        return dependents
