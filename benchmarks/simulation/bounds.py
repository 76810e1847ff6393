"""Lower bounds on the makespan of a sweep, for all orders of its trials."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulation.trees import TrialDurations
from prunesweep.sweeps.tree import TrialTree


class WorkItem(NamedTuple):
    """A part of a trial that runs on one GPU: its scoring, its training or its evaluations.

    Attributes:
        duration: how long it takes.
        before: the minimal time from the start of the sweep to its start.
        after: the minimal time from its end to the end of the sweep.
    """

    duration: float
    before: float
    after: float


class MakespanBounds(NamedTuple):
    """Lower bounds on the makespan of a sweep.

    Attributes:
        work: the duration of all work, divided by the number of GPUs.
        chain: the duration of the longest chain of trials that wait for each other.
        sharp: the largest of the bounds, which includes the time that GPUs are idle in any order because too few trials
            are ready at the beginning or too few remain at the end (Fernandez and Bussell, IEEE Trans. Computers,
            1973).
    """

    work: float
    chain: float
    sharp: float

    @property
    def simple(self) -> float:
        """Return the larger one of ``work`` and ``chain``."""
        return max(self.work, self.chain)


def makespan_bounds(tree: TrialTree, gpus: int, durations: Mapping[str, TrialDurations]) -> MakespanBounds:
    """Return the lower bounds on the makespan of a tree, in the unit of ``durations``.

    Args:
        tree: the trials.
        gpus: the number of GPUs; each runs one trial at a time.
        durations: the durations of the trials by key.
    """
    work_items = _work_items(tree, durations)
    work = sum(piece.duration for piece in work_items) / gpus
    chain = max(piece.before + piece.duration + piece.after for piece in work_items)
    simple = max(work, chain)
    begins, idle_before = _idle([(piece.before, piece.duration) for piece in work_items], gpus)
    ends, idle_after = _idle([(piece.after, piece.duration) for piece in work_items], gpus)
    # The beginning and the end must not overlap, or idle time would count twice.
    last_end = np.searchsorted(ends, simple - begins, side="right") - 1
    idle = (idle_before + idle_after[last_end])[last_end >= 0].max()
    return MakespanBounds(work, chain, max(simple, work + float(idle)))


def remaining_durations(tree: TrialTree, durations: Mapping[str, TrialDurations]) -> dict[str, float]:
    """Return by key how long each trial and the longest chain of its descendants take together."""
    longest: dict[str, float] = {}
    for key in reversed(list(tree.trials)):
        below = max((longest[child] for child in tree.children[key]), default=0.0)
        longest[key] = durations[key].network + max(below, durations[key].evaluating)
    return longest


def _work_items(tree: TrialTree, durations: Mapping[str, TrialDurations]) -> list[WorkItem]:
    """Return the parts of all trials; scores that trials share are a single part that precedes all of these trials."""
    longest = remaining_durations(tree, durations)
    stored: dict[str, float] = {}
    work_items: list[WorkItem] = []
    scoring: dict[str, WorkItem] = {}
    for trial in tree:
        duration = durations[trial.key]
        start = stored[trial.parent.key] if trial.parent else 0.0
        scores = duration.network - duration.training
        after_scores = longest[trial.key] - scores
        stored[trial.key] = start + duration.network
        for key, scoring_duration in duration.scoring.items():
            item = scoring.get(key, WorkItem(scoring_duration, start, 0.0))
            scoring[key] = WorkItem(scoring_duration, min(item.before, start), max(item.after, after_scores))
        work_items.append(WorkItem(duration.training, start + scores, after_scores - duration.training))
        work_items.append(WorkItem(duration.evaluating, stored[trial.key], 0.0))
    return [*work_items, *scoring.values()]


def _idle(work_items: list[tuple[float, float]], gpus: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return times, and the minimal idle time per GPU before each of them.

    Args:
        work_items: the earliest start and the duration of each part.
        gpus: the number of GPUs.

    Returns:
        Ascending times, float64 (2 * parts + 1,), and the mean idle time over the GPUs before each, of the same shape.
    """
    starts, durations = np.array(work_items).T
    times = np.concatenate([[0.0], starts, starts + durations])
    changes = np.concatenate([[0.0], np.ones(len(starts)), -np.ones(len(starts))])
    order = np.argsort(times, kind="stable")
    times, running = times[order], changes[order].cumsum()
    done = np.concatenate([[0.0], (running[:-1] * np.diff(times)).cumsum()])
    return times, np.maximum.accumulate(times - done / gpus)
