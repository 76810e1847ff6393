"""A cluster of GPUs on which a sweep's trials take as long as they are said to, driven as Ray Tune drives one."""

import heapq
import io
from collections.abc import Mapping
from itertools import count
from typing import Any

from rich.console import Console

from benchmarks.simulation.trees import Length
from prunesweep.orchestrator.running.cluster.searcher import TreeSearcher
from prunesweep.orchestrator.running.reporter import make_reporter
from prunesweep.orchestrator.running.schedule import Schedule

DONE = {"stage": "done", "epochs": 0, "scores": 0, "evaluations": 0}


def new_searcher(schedule: Schedule, gpus: int) -> TreeSearcher:
    """A searcher for trials that take one GPU each, which tells of them as ``prunesweep run`` does in a log."""
    reporter = make_reporter(len(schedule), Console(file=io.StringIO()))
    return TreeSearcher(
        schedule,
        reporter,
        capacity=lambda: gpus,
        note_failure=lambda trial, error: None,
        after_trial=lambda: None,
    )


def makespan(schedule: Schedule, gpus: int, lengths: Mapping[str, Length]) -> float:
    """When the last trial ends, in the unit of ``lengths``.

    One trial a GPU. Siblings wait for scores as long as another makes them, and children for their parent's network.
    """
    searcher = new_searcher(schedule, gpus)
    numbers = count()
    coming: list[tuple[float, int, str, str, str]] = []  # when, which, Tune's name, the trial's key, the event
    made: set[str] = set()
    now = 0.0
    while True:
        while isinstance(config := searcher.suggest(name := f"trial_{next(numbers)}"), dict):
            key = config["key"]
            for when, stage in _events(now, lengths[key], made):
                heapq.heappush(coming, (when, next(numbers), name, key, stage))
        if not coming:
            assert not len(schedule), "nothing runs and nothing is ready"
            return now
        now, _, name, key, stage = heapq.heappop(coming)
        if stage == "shared":
            made.update(lengths[key].scoring)
        _report(searcher, name, stage)


def _events(start: float, length: Length, made: set[str]) -> list[tuple[float, str]]:
    """When a trial reports what."""
    shared = start + sum(takes for key, takes in length.scoring.items() if key not in made)
    stored = shared + length.training
    return [(shared, "shared"), (stored, "stored"), (stored + length.evaluating, "done")]


def _report(searcher: TreeSearcher, name: str, stage: str) -> None:
    event: dict[str, Any] = DONE if stage == "done" else {"stage": stage}
    if stage == "done":
        searcher.on_trial_complete(name, event)
    else:
        searcher.on_trial_result(name, event)
