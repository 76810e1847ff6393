"""The progress of one run of a sweep: what its trials have done, and the status that views show."""

import os
import platform
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from prunesweep.orchestrator.planning.timings import Timings
from prunesweep.orchestrator.progress.figures import SweepFigures
from prunesweep.orchestrator.progress.phase_times import PhaseTimes
from prunesweep.orchestrator.progress.rate_limit import rate_limited
from prunesweep.results_store.sweep_status import RUNNING, Blocker, FrontNetwork, RunningTrial, SweepStatus
from prunesweep.sweeps.events import (
    EpochTrained,
    EvaluationStarted,
    EvaluationStored,
    NetworkStored,
    PreparationStarted,
    ScoringStarted,
    TrialEvent,
    WorkCounts,
    WorkStarted,
)
from prunesweep.sweeps.language import Resources
from prunesweep.sweeps.tree import TrialTree
from prunesweep.sweeps.trial import Trial

FRONT_SECONDS = 2.0  # least time between two computations of the front so far
FRONT_SHARE = 0.02  # largest share of the time that they take


@dataclass
class TrialProgress:
    """A trial in progress; times are seconds of the monotonic clock.

    Attributes:
        trial: the trial.
        started: when it was handed out.
        working: when a worker started to work on it; None before.
        phase: what it is doing, in words.
        work: what it has done, counted from its events.
        network_stored: when its network was stored; None before, and if the network was stored before this run.
        epoch: the last epoch that was reported; 0 if there is none.
        epoch_time: when that epoch was reported.
    """

    trial: Trial
    started: float
    working: float | None = None
    phase: str = "starting a worker"
    work: WorkCounts = field(default_factory=WorkCounts)
    network_stored: float | None = None
    epoch: int = 0
    epoch_time: float = 0.0


@dataclass
class TimeLeft:
    """An estimate of when a run ends.

    Attributes:
        at: when the estimate was made, in seconds of the monotonic clock.
        seconds: the time that was left then; None if it was not known.
    """

    at: float = 0.0
    seconds: float | None = None

    def now(self) -> float | None:
        """Return the time that is left now in seconds, at least 0; None if it is not known."""
        return None if self.seconds is None else max(0.0, self.seconds - (time.monotonic() - self.at))


