"""A simulated cluster of GPUs on which the trials of a sweep take given durations, driven as by Ray Tune."""

import heapq
from collections.abc import Mapping
from itertools import count

from benchmarks.simulation.trees import TrialDurations
from prunesweep.orchestrator.display.reporting.reporter import Reporter
from prunesweep.orchestrator.progress.sweep_progress import SweepProgress
from prunesweep.orchestrator.running.cluster.searcher import TreeSearcher
from prunesweep.orchestrator.running.dispatcher import Dispatcher
from prunesweep.orchestrator.running.schedule import Schedule
from prunesweep.sweeps.events import NetworkStored, SharedInputsStored, TrialDone, TrialEnd, TrialEvent, WorkCounts

DONE = TrialDone(WorkCounts())


def new_searcher(schedule: Schedule, gpus: int) -> TreeSearcher:
    """Return a searcher for trials that take one GPU each; its reporter shows nothing."""
    reporter = Reporter(SweepProgress(total=len(schedule)))
    dispatcher = Dispatcher(schedule, reporter, store_dependent_failure=lambda *_: None, after_trial=lambda: None)
    return TreeSearcher(dispatcher, capacity=lambda: gpus, reason_of_loss=lambda name: "")


def makespan(schedule: Schedule, gpus: int, durations: Mapping[str, TrialDurations]) -> float:
    """Return the time at which the last trial ends, in the unit of ``durations``.

    Siblings wait while one of them computes their common scores, and children wait for the network of their parent.

    Args:
        schedule: the trials in their order.
        gpus: the number of GPUs; each runs one trial at a time.
        durations: the durations of the trials by key.
    """
    searcher = new_searcher(schedule, gpus)
    numbers = count()
    # The time of the event, a number that breaks ties, Tune's name, the trial's key, and the event.
    upcoming: list[tuple[float, int, str, str, TrialEvent | TrialEnd]] = []
    stored_scores: set[str] = set()
    now = 0.0
    while True:
        while isinstance(config := searcher.suggest(name := f"trial_{next(numbers)}"), dict):
            key = config["key"]
            for time, event in _timed_events(now, durations[key], stored_scores):
                heapq.heappush(upcoming, (time, next(numbers), name, key, event))
        if not upcoming:
            assert not len(schedule), "nothing runs and nothing is ready"
            return now
        now, _, name, key, event = heapq.heappop(upcoming)
        if isinstance(event, SharedInputsStored):
            stored_scores.update(durations[key].scoring)
        _report(searcher, name, event)


def _timed_events(
    start: float, duration: TrialDurations, stored_scores: set[str]
) -> list[tuple[float, TrialEvent | TrialEnd]]:
    """Return the events of a trial that starts now, with their times."""
    shared = start + sum(takes for key, takes in duration.scoring.items() if key not in stored_scores)
    stored = shared + duration.training
    return [(shared, SharedInputsStored()), (stored, NetworkStored()), (stored + duration.evaluating, DONE)]


def _report(searcher: TreeSearcher, name: str, event: TrialEvent | TrialEnd) -> None:
    if event is DONE:
        searcher.on_trial_complete(name, {"event": event})
    else:
        searcher.on_trial_result(name, {"event": event})
