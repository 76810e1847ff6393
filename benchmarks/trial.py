"""Where the seconds of real trials go: runs a sweep's trials one after another and sorts their time by stage.

``python -m benchmarks.trial SWEEP [key=value …]``, with the keys of ``--set``; left out, the quickstart. It has no
ratio and so is no part of ``make bench``.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Sequence

from rich.console import Console

from prunesweep.orchestrator.display.reporter import Reporter
from prunesweep.orchestrator.planning.cost import epochs_of
from prunesweep.orchestrator.planning.plan import make_plan
from prunesweep.orchestrator.running.in_process import InProcessExecutor
from prunesweep.results_store import Store
from prunesweep.sweeps.events import (
    EpochTrained,
    EvaluationStored,
    NetworkStored,
    ScoringStarted,
    SharedStored,
    TrialEvent,
    WorkCounts,
)
from prunesweep.sweeps.reader import read_sweep
from prunesweep.sweeps.trial import Trial
from prunesweep.workers import load_dataset

# What a worker was doing when it reports an event; the time since the event before is that stage's.
STAGES: dict[type[TrialEvent], str] = {
    ScoringStarted: "reading the parent",
    SharedStored: "scoring and removing",
    EpochTrained: "training",
    NetworkStored: "storing the network",
}


class Profiler(Reporter):
    """Sorts the seconds of each trial by stage, an attack being one of its own, and prints them at its end."""

    def started(self, trial: Trial) -> None:
        """Start the clock."""
        super().started(trial)
        self._spent: defaultdict[str, float] = defaultdict(float)
        self._last = time.perf_counter()

    def progressed(self, trial: Trial, event: TrialEvent) -> None:
        """Add the time since the event before to a stage."""
        self._spend(event.attack if isinstance(event, EvaluationStored) else STAGES[type(event)])

    def finished(self, trial: Trial, made: WorkCounts) -> None:
        """Print the seconds of a trial."""
        self._spend("tidying up")
        super().finished(trial, made)
        total = sum(self._spent.values())
        for stage, spent in self._spent.items():
            self.say(f"    {stage:<22} {spent:8.2f} s {spent / total:6.1%}")

    def _spend(self, stage: str) -> None:
        now = time.perf_counter()
        self._spent[stage] += now - self._last
        self._last = now


def show(arguments: Sequence[str]) -> None:
    """Print the profile of each trial of a sweep."""
    sweep = read_sweep(arguments[0] if arguments else "quickstart", arguments[1:])
    store = Store("memory://profile")
    plan = make_plan(sweep, store)
    profiler = Profiler(len(plan.to_run), Console())
    InProcessExecutor().run(plan, store, load_dataset(sweep.dataset), profiler, cost=epochs_of)


if __name__ == "__main__":
    show(sys.argv[1:])
