"""Hands out the trials of a plan and takes in what becomes of them, whoever runs them."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from prunesweep.orchestrator.display.reporter import Reporter
from prunesweep.orchestrator.planning.cost import Cost
from prunesweep.orchestrator.planning.plan import Plan
from prunesweep.orchestrator.running.refreshing import now_and_then
from prunesweep.orchestrator.running.schedule import Schedule
from prunesweep.results_store import Store, StoreError
from prunesweep.results_store.documents import fallen_with
from prunesweep.sweeps.events import (
    EvaluationStored,
    NetworkStored,
    SharedStored,
    TrialDone,
    TrialEnd,
    TrialEvent,
    TrialFailed,
    TrialLost,
    WorkCounts,
)
from prunesweep.sweeps.trial import Trial


@dataclass(frozen=True)
class Failure:
    """Why a trial was not done, and which trials cannot be done for want of its network.

    Attributes:
        error: one line.
        fallen: the keys of these trials.
    """

    error: str
    fallen: tuple[str, ...] = ()


class Dispatcher:
    """The one place where events move the schedule and reach the reporter.

    Attributes:
        failures: of the trials that failed or were lost, by key.
    """

    def __init__(
        self,
        schedule: Schedule,
        reporter: Reporter,
        *,
        store_fallen: Callable[[Trial, Trial, str], None],
        after_trial: Callable[[], None],
    ) -> None:
        """Takes the trials of a schedule.

        Args:
            schedule: which trial goes next.
            reporter: told of everything.
            store_fallen: stores that a trial cannot be done: (the trial, its ancestor that failed, the error).
            after_trial: called when a trial has ended.
        """
        self.failures: dict[str, Failure] = {}
        self._schedule = schedule
        self._reporter = reporter
        self._store_fallen = store_fallen
        self._after_trial = after_trial

    @classmethod
    def of(cls, plan: Plan, store: Store, reporter: Reporter, cost: Cost) -> "Dispatcher":
        """Make the dispatcher of a plan, which notes failures in the store and refreshes its tables now and then."""
        return cls(
            Schedule(plan.tree, done=plan.done, networks=plan.networks, shared=plan.shared, cost=cost),
            reporter,
            store_fallen=lambda trial, failed, error: store.save_failure(fallen_with(trial, failed, error)),
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
            self._end_failed(trial, end)
        elif isinstance(end, TrialLost):
            self._end_lost(trial, end)
        else:
            self._reporter.stopped(trial, end.made)
        self._after_trial()

    def _end_failed(self, trial: Trial, end: TrialFailed) -> None:
        """A trial that cannot be done is a row with its error, and its descendants are rows that name it."""
        fallen = self._fell(trial, end.error, end.made)
        for descendant in fallen:
            with suppress(StoreError):  # the row comes when the sweep is run again
                self._store_fallen(descendant, trial, end.error)

    def _end_lost(self, trial: Trial, end: TrialLost) -> None:
        """Lost nodes and storage faults leave no rows: the trials are run when the sweep is run again."""
        self._fell(trial, f"not done: {end.error}; run the sweep again", end.made)

    def _fell(self, trial: Trial, error: str, made: WorkCounts) -> list[Trial]:
        """Reports a failure once, with all that cannot be done for want of the trial, which is returned."""
        fallen = self._schedule.failed(trial.key)
        self.failures[trial.key] = Failure(error, tuple(descendant.key for descendant in fallen))
        self._reporter.failed(trial, error, made, len(fallen))
        return fallen
