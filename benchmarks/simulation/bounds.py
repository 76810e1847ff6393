"""How long a sweep takes at the least, in whatever order its trials run."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulation.trees import Length
from prunesweep.sweeps.tree import TrialTree


class Piece(NamedTuple):
    """A piece of work: how long it takes, the least time before it, and the least time after it."""

    length: float
    before: float
    after: float


class Bounds(NamedTuple):
    """``work``: all of it, divided by the GPUs; ``chain``: the longest of trials that wait for each other.

    ``sharp``: the largest bound here: it also counts the GPUs that stand idle in any order because too few trials have
    a parent at the beginning, or too few are left at the end. (Fernandez and Bussell, IEEE Trans. Computers, 1973.)
    """

    work: float
    chain: float
    sharp: float

    @property
    def plain(self) -> float:
        """The larger one of ``work`` and ``chain``."""
        return max(self.work, self.chain)


def bounds(tree: TrialTree, gpus: int, lengths: Mapping[str, Length]) -> Bounds:
    """The bounds of a tree, in the unit of ``lengths``."""
    pieces = _pieces(tree, lengths)
    work = sum(piece.length for piece in pieces) / gpus
    chain = max(piece.before + piece.length + piece.after for piece in pieces)
    plain = max(work, chain)
    begins, idle_before = _idle([(piece.before, piece.length) for piece in pieces], gpus)
    ends, idle_after = _idle([(piece.after, piece.length) for piece in pieces], gpus)
    # The beginning and the end may not overlap, or some idleness would count twice.
    last_end = np.searchsorted(ends, plain - begins, side="right") - 1
    idle = (idle_before + idle_after[last_end])[last_end >= 0].max()
    return Bounds(work, chain, max(plain, work + float(idle)))


def remaining(tree: TrialTree, lengths: Mapping[str, Length]) -> dict[str, float]:
    """For each trial, how long it and the longest chain below it take."""
    longest: dict[str, float] = {}
    for key in reversed(list(tree.trials)):
        below = max((longest[child] for child in tree.children[key]), default=0.0)
        longest[key] = lengths[key].network + max(below, lengths[key].evaluating)
    return longest


def _pieces(tree: TrialTree, lengths: Mapping[str, Length]) -> list[Piece]:
    """Scores that trials share are one piece, before all of these."""
    longest = remaining(tree, lengths)
    stored: dict[str, float] = {}
    pieces: list[Piece] = []
    scoring: dict[str, Piece] = {}
    for trial in tree:
        length = lengths[trial.key]
        start = stored[trial.parent.key] if trial.parent else 0.0
        scores = length.network - length.training
        after_scores = longest[trial.key] - scores
        stored[trial.key] = start + length.network
        for key, takes in length.scoring.items():
            known = scoring.get(key, Piece(takes, start, 0.0))
            scoring[key] = Piece(takes, min(known.before, start), max(known.after, after_scores))
        pieces.append(Piece(length.training, start + scores, after_scores - length.training))
        pieces.append(Piece(length.evaluating, stored[trial.key], 0.0))
    return [*pieces, *scoring.values()]


def _idle(pieces: list[tuple[float, float]], gpus: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Given (earliest start, length) of pieces: times, and how long a GPU is idle on average before each, at least."""
    starts, lengths = np.array(pieces).T
    times = np.concatenate([[0.0], starts, starts + lengths])
    changes = np.concatenate([[0.0], np.ones(len(starts)), -np.ones(len(starts))])
    order = np.argsort(times, kind="stable")
    times, running = times[order], changes[order].cumsum()
    done = np.concatenate([[0.0], (running[:-1] * np.diff(times)).cumsum()])
    return times, np.maximum.accumulate(times - done / gpus)
