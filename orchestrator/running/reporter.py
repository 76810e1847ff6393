"""Tells the user how a sweep goes: a live view on a terminal, plain lines elsewhere."""

import time
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from prunesweep.sweeps.events import (
    EpochTrained,
    EvaluationStored,
    NetworkStored,
    ScoringStarted,
    TrialEvent,
    WorkCounts,
)
from prunesweep.sweeps.trial import Trial


class Reporter(ABC):
    """Hears what happens to each trial.

    Attributes:
        total: how many trials there are to run.
        ended: how many of them have ended.
        made: what was made so far.
    """

    def __init__(self, total: int) -> None:
        """Begin with nothing ended."""
        self.total = total
        self.ended = 0
        self.made = WorkCounts()
        self._since: dict[str, float] = {}

    def started(self, trial: Trial) -> None:
        """Take note that a trial starts."""
        self._since[trial.key] = time.monotonic()

    @abstractmethod
    def progressed(self, trial: Trial, event: TrialEvent) -> None:
        """Take note of an event of a trial in progress."""

    def finished(self, trial: Trial, made: WorkCounts) -> None:
        """Report a trial that is done, with what this run of it made."""
        self.ended += 1
        self.made += made
        self.say(f"[{self.ended}/{self.total}] {trial.label()}: {in_words(made)}, {self._seconds(trial):.1f} s")

    def failed(self, trial: Trial, error: str) -> None:
        """Report a trial that failed or was lost."""
        self.ended += 1
        self.say(f"[{self.ended}/{self.total}] {trial.label()}: FAILED: {error}")

    @abstractmethod
    def showing(self) -> AbstractContextManager[object]:
        """Return the context within which the sweep runs."""

    @abstractmethod
    def say(self, line: str) -> None:
        """Print one line."""

    def _seconds(self, trial: Trial) -> float:
        return time.monotonic() - self._since.pop(trial.key, time.monotonic())


class PlainReporter(Reporter):
    """Prints one line per trial, for logs."""

    def __init__(self, total: int, console: Console) -> None:
        """Print to a console's file."""
        super().__init__(total)
        self._console = console

    def showing(self) -> AbstractContextManager[object]:
        """Return a context that does nothing."""
        return nullcontext()

    def progressed(self, trial: Trial, event: TrialEvent) -> None:
        """Print nothing: a trial has its line when it ends."""

    def say(self, line: str) -> None:
        """Print one line at once, unwrapped."""
        print(line, file=self._console.file, flush=True)


class LiveReporter(Reporter):
    """Shows a progress bar and the trials in progress, while those that ended scroll by above."""

    def __init__(self, total: int, console: Console) -> None:
        """Draw on a terminal."""
        super().__init__(total)
        self._running: dict[str, str] = {}
        self._bar = Progress(
            TextColumn("trials"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        )
        self._task = self._bar.add_task("trials", total=total)
        self._live = Live(console=console, get_renderable=self._picture, refresh_per_second=4)

    def showing(self) -> AbstractContextManager[object]:
        """Return the context in which the view is drawn."""
        return self._live

    def started(self, trial: Trial) -> None:
        """Show a trial that starts."""
        super().started(trial)
        self._running[trial.key] = f"{trial.label()}: starting"

    def progressed(self, trial: Trial, event: TrialEvent) -> None:
        """Show what a trial is at."""
        self._running[trial.key] = f"{trial.label()}: {_stage_in_words(event)}"

    def finished(self, trial: Trial, made: WorkCounts) -> None:
        """Move a trial that is done to the lines above."""
        self._running.pop(trial.key, None)
        super().finished(trial, made)

    def failed(self, trial: Trial, error: str) -> None:
        """Move a trial that failed to the lines above."""
        self._running.pop(trial.key, None)
        super().failed(trial, error)

    def say(self, line: str) -> None:
        """Print one line above the view."""
        self._bar.update(self._task, completed=self.ended)
        self._live.console.print(Text(line))

    def _picture(self) -> Group:
        return Group(*(Text(f"  {line}") for line in list(self._running.values())), self._bar)


def make_reporter(total: int, console: Console) -> Reporter:
    """Return a live view where ``console`` is a terminal, and plain lines elsewhere."""
    return LiveReporter(total, console) if console.is_terminal else PlainReporter(total, console)


def in_words(made: WorkCounts) -> str:
    """Return what was made, on one line."""
    return f"{made.epochs} epochs trained, {made.scores} sets of scores, {made.evaluations} evaluations"


def _stage_in_words(event: TrialEvent) -> str:
    if isinstance(event, EpochTrained):
        return f"epoch {event.epoch}/{event.epochs}, loss {event.loss:.3f}"
    if isinstance(event, EvaluationStored):
        return f"evaluated under {event.attack}"
    if isinstance(event, NetworkStored):
        return "evaluating"
    return "scoring" if isinstance(event, ScoringStarted) else "adjusting"
