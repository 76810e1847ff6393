"""The optimal order of the trials of a small tree, by branch and bound."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from benchmarks.simulation.bounds import remaining_durations
from benchmarks.simulation.trees import TrialDurations
from prunesweep.sweeps.tree import TrialTree
from prunesweep.sweeps.trial import Trial


class State(NamedTuple):
    """A partial schedule of a tree.

    Attributes:
        free: the time at which each GPU is free, ascending.
        stored: the keys of the stored networks and scores, with the times at which they are stored.
        left: the keys of the trials that are not scheduled yet.
        end: the time at which the last scheduled trial ends.
    """

    free: tuple[float, ...]
    stored: frozenset[tuple[str, float]]
    left: frozenset[str]
    end: float


def optimal_makespan(
    tree: TrialTree, gpus: int, durations: Mapping[str, TrialDurations], *, upper_bound: float
) -> float:
    """Return the shortest makespan over all orders, by the rules of ``cluster.makespan``, in the unit of ``durations``.

    Args:
        tree: the trials.
        gpus: the number of GPUs; each runs one trial at a time.
        durations: the durations of the trials by key.
        upper_bound: the makespan of some order.
    """
    search = _Search(tree, durations, remaining_durations(tree, durations), upper_bound)
    search.explore(State((0.0,) * gpus, frozenset(), frozenset(tree.trials), 0.0))
    return search.best


@dataclass
class _Search:
    tree: TrialTree
    durations: Mapping[str, TrialDurations]
    remaining_durations: Mapping[str, float]
    best: float
    explored: set[State] = field(default_factory=set)

    def explore(self, state: State) -> None:
        """Try every trial that could start next.

        An optimal schedule, in the order of its starts, starts each trial as soon as a GPU is free and everything that
        the trial waits for is stored.
        """
        if state in self.explored or not self._can_be_better(state):
            return
        self.explored.add(state)
        if not state.left:
            self.best = state.end
        stored = dict(state.stored)
        for trial in (self.tree.trials[key] for key in state.left):
            if trial.parent is None or trial.parent.key in stored:
                self.explore(self._start(trial, state, stored))

    def _start(self, trial: Trial, state: State, stored_times: Mapping[str, float]) -> State:
        """Return the state after the start of one more trial."""
        duration = self.durations[trial.key]
        waits_for = [*duration.scoring] if trial.parent is None else [trial.parent.key, *duration.scoring]
        start = max([state.free[0], *(stored_times[key] for key in waits_for if key in stored_times)])
        missing_scores = [key for key in duration.scoring if key not in stored_times]
        shared = start + sum(duration.scoring[key] for key in missing_scores)
        stored = shared + duration.training
        done = stored + duration.evaluating
        return State(
            free=tuple(sorted((*state.free[1:], done))),
            stored=state.stored | {(trial.key, stored), *((key, shared) for key in missing_scores)},
            left=state.left - {trial.key},
            end=max(state.end, done),
        )

    def _can_be_better(self, state: State) -> bool:
        """Return whether the lower bounds allow a better makespan than the best one so far."""
        least_work = sum(self.durations[key].training + self.durations[key].evaluating for key in state.left)
        return max(state.end, (sum(state.free) + least_work) / len(state.free), self._chain(state)) < self.best

    def _chain(self, state: State) -> float:
        """Return the earliest possible end of the longest chain of unscheduled trials, if all scores were stored."""
        stored = dict(state.stored)
        ends = [0.0]
        for key in state.left:
            parent, duration = self.tree.trials[key].parent, self.durations[key]
            if parent is None or parent.key in stored:
                start = max(state.free[0], stored[parent.key] if parent else 0.0)
                ends.append(start + self.remaining_durations[key] - duration.network + duration.training)
        return max(ends)
