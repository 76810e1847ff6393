"""Hands out the trials of a plan and takes in what becomes of them, whoever runs them."""

from collections.abc import Callable
from contextlib import suppress

from prunesweep.orchestrator.plan import Plan
from prunesweep.orchestrator.running.refreshing import now_and_then
from prunesweep.orchestrator.running.reporter import Reporter
from prunesweep.orchestrator.running.schedule import Cost, Schedule
from prunesweep.results_store import Store, StoreError
from prunesweep.results_store.documents import failure_of
from prunesweep.sweeps.events import (
    EvaluationStored,
    NetworkStored,
    SharedStored,
    TrialDone,
    TrialEnd,
    TrialEvent,
    TrialFailed,
    TrialLost,
)
from prunesweep.sweeps.trial import Trial

STOPPED = "it was stopped"


class Dispatcher:
    """The one place where events move the schedule and reach the reporter.

    Attributes:
        failures: the errors of the trials that failed or were lost, by key.
    """

    def __init__(
        self,
        schedule: Schedule,
        reporter: Reporter,
        *,
        store_failure: Callable[[Trial, str], None],
        after_trial: Callable[[], None],
    ) -> None:
        """Takes the trials of a schedule.

        Args:
            schedule: which trial goes next.
            reporter: told of everything.
            store_failure: stores (trial, error) of a trial that cannot be done for want of its parent.
            after_trial: called when a trial has ended.
        """
        self.failures: dict[str, str] = {}
        self._schedule = schedule
        self._reporter = reporter
        self._store_failure = store_failure
        self._after_trial = after_trial

    @classmethod
    def of(cls, plan: Plan, store: Store, reporter: Reporter, cost: Cost) -> "Dispatcher":
        """Make the dispatcher of a plan, which notes failures in the store and refreshes its tables now and then."""
        return cls(
            Schedule(plan.tree, done=plan.done, networks=plan.networks, shared=plan.shared, cost=cost),
            reporter,
            store_failure=lambda trial, error: store.save_failure(failure_of(trial, trial.key, error)),
            after_trial=now_and_then(store.refresh_tables),
        )

    @property
    def is_over(self) -> bool:
        """Whether every trial has ended."""
        return self._schedule.is_over

    def take(self) -> Trial | None:
        """Return the next trial to run, or None while none is ready."""
        trial = self._schedule.take()
        if trial is not None:
            self._reporter.started(trial)
        return trial

    def note(self, trial: Trial, event: TrialEvent) -> None:
        """Take in an event of a trial in progress."""
        if isinstance(event, SharedStored):
            self._schedule.made_shared(trial.key)
        elif isinstance(event, NetworkStored | EvaluationStored):
            self._schedule.made_network(trial.key)
        self._reporter.progressed(trial, event)

    def end(self, trial: Trial, end: TrialEnd) -> None:
        """Take in how a trial ended."""
        if isinstance(end, TrialDone):
            self._schedule.finished(trial.key)
            self._reporter.finished(trial, end.made)
        elif isinstance(end, TrialFailed):
            self._end_failed(trial, end.error)
        else:
            self._end_lost(trial, end.error if isinstance(end, TrialLost) else STOPPED)
        self._after_trial()

    def _end_failed(self, trial: Trial, error: str) -> None:
        """A trial that cannot be done is a row with its error, and its descendants are rows that name it."""
        self._report_failure(trial, error)
        for descendant in self._schedule.failed(trial.key):
            why = f"its ancestor {trial.key} ({trial.label()}) failed: {error}"
            self._report_failure(descendant, why)
            with suppress(StoreError):  # the row comes when the sweep is run again
                self._store_failure(descendant, why)

    def _end_lost(self, trial: Trial, error: str) -> None:
        """Lost nodes and storage faults leave no rows: the trials are run when the sweep is run again."""
        for unfinished in (trial, *self._schedule.failed(trial.key)):
            self._report_failure(unfinished, f"not done: {error}; run the sweep again")

    def _report_failure(self, trial: Trial, error: str) -> None:
        self.failures[trial.key] = error
        self._reporter.failed(trial, error)
