"""When random sweeps end on a simulated cluster, over what no order of their trials can beat.

The searcher knows the trials' lengths as estimates only. The bound is the larger one of work / GPUs and the longest
chain. Some sweeps no order can bring near it, as they have too few baselines to begin with: these, the others, are held
against a sharp bound that counts that too. Sweeps have 10 to 40 trials a GPU, as those have for which one takes a
cluster; smaller ones have rows of their own, down to those whose every order can be tried.
"""

import heapq
import random
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import fmean

from benchmarks.simulation.bounds import Bounds, bounds
from benchmarks.simulation.cluster import makespan
from benchmarks.simulation.optimum import optimum
from benchmarks.simulation.trees import random_guesses, random_lengths, random_tree
from benchmarks.timing import Row, show
from prunesweep.orchestrator.running.schedule import Schedule

TREES = 500  # a size of cluster
SMALL_TREES = 200
MOST_TRIALS = 9  # where every order is tried
REACHABLE = 1.02  # of the plain bound: where no order comes as near, the bound says nothing of an order
HARD = (0.8, 1.25)  # work / GPUs over the longest chain, where neither hides the other


class FirstCome(Schedule):
    """The usual order: whichever is ready first goes first."""

    _arrivals = count()

    def _push(self, key: str) -> None:
        heapq.heappush(self._ready, (0.0, next(self._arrivals), key))


@dataclass(frozen=True)
class Outcome:
    """When a sweep ends, by each order, and how early it could; ``by_epochs``: ours without any estimates."""

    bounds: Bounds
    ours: float
    first_come: float
    by_epochs: float

    @property
    def over_plain(self) -> float:
        return self.ours / self.bounds.plain

    @property
    def over_sharp(self) -> float:
        return self.ours / self.bounds.sharp

    @property
    def is_reachable(self) -> bool:
        return self.bounds.sharp <= REACHABLE * self.bounds.plain

    @property
    def is_hard(self) -> bool:
        return HARD[0] <= self.bounds.work / self.bounds.chain <= HARD[1]


def run() -> list[Row]:
    """Whatever the order, a sweep runs by the real schedule and searcher, and its trials take the same time."""
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, "weights.th")
        weights.write_bytes(b"for its fingerprint")
        return [*_rows(8, weights), *_rows(64, weights), *_small_rows(weights)]


def _outcome(seed: int, gpus: int, trials: range, weights: Path) -> Outcome:
    chance = random.Random(seed)
    tree = random_tree(chance, trials, str(weights))
    lengths = random_lengths(chance, tree)
    guesses = random_guesses(chance, lengths)
    return Outcome(
        bounds=bounds(tree, gpus, lengths),
        ours=makespan(Schedule(tree, cost=lambda trial: guesses[trial.key]), gpus, lengths),
        first_come=makespan(FirstCome(tree), gpus, lengths),
        by_epochs=makespan(Schedule(tree), gpus, lengths),
    )


def _rows(gpus: int, weights: Path) -> list[Row]:
    outcomes = [_outcome(seed, gpus, range(10 * gpus, 40 * gpus), weights) for seed in range(TREES)]
    reachable = [one for one in outcomes if one.is_reachable]
    others = [one for one in outcomes if not one.is_reachable]
    return [
        _mean(f"{gpus} GPUs, mean over bound", [one.over_plain for one in outcomes], goal=1.05),
        _worst(f"{gpus} GPUs, worst where the bound is reachable", [one.over_plain for one in reachable], goal=1.15),
        _worst(f"{gpus} GPUs, worst of the others", [one.over_sharp for one in others]),
        _mean(f"{gpus} GPUs, work / GPUs near chain", [one.over_plain for one in reachable if one.is_hard]),
        _mean(f"{gpus} GPUs, first come", [one.first_come / one.bounds.plain for one in outcomes]),
        _mean(f"{gpus} GPUs, no estimates", [one.by_epochs / one.bounds.plain for one in outcomes]),
    ]


def _small_rows(weights: Path) -> list[Row]:
    few = [_outcome(seed, 8, range(8, 80), weights) for seed in range(SMALL_TREES)]
    over_optimum = [_over_optimum(seed, weights) for seed in range(SMALL_TREES)]
    return [
        _mean("8 GPUs, 1 to 10 trials each", [one.over_plain for one in few]),
        _mean("the same, over sharp bound", [one.over_sharp for one in few]),
        _mean("2 or 3 GPUs, mean over optimum", over_optimum),
        _worst("2 or 3 GPUs, worst over optimum", over_optimum),
    ]


def _over_optimum(seed: int, weights: Path) -> float:
    chance = random.Random(seed)
    gpus = chance.choice([2, 3])
    while len(tree := random_tree(chance, range(2, MOST_TRIALS), str(weights))) > MOST_TRIALS:
        pass
    lengths = random_lengths(chance, tree)
    guesses = random_guesses(chance, lengths)
    ours = makespan(Schedule(tree, cost=lambda trial: guesses[trial.key]), gpus, lengths)
    best = optimum(tree, gpus, lengths, known=ours)
    assert bounds(tree, gpus, lengths).sharp <= best * (1 + 1e-9), "a bound that some order beats"
    return ours / best


def _mean(name: str, ratios: Sequence[float], goal: float | None = None) -> Row:
    return Row(f"scheduling: {name}", fmean(ratios), f"worst {max(ratios):.3f}, {len(ratios)} sweeps", at_most=goal)


def _worst(name: str, ratios: Sequence[float], goal: float | None = None) -> Row:
    return Row(f"scheduling: {name}", max(ratios), f"mean {fmean(ratios):.3f}, {len(ratios)} sweeps", at_most=goal)


if __name__ == "__main__":
    show(run())