@dataclass
class SweepProgress:
    """The progress of a run, updated by the thread of the driver and read by those that show it.

    Attributes:
        sweep: the name of the sweep.
        total: the number of trials of the sweep.
        stored: the number of trials that were done before the run.
        done: the number of trials that are done, including those.
        failed: the number of trials that failed, were lost, or depend on such a trial.
        tree: the trials; None if only numbers are known.
        resources: what one trial takes.
        workers: how many trials can run at once.
        figures: the figures of the networks so far.
        phase_times: how long the phases of trials take.
        time_left: the latest estimate of when the run ends.
        past_errors: the smallest and largest error of estimates for past runs, as shares of the estimate.
        blockers: the trials that others wait for, and how many wait.
        in_progress: the trials in progress, by key.
        step: what the run is doing before its trials start, in words; empty while trials run.
        state: one of the states of ``results_store.sweep_status``.
    """

    sweep: str = ""
    total: int = 0
    stored: int = 0
    done: int = 0
    failed: int = 0
    tree: TrialTree | None = None
    resources: Resources = field(default_factory=Resources)
    workers: int = 1
    figures: SweepFigures = field(default_factory=SweepFigures)
    phase_times: PhaseTimes = field(default_factory=lambda: PhaseTimes(Timings()))
    time_left: TimeLeft = field(default_factory=TimeLeft)
    past_errors: tuple[float, float] | None = None
    blockers: Sequence[tuple[Trial, int]] = ()
    in_progress: dict[str, TrialProgress] = field(default_factory=dict)
    step: str = ""
    state: str = RUNNING

    def __post_init__(self) -> None:
        """Start the clocks."""
        self.done = self.done or self.stored
        self._run = uuid.uuid4().hex
        self._started_at = time.time()
        self._ended_work = WorkCounts()
        self._used_seconds, self._saved_seconds = 0.0, 0.0
        self._network_seconds: dict[str, float] = {}  # by the key of the trial, measured in this run
        self._front: list[FrontNetwork] = []
        self._find_front_if_due = rate_limited(self._find_front, seconds=FRONT_SECONDS, share=FRONT_SHARE)

    @property
    def ended(self) -> int:
        """Return the number of trials that have ended, including those that were done before the run."""
        return self.done + self.failed

    @property
    def work(self) -> WorkCounts:
        """Return the work of this run so far."""
        return sum((each.work for each in list(self.in_progress.values())), self._ended_work)

    def start(self, trial: Trial) -> None:
        """Record that a trial starts."""
        self.in_progress[trial.key] = TrialProgress(trial, time.monotonic())

    def update(self, trial: Trial, event: TrialEvent) -> None:
        """Record an event of a trial in progress."""
        progress = self.in_progress.setdefault(trial.key, TrialProgress(trial, time.monotonic()))
        progress.work += WorkCounts.from_event(event)
        progress.phase = describe_phase(event)
        if isinstance(event, WorkStarted):
            progress.working = time.monotonic()
        elif isinstance(event, EpochTrained):
            self._update_epoch(progress, event)
        elif isinstance(event, NetworkStored):
            self._update_network(progress, event)
        elif isinstance(event, EvaluationStored):
            self.figures[trial.key].accuracies[event.attack] = event.accuracies

    def _update_epoch(self, progress: TrialProgress, event: EpochTrained) -> None:
        now = time.monotonic()
        if progress.epoch and event.epoch > progress.epoch:
            seconds = (now - progress.epoch_time) / (event.epoch - progress.epoch)
            self.phase_times.add_epochs(progress.trial, seconds)
        progress.epoch, progress.epoch_time = event.epoch, now

    def _update_network(self, progress: TrialProgress, event: NetworkStored) -> None:
        progress.network_stored = time.monotonic()
        seconds = progress.network_stored - (progress.working or progress.started)
        self._network_seconds[progress.trial.key] = seconds
        self.phase_times.add_network(progress.trial, seconds, event.training_seconds)
        self.figures[progress.trial.key].flops = event.flops

    def finish(self, trial: Trial, work: WorkCounts) -> float:
        """Record that a trial is done, and return how long it took in seconds."""
        self.done += 1
        progress = self._end(trial, work)
        now = time.monotonic()
        if progress.network_stored is not None:
            self.phase_times.add_evaluations(trial, now - progress.network_stored)
        self._saved_seconds += self._share_of_trial() * self._seconds_of_ancestors(trial)
        return now - progress.started

    def fail(self, trial: Trial, work: WorkCounts, dependents: int) -> None:
        """Record that a trial failed or was lost, and that some trials that depend on it cannot run."""
        self.failed += 1 + dependents
        self._end(trial, work)

    def stop(self, trial: Trial, work: WorkCounts) -> None:
        """Record that a trial was interrupted and is left for the next run."""
        self._end(trial, work)

    def restart(self, done: int) -> None:
        """Restart the counts, because trials that were in progress run again.

        Args:
            done: the number of trials that are done.
        """
        self.done, self.failed = done, 0
        for progress in list(self.in_progress.values()):
            self._end(progress.trial, WorkCounts())

    def _end(self, trial: Trial, work: WorkCounts) -> TrialProgress:
        """Remove a trial from those in progress, and add its work and its time to the totals.

        The end of a trial whose worker was lost has no counts of its work, but the trial's events were counted.
        """
        progress = self.in_progress.pop(trial.key, None) or TrialProgress(trial, time.monotonic())
        self._ended_work += progress.work.elementwise_max(work)
        self._used_seconds += self._share_of_trial() * (time.monotonic() - progress.started)
        return progress

    def _share_of_trial(self) -> float:
        """Return how many GPUs one trial takes, or how many cores if it takes no GPU."""
        return self.resources.gpus or float(self.resources.cpu)

    def _seconds_of_ancestors(self, trial: Trial) -> float:
        """Return how long the networks of all ancestors of a trial took in this run, or would take."""
        seconds, ancestor = 0.0, trial.parent
        while ancestor is not None:
            estimated = self.phase_times.estimate(ancestor)
            expected = estimated.before + estimated.training if estimated else 0.0
            seconds += self._network_seconds.get(ancestor.key, expected)
            ancestor = ancestor.parent
        return seconds

    def status(self, refresh_seconds: float = 0.0) -> SweepStatus:
        """Return the status of the run now.

        Args:
            refresh_seconds: how long after now the next status is due.
        """
        in_progress = list(self.in_progress.values())
        clock, now = time.monotonic(), time.time()
        running_seconds = sum(clock - each.started for each in in_progress)
        running = sorted(in_progress, key=lambda each: each.started)
        return {
            "sweep": self.sweep,
            "run": self._run,
            "state": self.state,
            "step": self.step,
            "driver": {"host": platform.node(), "pid": os.getpid(), "created": _process_created()},
            "started_at": self._started_at,
            "updated_at": now,
            "refresh_seconds": refresh_seconds,
            "trials": self.total,
            "stored": self.stored,
            "done": self.done,
            "failed": self.failed,
            "running": len(in_progress),
            "waiting": max(0, self.total - self.ended - len(in_progress)),
            "seconds_left": self.time_left.now(),
            "past_errors": list(self.past_errors) if self.past_errors else None,
            "unit": "GPU" if self.resources.gpus else "core",
            "used_seconds": self._used_seconds + self._share_of_trial() * running_seconds,
            "saved_seconds": self._saved_seconds,
            "epochs": self.work.epochs,
            "in_progress": [_running_trial(each, now - (clock - each.started)) for each in running],
            "blockers": [_blocker(trial, waiting) for trial, waiting in self.blockers],
            "front": self._current_front(),
        }

    def _current_front(self) -> list[FrontNetwork]:
        """Return the front so far; while the run lasts, it is found again only if that takes little of the time."""
        if self.state == RUNNING:
            self._find_front_if_due()
        else:
            self._find_front()
        return self._front

    def _find_front(self) -> None:
        self._front = self.figures.front(list(self.tree) if self.tree is not None else ())


def describe_phase(event: TrialEvent) -> str:
    """Return in words what a trial in progress is doing, given its last event."""
    if isinstance(event, WorkStarted):
        return "started"
    if isinstance(event, EpochTrained):
        return f"epoch {event.epoch}/{event.epochs}, loss {event.loss:.3f}"
    if isinstance(event, EvaluationStarted):
        return f"evaluating: {event.attack}"
    if isinstance(event, EvaluationStored):
        return f"evaluated: {event.attack}"
    if isinstance(event, NetworkStored):
        return "network stored"
    if isinstance(event, PreparationStarted):
        return event.text
    return f"scoring {event.structure}" if isinstance(event, ScoringStarted) else "adjusting"


@cache
def _process_created() -> float:
    """Return when this process was created, in Unix time."""
    import psutil

    return float(psutil.Process().create_time())


def _running_trial(progress: TrialProgress, since: float) -> RunningTrial:
    trial = progress.trial
    return {"key": trial.key, "trial": trial.describe(), "phase": progress.phase, "since": since}


def _blocker(trial: Trial, waiting: int) -> Blocker:
    return {"key": trial.key, "trial": trial.describe(), "waiting": waiting}
