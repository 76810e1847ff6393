"""Reporting the progress of a sweep: a live view on a terminal, one line per trial elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from prunesweep.orchestrator.query.descriptions import dependents_note
from prunesweep.sweeps.events import (
    EpochTrained,
    EvaluationStored,
    NetworkStored,
    ScoringStarted,
    TrialEvent,
    WorkCounts,
)
from prunesweep.sweeps.trial import Trial
from prunesweep.sweeps.words import counted


class Reporter:
    """Receives what happens to each trial, counts the work, and prints one line per ended trial, as for a log.

    An error in displaying does not end the sweep: it is kept as ``fault``, and nothing more is displayed.

    Attributes:
        total: the number of trials of the sweep.
        ended: the number of trials that have ended, including those that were stored before the run.
        fault: the first error in displaying; None if there was none.
    """

    def __init__(self, total: int, console: Console, stored: int = 0) -> None:
        """Start counting.

        Args:
            total: the number of trials of the sweep.
            console: the console to whose file lines are printed.
            stored: the number of trials that are stored already.
        """
        self.total = total
        self.ended = stored
        self._ended_work = WorkCounts()
        self._work_in_progress: dict[str, WorkCounts] = {}  # by the key of the trial, counted from its events
        self.fault: Exception | None = None
        self._console = console
        self._start_times: dict[str, float] = {}

    @property
    def work(self) -> WorkCounts:
        """Return the work of this run so far."""
        return sum(self._work_in_progress.values(), self._ended_work)

    def restart_count(self, stored: int) -> None:
        """Restart the count of ended trials, because some of them run again.

        Args:
            stored: the number of trials that are stored.
        """
        self.ended = stored

    def started(self, trial: Trial) -> None:
        """Record that a trial starts."""
        self._start_times[trial.key] = time.monotonic()
        self._display(self._show_progress, trial, "starting")

    def progressed(self, trial: Trial, event: TrialEvent) -> None:
        """Record an event of a trial in progress."""
        work = self._work_in_progress.get(trial.key, WorkCounts())
        self._work_in_progress[trial.key] = work + WorkCounts.from_event(event)
        self._display(self._show_progress, trial, _describe_phase(event))
        for note in event.notes if isinstance(event, NetworkStored) else ():
            self.say(f"{trial.describe()}: {note}")

    def finished(self, trial: Trial, work: WorkCounts) -> None:
        """Report a trial that is done.

        Args:
            trial: the trial.
            work: what was done for it in this run.
        """
        self.ended += 1
        self._record_end(trial, work)
        self.say(f"[{self.ended}/{self.total}] {trial.describe()}: {describe_work(work)}, {self._seconds(trial):.1f} s")

    def failed(self, trial: Trial, error: str, work: WorkCounts, dependents: int) -> None:
        """Report a trial that failed or was lost.

        Args:
            trial: the trial.
            error: the reason, one line.
            work: what was done for it in this run.
            dependents: how many trials cannot run without its network.
        """
        self.ended += 1 + dependents
        self._record_end(trial, work)
        self.say(f"[{self.ended}/{self.total}] {trial.describe()}{dependents_note(dependents)}: FAILED: {error}")

    def stopped(self, trial: Trial, work: WorkCounts) -> None:
        """Record a trial that was interrupted and is left for the next run.

        Args:
            trial: the trial.
            work: what was done for it in this run.
        """
        self._record_end(trial, work)

    def say(self, line: str) -> None:
        """Display one line."""
        self._display(self._print, line)

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Display progress within the context, in which the sweep runs."""
        self._display(self._begin)
        try:
            yield
        finally:
            self._display(self._end)

    def _record_end(self, trial: Trial, work: WorkCounts) -> None:
        """Add a trial's work to the total, and remove the trial from the display."""
        # The end of a trial whose worker was lost has no counts of its work, but the trial's events were counted.
        self._ended_work += self._work_in_progress.pop(trial.key, WorkCounts()).elementwise_max(work)
        self._display(self._show_end, trial)

    def _begin(self) -> None:
        """Start displaying; may raise."""

    def _end(self) -> None:
        """Stop displaying; may raise."""

    def _show_progress(self, trial: Trial, phase: str) -> None:
        """Display the phase of a trial; may raise."""

    def _show_end(self, trial: Trial) -> None:
        """Remove a trial from those in progress; may raise."""

    def _print(self, line: str) -> None:
        """Print one line; may raise."""
        print(line, file=self._console.file, flush=True)  # not by the console, which would wrap the line

    def _display(self, show: Callable[..., object], *arguments: object) -> None:
        """Call a method that displays something, unless an earlier call has failed; keep its exception as ``fault``."""
        if self.fault is not None:
            return
        try:
            show(*arguments)
        except Exception as error:  # any: a closed reader, a full disk, the console of a notebook
            self.fault = error

    def _seconds(self, trial: Trial) -> float:
        """Return the seconds since a trial started."""
        return time.monotonic() - self._start_times.pop(trial.key, time.monotonic())


class LiveReporter(Reporter):
    """Draws a progress bar and the trials in progress, below the lines of the trials that have ended."""

    def __init__(self, total: int, console: Console, stored: int = 0) -> None:
        """Start counting.

        Args:
            total: the number of trials of the sweep.
            console: the terminal to draw on.
            stored: the number of trials that are stored already.
        """
        super().__init__(total, console, stored)
        self._lines: dict[str, str] = {}
        self._bar = Progress(
            TextColumn("trials"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        )
        self._task = self._bar.add_task("trials", total=total, completed=stored)
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=4)

    def _begin(self) -> None:
        self._live.start(refresh=True)

    def _end(self) -> None:
        self._live.stop()

    def _show_progress(self, trial: Trial, phase: str) -> None:
        self._lines[trial.key] = f"{trial.describe()}: {phase}"

    def _show_end(self, trial: Trial) -> None:
        self._lines.pop(trial.key, None)

    def _print(self, line: str) -> None:
        self._bar.update(self._task, completed=self.ended)
        self._live.console.print(Text(line))  # above the live view

    def _render(self) -> Group:
        """Return the trials in progress and the progress bar."""
        return Group(*(Text(f"  {line}") for line in list(self._lines.values())), self._bar)


def make_reporter(total: int, console: Console, stored: int = 0) -> Reporter:
    """Return a reporter that draws a live view if the console is a terminal, and else prints lines.

    Args:
        total: the number of trials of the sweep.
        console: the console on which to report.
        stored: the number of trials that are stored already.
    """
    return (LiveReporter if console.is_terminal else Reporter)(total, console, stored)


def describe_work(work: WorkCounts) -> str:
    """Return on one line how many epochs were trained, sets of scores computed and evaluations made."""
    epochs, evaluations = counted(work.epochs, "epoch"), counted(work.evaluations, "evaluation")
    return f"{epochs} trained, {counted(work.scores, 'set of scores', 'sets of scores')}, {evaluations}"


def _describe_phase(event: TrialEvent) -> str:
    """Return in words what a trial in progress is doing, given its last event."""
    if isinstance(event, EpochTrained):
        return f"epoch {event.epoch}/{event.epochs}, loss {event.loss:.3f}"
    if isinstance(event, EvaluationStored):
        return f"evaluated under {event.attack}"
    if isinstance(event, NetworkStored):
        return "evaluating"
    return "scoring" if isinstance(event, ScoringStarted) else "adjusting"
