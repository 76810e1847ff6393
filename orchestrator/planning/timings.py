"""How long a plan will take, by what the trials of its store took that were tested on the same images.

What these were trained on, and on which device, is not told apart.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any, NamedTuple

from prunesweep.orchestrator.planning.capacity import node_capacity, own_cpus
from prunesweep.orchestrator.planning.cost import epochs_of
from prunesweep.orchestrator.planning.plan import Plan
from prunesweep.results_store import Store
from prunesweep.sweeps.catalogue import ATTACKS
from prunesweep.sweeps.language import Resources
from prunesweep.sweeps.trial import Trial

TIMED_TRIALS = 1000  # trials of an architecture whose timings are read
FEWEST_CHECKED = 4  # trials from which an error is told
TIMING_COLUMNS = ("trial_key", "architecture", "recipe", "adjustment", "criterion", "epochs", "seconds")

Group = tuple[str, ...]


class NoTimings(Exception):
    """Nothing like it has run on the store; the message names it."""


class Workload(NamedTuple):
    """A trial, by what its time depends on. ``attacks``: their names; ``epochs``: that are to be trained."""

    architecture: str
    recipe: str
    adjustment: str
    criterion: str
    attacks: str
    epochs: int

    @property
    def training(self) -> Group:
        """What the time of an epoch depends on, the most important first."""
        return self.architecture, self.recipe, self.adjustment

    @property
    def beside(self) -> Group:
        """What the time beside training (scores, evaluations) depends on, the most important first."""
        return self.architecture, self.attacks, self.criterion


class TimedWorkload(NamedTuple):
    """What a stored trial took: seconds in all its epochs, and beside them."""

    workload: Workload
    training: float
    beside: float


@dataclass(frozen=True)
class Timings:
    """Median seconds of an epoch and of what is beside training, by groups of trials from narrow to wide."""

    epoch: Mapping[Group, float]
    beside: Mapping[Group, float]

    @staticmethod
    def of(stored: Iterable[TimedWorkload]) -> "Timings":
        epochs: dict[Group, list[float]] = defaultdict(list)
        beside: dict[Group, list[float]] = defaultdict(list)
        for workload, training, beside_it in stored:
            for group in _widening(workload.training, 1) if workload.epochs else ():
                epochs[group].append(training / workload.epochs)
            for group in _widening(workload.beside, 2):
                beside[group].append(beside_it)
        return Timings(_medians(epochs), _medians(beside))

    def seconds(self, workload: Workload) -> float:
        """The estimate for one trial, by the narrowest group that it belongs to. Raises: NoTimings."""
        beside = _narrowest(self.beside, _widening(workload.beside, 2))
        if beside is None:
            raise NoTimings(f"{workload.architecture} under {workload.attacks or 'no attack'}")
        epoch = _narrowest(self.epoch, _widening(workload.training, 1)) if workload.epochs else 0.0
        if epoch is None:
            raise NoTimings(f"training {workload.architecture}")
        return workload.epochs * epoch + beside


def _widening(group: Group, fewest: int) -> Iterator[Group]:
    """The group, and the wider ones of its first words down to ``fewest``."""
    return (group[:length] for length in range(len(group), fewest - 1, -1))


def _narrowest(medians: Mapping[Group, float], groups: Iterable[Group]) -> float | None:
    return next((medians[group] for group in groups if group in medians), None)


def _medians(values: Mapping[Group, Sequence[float]]) -> dict[Group, float]:
    return {group: median(of_group) for group, of_group in values.items()}


@dataclass(frozen=True)
class TimeEstimate:
    """What a plan's trials will take, and how far such estimates are off.

    ``each``: seconds of every trial by key; ``longest``: of the dearest chain of trials, each of which waits for its
    parent; ``unknown``: how many trials count as nothing, by what the store has no timings of. ``error``: the
    ``typical_error`` of ``stored`` trials, from which it is estimated.
    """

    each: Mapping[str, float]
    longest: float
    unknown: Mapping[str, int]
    stored: int
    error: float | None

    @cached_property
    def seconds(self) -> float:
        """One trial after another."""
        return sum(self.each.values())

    def cost(self, trial: Trial) -> float:
        """What a trial is to the schedule: its seconds, or its epochs where not all are known, and so none compare."""
        return epochs_of(trial) if self.unknown else self.each.get(trial.key, 0.0)

    def wall(self, workers: int) -> float:
        """Seconds with so many trials at once."""
        return max(self.seconds / workers, self.longest)


def estimate_plan(plan: Plan, store: Store) -> TimeEstimate:
    """Estimates what a plan has to run. Reads tables where the store has results."""
    timed = read_timed(store, next(iter(plan.tree)).context.test_fingerprint) if plan.results else []
    timings = Timings.of(timed)
    attacks = _names(plan.sweep.attacks.chosen())
    each: dict[str, float] = {}
    ends: dict[str, float] = {}
    unknown: Counter[str] = Counter()
    for trial in plan.to_run:  # parents before children
        epochs = 0 if trial.key in plan.networks else trial.round.epochs
        workload = Workload(trial.architecture, trial.recipe, trial.adjustment, trial.criterion, attacks, epochs)
        try:
            each[trial.key] = timings.seconds(workload)
        except NoTimings as error:
            unknown[str(error)] += 1
            each[trial.key] = 0.0
        ends[trial.key] = each[trial.key] + (ends.get(trial.parent.key, 0.0) if trial.parent else 0.0)
    return TimeEstimate(each, max(ends.values(), default=0.0), unknown, len(timed), typical_error(timed))


def at_once(resources: Resources) -> int | None:
    """How many trials run at once: ``workers``, or as many as this machine takes. None where that depends on GPUs."""
    if resources.workers is not None:
        return resources.workers
    return max(1, node_capacity(own_cpus(), 0, resources.cpu, 0)) if resources.gpu == 0 else None


def read_timed(store: Store, test_fingerprint: str) -> list[TimedWorkload]:
    """What stored trials took that were tested on these images."""
    trials, history = store.table("trials"), store.table("history")
    done = trials[(trials["test_fingerprint"] == test_fingerprint) & trials["error"].isna()]
    done = done.groupby("architecture").head(TIMED_TRIALS)  # sorted by key, and so at random
    own = history["trial_key"].isin(done["trial_key"])
    trained = history[own].groupby("trial_key")["seconds"].sum().to_dict()
    rows = done[[*TIMING_COLUMNS, *(f"robustness_{name}" for name in ATTACKS)]].to_dict("records")
    return [_timed(row, float(trained.get(row["trial_key"], 0.0))) for row in rows]


def _timed(row: Mapping[Hashable, Any], training: float) -> TimedWorkload:
    attacks = _names(name for name in ATTACKS if not math.isnan(row[f"robustness_{name}"]))
    words = row["architecture"], row["recipe"], row["adjustment"], row["criterion"]
    # A trial that went on from a checkpoint took less than all its epochs.
    return TimedWorkload(Workload(*words, attacks, int(row["epochs"])), training, max(row["seconds"] - training, 0.0))


def _names(attacks: Iterable[object]) -> str:
    chosen = set(attacks)
    return ", ".join(name for name in ATTACKS if name in chosen)


def typical_error(timed: Sequence[TimedWorkload]) -> float | None:
    """How far estimates for stored trials are off: half of the trials estimated from the other half, and vice versa.

    Returns:
        the median over the trials of |estimate / what it took − 1|; None where there are too few to tell.
    """
    halves = timed[::2], timed[1::2]
    errors = [error for known, asked in (halves, halves[::-1]) for error in _errors(Timings.of(known), asked)]
    return median(errors) if len(errors) >= FEWEST_CHECKED else None


def _errors(timings: Timings, timed: Iterable[TimedWorkload]) -> Iterator[float]:
    for workload, training, beside in timed:
        try:
            yield abs(timings.seconds(workload) / (training + beside) - 1)
        except (NoTimings, ZeroDivisionError):
            continue
