"""Tells the user how a sweep goes: a live view on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from prunesweep.orchestrator.query.descriptions import fell_with_it
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
    """Hears what happens to each trial, and prints a line per trial, for logs.

    Nothing that it does ends a sweep: after the first error in showing it shows nothing more, and ``fault`` tells it.

    Attributes:
        total: how many trials the sweep has.
        ended: how many of them have ended, those included that were stored before.
        fault: the first error in showing; None where there was none.
    """

    def __init__(self, total: int, console: Console, stored: int = 0) -> None:
        """Begin with what is stored already, and print to a console's file."""
        self.total = total
        self.ended = stored
        self._made = WorkCounts()  # by trials that ended
        self._noted: dict[str, WorkCounts] = {}  # by those in progress, as far as they tell
        self.fault: Exception | None = None
        self._console = console
        self._since: dict[str, float] = {}

    @property
    def made(self) -> WorkCounts:
        """What was made so far."""
        return sum(self._noted.values(), self._made)

    def begin_again(self, stored: int) -> None:
        """Count from what is stored, where trials that had ended are run again."""
        self.ended = stored

    def started(self, trial: Trial) -> None:
        """Take note that a trial starts."""
        self._since[trial.key] = time.monotonic()
        self._safely(self._show_progress, trial, "starting")

    def progressed(self, trial: Trial, event: TrialEvent) -> None:
        """Take note of an event of a trial in progress."""
        self._noted[trial.key] = self._noted.get(trial.key, WorkCounts()) + WorkCounts.of(event)
        self._safely(self._show_progress, trial, _stage_in_words(event))
        for note in event.notes if isinstance(event, NetworkStored) else ():
            self.say(f"{trial.describe()}: {note}")

    def finished(self, trial: Trial, made: WorkCounts) -> None:
        """Report a trial that is done, with what this run of it made."""
        self.ended += 1
        self._end_of(trial, made)
        self.say(f"[{self.ended}/{self.total}] {trial.describe()}: {in_words(made)}, {self._seconds(trial):.1f} s")

    def failed(self, trial: Trial, error: str, made: WorkCounts, fallen: int) -> None:
        """Report a trial that failed or was lost.

        Args:
            trial: the one.
            error: why, on one line.
            made: what this run of it made.
            fallen: how many trials cannot be done for want of its network.
        """
        self.ended += 1 + fallen
        self._end_of(trial, made)
        self.say(f"[{self.ended}/{self.total}] {trial.describe()}{fell_with_it(fallen)}: FAILED: {error}")

    def stopped(self, trial: Trial, made: WorkCounts) -> None:
        """Take note of a trial that is left for the next run."""
        self._end_of(trial, made)

    def say(self, line: str) -> None:
        """Show one line."""
        self._safely(self._print, line)

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Show what goes on, within the context in which the sweep runs."""
        self._safely(self._begin)
        try:
            yield
        finally:
            self._safely(self._end)

    def _end_of(self, trial: Trial, made: WorkCounts) -> None:
        # An attempt whose worker was lost has no count of its own, and is counted by what it told.
        self._made += self._noted.pop(trial.key, WorkCounts()).at_least(made)
        self._safely(self._show_end, trial)

    def _begin(self) -> None:
        """Begin to show."""

    def _end(self) -> None:
        """Show no more."""

    def _show_progress(self, trial: Trial, stage: str) -> None:
        """Show what a trial is at."""

    def _show_end(self, trial: Trial) -> None:
        """Show a trial no longer among those in progress."""

    def _print(self, line: str) -> None:
        """Show one line; may raise."""
        print(line, file=self._console.file, flush=True)  # at once, and unwrapped

    def _safely(self, show: Callable[..., object], *arguments: object) -> None:
        if self.fault is not None:
            return
        try:
            show(*arguments)
        except Exception as error:  # a reader that is gone, a full disk, a notebook's console: whatever it is
            self.fault = error

    def _seconds(self, trial: Trial) -> float:
        return time.monotonic() - self._since.pop(trial.key, time.monotonic())


class LiveReporter(Reporter):
    """Shows a progress bar and the trials in progress, while those that ended scroll by above."""

    def __init__(self, total: int, console: Console, stored: int = 0) -> None:
        """Draw on a terminal."""
        super().__init__(total, console, stored)
        self._running: dict[str, str] = {}
        self._bar = Progress(
            TextColumn("trials"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        )
        self._task = self._bar.add_task("trials", total=total, completed=stored)
        self._live = Live(console=console, get_renderable=self._picture, refresh_per_second=4)

    def _begin(self) -> None:
        self._live.start(refresh=True)

    def _end(self) -> None:
        self._live.stop()

    def _show_progress(self, trial: Trial, stage: str) -> None:
        self._running[trial.key] = f"{trial.describe()}: {stage}"

    def _show_end(self, trial: Trial) -> None:
        self._running.pop(trial.key, None)

    def _print(self, line: str) -> None:
        self._bar.update(self._task, completed=self.ended)
        self._live.console.print(Text(line))  # above the view

    def _picture(self) -> Group:
        return Group(*(Text(f"  {line}") for line in list(self._running.values())), self._bar)


def make_reporter(total: int, console: Console, stored: int = 0) -> Reporter:
    """Return a live view where ``console`` is a terminal, and plain lines elsewhere."""
    return (LiveReporter if console.is_terminal else Reporter)(total, console, stored)


def in_words(made: WorkCounts) -> str:
    """Return what was made, on one line."""
    epochs, evaluations = counted(made.epochs, "epoch"), counted(made.evaluations, "evaluation")
    return f"{epochs} trained, {counted(made.scores, 'set of scores', 'sets of scores')}, {evaluations}"


def _stage_in_words(event: TrialEvent) -> str:
    if isinstance(event, EpochTrained):
        return f"epoch {event.epoch}/{event.epochs}, loss {event.loss:.3f}"
    if isinstance(event, EvaluationStored):
        return f"evaluated under {event.attack}"
    if isinstance(event, NetworkStored):
        return "evaluating"
    return "scoring" if isinstance(event, ScoringStarted) else "adjusting"
