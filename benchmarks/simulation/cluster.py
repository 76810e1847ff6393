"""A cluster of GPUs on which a sweep's trials take as long as they are said to, driven as Ray Tune drives one."""

import heapq
import io
from collections.abc import Mapping
from itertools import count

from rich.console import Console

from benchmarks.simulation.trees import Length
from prunesweep.orchestrator.display.reporter import make_reporter
from prunesweep.orchestrator.running.cluster.searcher import TreeSearcher
from prunesweep.orchestrator.running.dispatcher import Dispatcher
from prunesweep.orchestrator.running.schedule import Schedule
from prunesweep.sweeps.events import NetworkStored, SharedStored, TrialDone, TrialEnd, TrialEvent, WorkCounts

DONE = TrialDone(WorkCounts())


def new_searcher(schedule: Schedule, gpus: int) -> TreeSearcher:
    """A searcher for trials that take one GPU each, which tells of them as ``prunesweep run`` does in a log."""
    reporter = make_reporter(len(schedule), Console(file=io.StringIO()))
    dispatcher = Dispatcher(schedule, reporter, store_fallen=lambda *_: None, after_trial=lambda: None)
    return TreeSearcher(dispatcher, capacity=lambda: gpus, reason_of_loss=lambda name: "")


def makespan(schedule: Schedule, gpus: int, lengths: Mapping[str, Length]) -> float:
    """When the last trial ends, in the unit of ``lengths``.

    One trial a GPU. Siblings wait for scores as long as another makes them, and children for their parent's network.
    """
    searcher = new_searcher(schedule, gpus)
    numbers = count()
    coming: list[
        tuple[float, int, str, str, TrialEvent | TrialEnd]
    ] = []  # when, which, Tune's name, the trial's key, the event
    made: set[str] = set()
    now = 0.0
    while True:
        while isinstance(config := searcher.suggest(name := f"trial_{next(numbers)}"), dict):
            key = config["key"]
            for when, event in _events(now, lengths[key], made):
                heapq.heappush(coming, (when, next(numbers), name, key, event))
        if not coming:
            assert not len(schedule), "nothing runs and nothing is ready"
            return now
        now, _, name, key, event = heapq.heappop(coming)
        if isinstance(event, SharedStored):
            made.update(lengths[key].scoring)
        _report(searcher, name, event)


def _events(start: float, length: Length, made: set[str]) -> list[tuple[float, TrialEvent | TrialEnd]]:
    """When a trial reports what."""
    shared = start + sum(takes for key, takes in length.scoring.items() if key not in made)
    stored = shared + length.training
    return [(shared, SharedStored()), (stored, NetworkStored()), (stored + length.evaluating, DONE)]


def _report(searcher: TreeSearcher, name: str, event: TrialEvent | TrialEnd) -> None:
    if event is DONE:
        searcher.on_trial_complete(name, {"event": event})
    else:
        searcher.on_trial_result(name, {"event": event})
