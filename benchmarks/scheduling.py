"""The makespan of random sweeps on a simulated cluster, over a lower bound for all orders of their trials.

The searcher has only estimates of the trials' durations. The bound is the larger one of work / GPUs and the longest
chain of trials. Some sweeps cannot come near this bound in any order, because they have too few baselines to start
with; their makespan is compared with a sharper bound that takes this into account. The sweeps have 10 to 40 trials per
GPU, as is usual on a cluster. Smaller sweeps have rows of their own, down to those small enough to try every order.
"""

import heapq
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import fmean

from benchmarks.simulation.bounds import MakespanBounds, makespan_bounds
from benchmarks.simulation.cluster import makespan
from benchmarks.simulation.optimum import optimal_makespan
from benchmarks.simulation.trees import random_durations, random_estimates, random_tree
from benchmarks.timing import Row, print_rows
from prunesweep.orchestrator.running.schedule import Schedule

TREES = 500  # per cluster size
SMALL_TREES = 200
MAX_OPTIMAL_TRIALS = 9  # of sweeps for which every order is tried
REACHABLE = 1.02  # the sharp bound over the simple bound, at most, of a sweep whose simple bound is reachable
HARD = (0.8, 1.25)  # the range of work / GPUs over the longest chain of sweeps in which both matter


class FirstCome(Schedule):
    """A schedule that starts trials in the order in which they become ready."""

    _arrivals = count()

    def _push(self, key: str) -> None:
        heapq.heappush(self._ready, (0.0, next(self._arrivals), key))


@dataclass(frozen=True)
class Outcome:
    """The makespans of one sweep in several orders, with their lower bounds, all in the same unit.

    Attributes:
        bounds: the lower bounds.
        ours: by our schedule, with estimates of the durations.
        first_come: in the order in which trials become ready.
        by_epochs: by our schedule without estimates.
    """

    bounds: MakespanBounds
    ours: float
    first_come: float
    by_epochs: float

    @property
    def over_simple(self) -> float:
        """Return our makespan over the simple bound."""
        return self.ours / self.bounds.simple

    @property
    def over_sharp(self) -> float:
        """Return our makespan over the sharp bound."""
        return self.ours / self.bounds.sharp

    @property
    def is_reachable(self) -> bool:
        """Return whether some order may come near the simple bound."""
        return self.bounds.sharp <= REACHABLE * self.bounds.simple

    @property
    def is_hard(self) -> bool:
        """Return whether work / GPUs and the longest chain are about equal."""
        return HARD[0] <= self.bounds.work / self.bounds.chain <= HARD[1]


def run() -> list[Row]:
    """Return the rows on 8 and 64 GPUs and on small sweeps.

    Every order runs by the real searcher, and trials take the same time in all orders of a sweep.
    """
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "weights.th")
        weights.write_bytes(b"for its fingerprint")
        return [*_rows(8, weights), *_rows(64, weights), *_small_rows(weights)]


def _outcome(seed: int, gpus: int, trials: range, weights: Path) -> Outcome:
    rng = random.Random(seed)
    tree = random_tree(rng, trials, str(weights))
    durations = random_durations(rng, tree)
    estimates = random_estimates(rng, durations)
    return Outcome(
        bounds=makespan_bounds(tree, gpus, durations),
        ours=makespan(Schedule(tree, cost=lambda trial: estimates[trial.key]), gpus, durations),
        first_come=makespan(FirstCome(tree), gpus, durations),
        by_epochs=makespan(Schedule(tree), gpus, durations),
    )


def _rows(gpus: int, weights: Path) -> list[Row]:
    outcomes = [_outcome(seed, gpus, range(10 * gpus, 40 * gpus), weights) for seed in range(TREES)]
    reachable = [outcome for outcome in outcomes if outcome.is_reachable]
    others = [outcome for outcome in outcomes if not outcome.is_reachable]
    return [
        _mean(f"{gpus} GPUs, mean over bound", [outcome.over_simple for outcome in outcomes], goal=1.05),
        _worst(
            f"{gpus} GPUs, worst where the bound is reachable",
            [outcome.over_simple for outcome in reachable],
            goal=1.15,
        ),
        _worst(f"{gpus} GPUs, worst of the other sweeps", [outcome.over_sharp for outcome in others]),
        _mean(
            f"{gpus} GPUs, work / GPUs near chain", [outcome.over_simple for outcome in reachable if outcome.is_hard]
        ),
        _mean(f"{gpus} GPUs, first come", [outcome.first_come / outcome.bounds.simple for outcome in outcomes]),
        _mean(f"{gpus} GPUs, without estimates", [outcome.by_epochs / outcome.bounds.simple for outcome in outcomes]),
    ]


def _small_rows(weights: Path) -> list[Row]:
    outcomes = [_outcome(seed, 8, range(8, 80), weights) for seed in range(SMALL_TREES)]
    over_optimal = [_over_optimal(seed, weights) for seed in range(SMALL_TREES)]
    return [
        _mean("8 GPUs, 1 to 10 trials each", [outcome.over_simple for outcome in outcomes]),
        _mean("the same, over sharp bound", [outcome.over_sharp for outcome in outcomes]),
        _mean("2 or 3 GPUs, mean over optimum", over_optimal),
        _worst("2 or 3 GPUs, worst over optimum", over_optimal),
    ]


def _over_optimal(seed: int, weights: Path) -> float:
    rng = random.Random(seed)
    gpus = rng.choice([2, 3])
    while len(tree := random_tree(rng, range(2, MAX_OPTIMAL_TRIALS), str(weights))) > MAX_OPTIMAL_TRIALS:
        pass
    durations = random_durations(rng, tree)
    estimates = random_estimates(rng, durations)
    ours = makespan(Schedule(tree, cost=lambda trial: estimates[trial.key]), gpus, durations)
    best = optimal_makespan(tree, gpus, durations, upper_bound=ours)
    assert makespan_bounds(tree, gpus, durations).sharp <= best * (1 + 1e-9), "some order beats the lower bound"
    return ours / best


def _mean(name: str, ratios: Sequence[float], goal: float | None = None) -> Row:
    return Row(f"scheduling: {name}", fmean(ratios), f"worst {max(ratios):.3f}, {len(ratios)} sweeps", at_most=goal)


def _worst(name: str, ratios: Sequence[float], goal: float | None = None) -> Row:
    return Row(f"scheduling: {name}", max(ratios), f"mean {fmean(ratios):.3f}, {len(ratios)} sweeps", at_most=goal)


if __name__ == "__main__":
    print_rows(run())
