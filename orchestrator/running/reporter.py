"""Tells the user how a sweep goes: a live view on a terminal, plain lines elsewhere."""

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from prunesweep.sweeps.trial import Trial


class Reporter(ABC):
    """Hears what happens to each trial."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.ended = 0
        self.made: Counter[str] = Counter()  # epochs, sets of scores and evaluations so far
        self._since: dict[str, float] = {}

    def started(self, trial: Trial) -> None:
        self._since[trial.key] = time.monotonic()

    @abstractmethod
    def progressed(self, trial: Trial, event: Mapping[str, Any]) -> None:
        """An event of ``prunesweep.workers.run_trial``."""

    def finished(self, trial: Trial, event: Mapping[str, Any]) -> None:
        """``event``: what ``prunesweep.workers.run_trial`` returned."""
        self.ended += 1
        made = {name: int(event[name]) for name in ("epochs", "scores", "evaluations")}
        self.made.update(made)
        self.say(f"[{self.ended}/{self.total}] {trial.label()}: {in_words(made)}, {self._seconds(trial):.1f} s")

    def failed(self, trial: Trial, error: str) -> None:
        self.ended += 1
        self.say(f"[{self.ended}/{self.total}] {trial.label()}: FAILED: {error}")

    @abstractmethod
    def showing(self) -> AbstractContextManager[object]:
        """Within this context the sweep runs."""

    @abstractmethod
    def say(self, line: str) -> None:
        """Prints one line."""

    def _seconds(self, trial: Trial) -> float:
        return time.monotonic() - self._since.pop(trial.key, time.monotonic())


class PlainReporter(Reporter):
    """A line a trial, for logs."""

    def __init__(self, total: int, console: Console) -> None:
        super().__init__(total)
        self._console = console

    def showing(self) -> AbstractContextManager[object]:
        return nullcontext()

    def progressed(self, trial: Trial, event: Mapping[str, Any]) -> None:
        return

    def say(self, line: str) -> None:
        print(line, file=self._console.file, flush=True)


class LiveReporter(Reporter):
    """A progress bar, the trials in progress, and the ended ones scrolling by above."""

    def __init__(self, total: int, console: Console) -> None:
        super().__init__(total)
        self._running: dict[str, str] = {}
        self._bar = Progress(
            TextColumn("trials"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
        )
        self._task = self._bar.add_task("trials", total=total)
        self._live = Live(console=console, get_renderable=self._picture, refresh_per_second=4)

    def showing(self) -> AbstractContextManager[object]:
        return self._live

    def started(self, trial: Trial) -> None:
        super().started(trial)
        self._running[trial.key] = f"{trial.label()}: starting"

    def progressed(self, trial: Trial, event: Mapping[str, Any]) -> None:
        self._running[trial.key] = f"{trial.label()}: {_stage_in_words(event)}"

    def finished(self, trial: Trial, event: Mapping[str, Any]) -> None:
        self._running.pop(trial.key, None)
        super().finished(trial, event)

    def failed(self, trial: Trial, error: str) -> None:
        self._running.pop(trial.key, None)
        super().failed(trial, error)

    def say(self, line: str) -> None:
        self._bar.update(self._task, completed=self.ended)
        self._live.console.print(Text(line))

    def _picture(self) -> Group:
        return Group(*(Text(f"  {line}") for line in list(self._running.values())), self._bar)


def make_reporter(total: int, console: Console) -> Reporter:
    """A live view where ``console`` is a terminal, plain lines elsewhere."""
    return LiveReporter(total, console) if console.is_terminal else PlainReporter(total, console)


def in_words(made: Mapping[str, int]) -> str:
    """What was made, on one line."""
    return f"{made['epochs']} epochs trained, {made['scores']} sets of scores, {made['evaluations']} evaluations"


def _stage_in_words(event: Mapping[str, Any]) -> str:
    stage = event.get("stage")
    if stage == "epoch":
        return f"epoch {event['epoch']}/{event['epochs']}, loss {event['loss']:.3f}"
    if stage == "attacked":
        return f"evaluated under {event['attack']}"
    return {"scoring": "scoring", "shared": "adjusting", "stored": "evaluating"}.get(str(stage), str(stage))
