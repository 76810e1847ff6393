"""Reporting a run as plain lines, one per event, for logs and pipes."""

import time
from datetime import datetime

from rich.console import Console

from prunesweep.orchestrator.display.reporting.reporter import Reporter
from prunesweep.orchestrator.progress.sweep_progress import SweepProgress, describe_phase
from prunesweep.orchestrator.query.descriptions import dependents_note
from prunesweep.orchestrator.query.durations import format_duration, format_time_left
from prunesweep.sweeps.events import TrialEvent, WorkCounts
from prunesweep.sweeps.trial import Trial
from prunesweep.sweeps.words import counted

QUIET, NORMAL, VERBOSE = -1, 0, 1
SILENT_SECONDS = 600.0  # after which a line says that the run goes on


class PlainReporter(Reporter):
    """Prints one line per event, each with its time."""

    def __init__(
        self, console: Console, verbosity: int = NORMAL, progress: SweepProgress | None = None, *, timed: bool = True
    ) -> None:
        """Start counting.

        Args:
            console: the console to whose file lines are printed.
            verbosity: ``QUIET`` for failures alone, ``NORMAL`` for steps and the ends of trials too, ``VERBOSE`` for
                every event.
            progress: as for ``Reporter``.
            timed: whether lines begin with the time.
        """
        super().__init__(progress)
        self._console = console
        self._verbosity = verbosity
        self._timed = timed
        self._last_line = time.monotonic()

    @property
    def is_verbose(self) -> bool:
        """Return whether every event is to be seen, and what Ray prints."""
        return self._verbosity >= VERBOSE

    def _print(self, text: str, *, least_verbosity: int = NORMAL) -> None:
        """Print a line unless the reporter is less verbose."""
        if self._verbosity < least_verbosity:
            return
        self._last_line = time.monotonic()
        stamp = f"{datetime.now():%Y-%m-%d %H:%M:%S}  " if self._timed else ""
        self._write(f"{stamp}{text}")

    def _write(self, line: str) -> None:
        print(line, file=self._console.file, flush=True)  # not by the console, which would wrap the line

    def _show_step(self, text: str) -> None:
        self._print(text)

    def _show_start(self, trial: Trial) -> None:
        self._print(f"started: {trial.describe()}", least_verbosity=VERBOSE)

    def _show_event(self, trial: Trial, event: TrialEvent) -> None:
        self._print(f"{trial.describe()}: {describe_phase(event)}", least_verbosity=VERBOSE)

    def _show_done(self, trial: Trial, work: WorkCounts, seconds: float) -> None:
        self._print(f"{self._count()} {describe_done(trial, work, seconds, self.progress)}{self._time_left()}")

    def _show_failure(self, trial: Trial, error: str, dependents: int) -> None:
        self._print(
            f"{self._count()} {trial.describe()}{dependents_note(dependents)}: FAILED: {error}", least_verbosity=QUIET
        )

    def _show_note(self, text: str) -> None:
        self._print(text)

    def _show_sign_of_life(self) -> None:
        if time.monotonic() - self._last_line < SILENT_SECONDS or self.progress.step:
            return
        running = "; ".join(f"{each.trial.describe()}: {each.phase}" for each in [*self.progress.in_progress.values()])
        self._print(f"{self._count()} still running: {running}{self._time_left()}")

    def _count(self) -> str:
        return f"[{self.progress.ended}/{self.progress.total}]"

    def _time_left(self) -> str:
        """Return the end of a line: the time that is left, unless it is not known or the sweep is over."""
        seconds = self.progress.time_left.now()
        if seconds is None or self.progress.ended >= self.progress.total:
            return ""
        return f"; {format_time_left(seconds)}"


def describe_done(trial: Trial, work: WorkCounts, seconds: float, progress: SweepProgress) -> str:
    """Return what came out of a trial and how long it took, in words on one line.

    Args:
        trial: the trial.
        work: what was done for it in this run.
        seconds: how long it took.
        progress: the progress of its run, with the figures of its network.
    """
    result = progress.figures.describe_result(trial)
    effort = f"{counted(work.epochs, 'epoch')}, {format_duration(seconds)}"
    return f"{trial.describe()}: {result}; {effort}" if result else f"{trial.describe()}: {effort}"
