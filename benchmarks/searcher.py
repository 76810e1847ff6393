"""The driver's own time for a sweep: schedule, searcher and log, for 10,000 trials over that for 1,000."""

import time
from collections import deque

from benchmarks.simulation.cluster import DONE, new_searcher
from benchmarks.timing import Row, longer, show
from prunesweep.orchestrator.running.schedule import Schedule
from prunesweep.sweeps.events import (
    EpochTrained,
    EvaluationStored,
    NetworkStored,
    ScoringStarted,
    SharedStored,
    TrialEvent,
)
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import TrialTree, grow_tree

GPUS = 64
SWEEP = """
name: long
dataset: {name: digits}
baseline: {epochs: 4}
adjustment: {epochs: 1, rewind_epoch: 1}
control: false
axes: {architecture: resnet20, structure: layers}
"""
CRITERIA = "axes.criterion=[l1, expected_abs, hrank, kl_divergence, random]"
ADJUSTMENTS = "axes.adjustment=[fine_tune, winning_ticket]"
EVENTS: tuple[TrialEvent, ...] = (
    ScoringStarted("layers"),
    SharedStored(),
    EpochTrained(epoch=1, epochs=1, loss=1.0, accuracy=1.0),
    NetworkStored(),
    *(EvaluationStored(attack) for attack in ("clean", "fgsm", "occlusion", "corruptions")),
)


def run() -> list[Row]:
    """Wide trees have one round of everything, narrow ones chains of 200."""
    wide = [CRITERIA, ADJUSTMENTS, f"axes.ratio={[number / 200 for number in range(1, 101)]}"]
    narrow = ["axes.iterations=200"]
    return [*_rows("wide", wide, trees=(1, 10)), *_rows("narrow", narrow, trees=(5, 50))]


def _rows(name: str, overrides: list[str], trees: tuple[int, int]) -> list[Row]:
    few, many = (grow_tree(parse_sweep(SWEEP, [*overrides, f"seeds={[*range(seeds)]}"])) for seeds in trees)
    start = time.perf_counter()
    run_through(many)
    milliseconds = 1000 * (time.perf_counter() - start) / len(many)
    row = longer(
        f"searcher: {name}, ten times the trials",
        lambda: run_through(many),
        lambda: run_through(few),
        at_most=12,
        sides=("many", "few"),
    )
    details = f"{len(few)} and {len(many)} trials; {milliseconds:.3f} ms a trial"
    return [row, Row(f"searcher: {name}, ms a trial", milliseconds, details, at_most=1, unit="ms")]


def run_through(tree: TrialTree) -> None:
    """Drives a sweep as Tune does, from the schedule's making to its last trial: whichever began first reports next."""
    searcher = new_searcher(Schedule(tree), GPUS)
    running: deque[tuple[str, int]] = deque()
    asked = 0
    while True:
        while isinstance(searcher.suggest(f"trial_{asked}"), dict):
            running.append((f"trial_{asked}", 0))
            asked += 1
        if not running:
            return
        name, reported = running.popleft()
        if reported < len(EVENTS):
            searcher.on_trial_result(name, {"event": EVENTS[reported]})
            running.append((name, reported + 1))
        else:
            searcher.on_trial_complete(name, {"event": DONE})


if __name__ == "__main__":
    show(run())
