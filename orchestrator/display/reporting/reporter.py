"""The reporter: is notified of everything that happens in a run, counts it, and displays it."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from prunesweep.orchestrator.progress.sweep_progress import SweepProgress
from prunesweep.sweeps.events import NetworkStored, PreparationStarted, TrialEvent, WorkCounts
from prunesweep.sweeps.trial import Trial
from prunesweep.sweeps.words import counted


class Reporter:
    """Counts what happens to each trial, and displays nothing; the other reporters add a display.

    An error in displaying does not end the sweep: it is kept as ``fault``, and nothing more is displayed.

    Attributes:
        progress: the counts, and what the trials are doing.
        fault: the first error in displaying; None if there was none.
    """

    def __init__(self, progress: SweepProgress | None = None) -> None:
        """Start counting.

        Args:
            progress: where the counts are kept; None for new ones, such as before the plan is known.
        """
        self.progress = progress or SweepProgress()
        self.fault: Exception | None = None
        self._lock = threading.RLock()  # lines also come from the thread that shows signs of life

    @property
    def is_verbose(self) -> bool:
        """Return whether every event is to be seen, and what Ray prints."""
        return False

    @property
    def ended(self) -> int:
        """Return the number of trials that have ended, including those that were stored before the run."""
        return self.progress.ended

    @property
    def work(self) -> WorkCounts:
        """Return the work of this run so far."""
        return self.progress.work

    def follow(self, progress: SweepProgress) -> None:
        """Count in ``progress`` from now on, because the plan is known."""
        progress.step = self.progress.step
        self.progress = progress
        self._display(self._show_plan)

    def step(self, text: str) -> None:
        """Record what the run does before its trials start, such as "starting Ray"."""
        self.progress.step = text
        self._display(self._show_step, text)

    def started(self, trial: Trial) -> None:
        """Record that a trial starts."""
        self.progress.step = ""
        self.progress.start(trial)
        self._display(self._show_start, trial)

    def progressed(self, trial: Trial, event: TrialEvent) -> None:
        """Record an event of a trial in progress."""
        self.progress.update(trial, event)
        self._display(self._show_event, trial, event)
        if isinstance(event, PreparationStarted):
            self.say(event.text)
        for note in event.notes if isinstance(event, NetworkStored) else ():
            self.say(f"{trial.describe()}: {note}")

    def finished(self, trial: Trial, work: WorkCounts) -> None:
        """Report a trial that is done.

        Args:
            trial: the trial.
            work: what was done for it in this run.
        """
        seconds = self.progress.finish(trial, work)
        self._display(self._show_done, trial, work, seconds)

    def failed(self, trial: Trial, error: str, work: WorkCounts, dependents: int) -> None:
        """Report a trial that failed or was lost.

        Args:
            trial: the trial.
            error: the reason, one line.
            work: what was done for it in this run.
            dependents: how many trials cannot run without its network.
        """
        self.progress.fail(trial, work, dependents)
        self._display(self._show_failure, trial, error, dependents)

    def stopped(self, trial: Trial, work: WorkCounts) -> None:
        """Record a trial that was interrupted and is left for the next run.

        Args:
            trial: the trial.
            work: what was done for it in this run.
        """
        self.progress.stop(trial, work)

    def restart_count(self, stored: int) -> None:
        """Restart the count of ended trials, because some of them run again.

        Args:
            stored: the number of trials that are stored.
        """
        self.progress.restart(stored)

    def say(self, text: str) -> None:
        """Display a remark."""
        self._display(self._show_note, text)

    def end_sweep(self, summary: Mapping[str, object]) -> None:
        """Display how the run ended, if the display is for machines; commands print it for people.

        Args:
            summary: the outcome as JSON values.
        """
        self._display(self._show_end, summary)

    def show_sign_of_life(self) -> None:
        """Display that the run goes on, if nothing else was displayed for long; called again and again."""
        self._display(self._show_sign_of_life)

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Display progress within the context, in which the sweep is prepared and run."""
        self._display(self._begin)
        try:
            yield
        finally:
            self._display(self._end)

    def _display(self, show: Callable[..., object], *arguments: object) -> None:
        """Call a method that displays something, unless an earlier call has failed; keep its exception as ``fault``."""
        with self._lock:
            if self.fault is not None:
                return
            try:
                show(*arguments)
            except Exception as error:  # any: a closed reader, a full disk, the console of a notebook
                self.fault = error

    # What a display overrides; each of these may raise.

    def _begin(self) -> None:
        """Start displaying."""

    def _end(self) -> None:
        """Stop displaying."""

    def _show_plan(self) -> None:
        """Display what will run."""

    def _show_step(self, text: str) -> None:
        """Display what the run does before its trials start."""

    def _show_start(self, trial: Trial) -> None:
        """Display that a trial starts."""

    def _show_event(self, trial: Trial, event: TrialEvent) -> None:
        """Display an event of a trial in progress."""

    def _show_done(self, trial: Trial, work: WorkCounts, seconds: float) -> None:
        """Display a trial that is done."""

    def _show_failure(self, trial: Trial, error: str, dependents: int) -> None:
        """Display a trial that failed or was lost."""

    def _show_note(self, text: str) -> None:
        """Display a remark."""

    def _show_sign_of_life(self) -> None:
        """Display that the run goes on, if nothing else was displayed for long."""

    def _show_end(self, summary: Mapping[str, object]) -> None:
        """Display how the run ended."""


def describe_work(work: WorkCounts) -> str:
    """Return on one line how many epochs were trained, sets of scores computed and evaluations made."""
    epochs, evaluations = counted(work.epochs, "epoch"), counted(work.evaluations, "evaluation")
    return f"{epochs} trained, {counted(work.scores, 'set of scores', 'sets of scores')}, {evaluations}"
