"""The best of all orders, by branch and bound: for trees of a few trials."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.simulation.bounds import remaining
from benchmarks.simulation.trees import Length
from prunesweep.sweeps.tree import TrialTree
from prunesweep.sweeps.trial import Trial


class State(NamedTuple):
    """Trials that are placed already: when each GPU is free, when what is stored, when the last one ends."""

    free: tuple[float, ...]
    stored: frozenset[tuple[str, float]]
    left: frozenset[str]
    end: float


def optimum(tree: TrialTree, gpus: int, lengths: Mapping[str, Length], *, known: float) -> float:
    """The shortest makespan, in the unit of ``lengths``, by the rules of ``cluster.makespan``; ``known``: one of some
    order.
    """
    search = _Search(tree, lengths, remaining(tree, lengths), known)
    search.go_on(State((0.0,) * gpus, frozenset(), frozenset(tree.trials), 0.0))
    return search.best


@dataclass
class _Search:
    tree: TrialTree
    lengths: Mapping[str, Length]
    remaining: Mapping[str, float]
    best: float
    seen: set[State] = field(default_factory=set)

    def go_on(self, state: State) -> None:
        """Tries every trial that could be next. In the order of its starts, the best plan starts each at the first
        moment at which a GPU is free and all that it waits for is stored.
        """
        if state in self.seen or not self._can_be_better(state):
            return
        self.seen.add(state)
        if not state.left:
            self.best = state.end
        stored = dict(state.stored)
        for trial in (self.tree.trials[key] for key in state.left):
            if trial.parent is None or trial.parent.key in stored:
                self.go_on(self._place(trial, state, stored))

    def _place(self, trial: Trial, state: State, known: Mapping[str, float]) -> State:
        length = self.lengths[trial.key]
        waits_for = [*length.scoring] if trial.parent is None else [trial.parent.key, *length.scoring]
        start = max([state.free[0], *(known[key] for key in waits_for if key in known)])
        made = [key for key in length.scoring if key not in known]
        shared = start + sum(length.scoring[key] for key in made)
        stored = shared + length.training
        done = stored + length.evaluating
        return State(
            free=tuple(sorted((*state.free[1:], done))),
            stored=state.stored | {(trial.key, stored), *((key, shared) for key in made)},
            left=state.left - {trial.key},
            end=max(state.end, done),
        )

    def _can_be_better(self, state: State) -> bool:
        least_work = sum(self.lengths[key].training + self.lengths[key].evaluating for key in state.left)
        return max(state.end, (sum(state.free) + least_work) / len(state.free), self._chain(state)) < self.best

    def _chain(self, state: State) -> float:
        """When the longest chain can end of those that are left, all scores being there."""
        stored = dict(state.stored)
        ends = [0.0]
        for key in state.left:
            parent, length = self.tree.trials[key].parent, self.lengths[key]
            if parent is None or parent.key in stored:
                start = max(state.free[0], stored[parent.key] if parent else 0.0)
                ends.append(start + self.remaining[key] - length.network + length.training)
        return max(ends)
