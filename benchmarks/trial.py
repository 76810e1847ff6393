"""A profile of real trials: the trials of a sweep run one after another, and their time is split by phase.

``python -m benchmarks.trial SWEEP [key=value …]``, with overrides as for ``--set``; the default sweep is the
quickstart. It gives no ratio and so is not part of ``make bench``.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Sequence

from rich.console import Console

from prunesweep.orchestrator.display.reporting.plain import PlainReporter
from prunesweep.orchestrator.planning.cost import epoch_cost
from prunesweep.orchestrator.planning.plan import make_plan
from prunesweep.orchestrator.running.in_process import InProcessExecutor
from prunesweep.results_store import Store
from prunesweep.sweeps.events import (
    EpochTrained,
    EvaluationStored,
    NetworkStored,
    ScoringStarted,
    SharedInputsStored,
    TrialEvent,
    WorkCounts,
)
from prunesweep.sweeps.reader import read_sweep
from prunesweep.sweeps.trial import Trial
from prunesweep.workers import load_dataset

# The phase that ends with an event; the time since the previous event belongs to it.
PHASES: dict[type[TrialEvent], str] = {
    ScoringStarted: "reading the parent",
    SharedInputsStored: "scoring and removing",
    EpochTrained: "training",
    NetworkStored: "storing the network",
}


class Profiler(PlainReporter):
    """A reporter that splits the seconds of each trial by phase, with one phase per attack, and prints them."""

    def started(self, trial: Trial) -> None:
        """Start the clock of a trial."""
        super().started(trial)
        self._spent: defaultdict[str, float] = defaultdict(float)
        self._last = time.perf_counter()

    def progressed(self, trial: Trial, event: TrialEvent) -> None:
        """Add the time since the previous event to the phase that this event ends."""
        phase = event.attack if isinstance(event, EvaluationStored) else PHASES.get(type(event))
        if phase is not None:
            self._spend(phase)

    def finished(self, trial: Trial, work: WorkCounts) -> None:
        """Print the seconds of a finished trial by phase."""
        self._spend("tidying up")
        super().finished(trial, work)
        total = sum(self._spent.values())
        for phase, spent in self._spent.items():
            self.say(f"    {phase:<22} {spent:8.2f} s {spent / total:6.1%}")

    def _spend(self, phase: str) -> None:
        now = time.perf_counter()
        self._spent[phase] += now - self._last
        self._last = now


def print_profiles(arguments: Sequence[str]) -> None:
    """Print the profile of each trial of a sweep.

    Args:
        arguments: the sweep and its overrides.
    """
    sweep = read_sweep(arguments[0] if arguments else "quickstart", arguments[1:])
    store = Store("memory://profile")
    plan = make_plan(sweep, store)
    profiler = Profiler(Console(), timed=False)
    InProcessExecutor().run(plan, store, load_dataset(sweep.dataset), profiler, cost=epoch_cost)


if __name__ == "__main__":
    print_profiles(sys.argv[1:])
