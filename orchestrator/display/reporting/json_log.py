"""Reporting a run as JSON lines, one object per event, for machines; docs/running.md lists the fields."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime

from rich.console import Console

from prunesweep.orchestrator.display.reporting.reporter import Reporter
from prunesweep.sweeps.events import EpochTrained, TrialEvent, WorkCounts
from prunesweep.sweeps.trial import Trial


class JsonReporter(Reporter):
    """Prints one JSON object per line, each with ``time`` (ISO 8601, UTC) and ``event``."""

    def __init__(self, console: Console) -> None:
        """Start counting.

        Args:
            console: the console to whose file lines are printed.
        """
        super().__init__()
        self._console = console

    def _write(self, event: str, **fields: object) -> None:
        record = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **fields}
        print(json.dumps(record), file=self._console.file, flush=True)

    def _show_plan(self) -> None:
        progress = self.progress
        self._write("plan", sweep=progress.sweep, trials=progress.total, stored=progress.stored)

    def _show_step(self, text: str) -> None:
        self._write("step", text=text)

    def _show_start(self, trial: Trial) -> None:
        self._write("trial_started", **_names(trial), settings=trial.settings)

    def _show_event(self, trial: Trial, event: TrialEvent) -> None:
        if isinstance(event, EpochTrained):
            self._write("epoch_trained", **_names(trial), **asdict(event))

    def _show_done(self, trial: Trial, work: WorkCounts, seconds: float) -> None:
        figures, attacks = self.progress.figures[trial.key], trial.context.attacks
        self._write(
            "trial_done",
            **_names(trial),
            generalization=figures.generalization(),
            robustness=figures.robustness(attacks),
            flops=figures.flops or None,
            gains=self.progress.figures.gains(trial),
            work=asdict(work),
            seconds=seconds,
            **self._counts(),
        )

    def _show_failure(self, trial: Trial, error: str, dependents: int) -> None:
        self._write("trial_failed", **_names(trial), error=error, dependents=dependents, **self._counts())

    def _show_note(self, text: str) -> None:
        self._write("note", text=text)

    def _show_end(self, summary: Mapping[str, object]) -> None:
        self._write("sweep_ended", **summary)

    def _counts(self) -> dict[str, object]:
        progress = self.progress
        return {
            "done": progress.done,
            "failed": progress.failed,
            "trials": progress.total,
            "seconds_left": progress.time_left.now(),
        }


def _names(trial: Trial) -> dict[str, object]:
    return {"trial": trial.key, "description": trial.describe()}
