"""The driver's own time in schedule, searcher and log, for sweeps of 10,000 trials over sweeps of 1,000."""

import time
from collections import deque

from benchmarks.simulation.cluster import DONE, new_searcher
from benchmarks.timing import Row, measure_time_ratio, print_rows
from prunesweep.orchestrator.running.schedule import Schedule
from prunesweep.sweeps.events import (
    EpochTrained,
    EvaluationStored,
    NetworkStored,
    ScoringStarted,
    SharedInputsStored,
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
    SharedInputsStored(),
    EpochTrained(epoch=1, epochs=1, loss=1.0, accuracy=1.0),
    NetworkStored(),
    *(EvaluationStored(attack) for attack in ("clean", "fgsm", "occlusion", "corruptions")),
)


def run() -> list[Row]:
    """Return the rows on wide trees, of one round, and on narrow trees, which are chains of 200 rounds."""
    wide = [CRITERIA, ADJUSTMENTS, f"axes.ratio={[number / 200 for number in range(1, 101)]}"]
    narrow = ["axes.structure=filters", "axes.ratio=0.001", "axes.iterations=200"]  # a filter per round
    return [*_rows("wide", wide, trees=(1, 10)), *_rows("narrow", narrow, trees=(5, 50))]


def _rows(name: str, overrides: list[str], trees: tuple[int, int]) -> list[Row]:
    few, many = (grow_tree(parse_sweep(SWEEP, [*overrides, f"seeds={[*range(seeds)]}"])) for seeds in trees)
    start = time.perf_counter()
    run_through(many)
    milliseconds = 1000 * (time.perf_counter() - start) / len(many)
    row = measure_time_ratio(
        f"searcher: {name}, ten times the trials",
        lambda: run_through(many),
        lambda: run_through(few),
        at_most=12,
        sides=("many", "few"),
    )
    details = f"{len(few)} and {len(many)} trials; {milliseconds:.3f} ms per trial"
    return [row, Row(f"searcher: {name}, ms per trial", milliseconds, details, at_most=1, unit="ms")]


def run_through(tree: TrialTree) -> None:
    """Drive a sweep as Tune does, from the schedule to the last trial; running trials report their events in turns."""
    searcher = new_searcher(Schedule(tree), GPUS)
    running: deque[tuple[str, int]] = deque()
    suggested = 0
    while True:
        while isinstance(searcher.suggest(f"trial_{suggested}"), dict):
            running.append((f"trial_{suggested}", 0))
            suggested += 1
        if not running:
            return
        name, next_event = running.popleft()
        if next_event < len(EVENTS):
            searcher.on_trial_result(name, {"event": EVENTS[next_event]})
            running.append((name, next_event + 1))
        else:
            searcher.on_trial_complete(name, {"event": DONE})


if __name__ == "__main__":
    print_rows(run())
