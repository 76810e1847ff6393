"""How long a plan takes, estimated from the stored trials that were tested on the same images.

The estimate ignores that trials may have had other training data or have run on other devices.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import median
from typing import Any, NamedTuple

from prunesweep.orchestrator.planning.capacity import available_cpus, node_capacity
from prunesweep.orchestrator.planning.cost import epoch_cost
from prunesweep.orchestrator.planning.group_medians import Group, GroupMedians
from prunesweep.orchestrator.planning.plan import Plan
from prunesweep.results_store import Store
from prunesweep.sweeps.catalogue import ATTACKS
from prunesweep.sweeps.language import Resources
from prunesweep.sweeps.trial import Trial

MAX_TIMED_TRIALS = 1000  # stored trials per architecture whose timings are read
MIN_CHECKED_TRIALS = 4  # with fewer estimates to check, no typical error is given
TIMING_COLUMNS = ("trial_key", "architecture", "recipe", "adjustment", "criterion", "epochs", "seconds")


class NoTimings(Exception):
    """The error that no stored trial is similar enough to estimate a workload; its message names the workload."""


class Workload(NamedTuple):
    """The settings of a trial that determine how long it takes.

    Attributes:
        architecture: the name of the architecture.
        recipe: the name of the recipe by which the baseline is trained.
        adjustment: the name of the adjustment, or ``none``.
        criterion: the name of the criterion, or ``none``.
        attacks: the names of the attacks in the order of the catalogue, separated by commas.
        epochs: the number of epochs that the trial trains.
    """

    architecture: str
    recipe: str
    adjustment: str
    criterion: str
    attacks: str
    epochs: int

    @property
    def training_group(self) -> Group:
        """Return the settings that determine the seconds per epoch, the most important first."""
        return self.architecture, self.recipe, self.adjustment

    @property
    def other_group(self) -> Group:
        """Return the settings that determine the seconds of scoring and evaluation, the most important first."""
        return self.architecture, self.attacks, self.criterion


class TimedWorkload(NamedTuple):
    """A stored trial with the time that it took.

    Attributes:
        workload: the settings of the trial.
        training_seconds: the seconds of all its epochs.
        other_seconds: the seconds of everything else, such as scoring and evaluation.
    """

    workload: Workload
    training_seconds: float
    other_seconds: float


class Timings:
    """Median durations of stored trials, by group.

    Attributes:
        epoch_seconds: the medians of the seconds of an epoch.
        other_seconds: the medians of the seconds of everything but training.
    """

    def __init__(self, stored: Iterable[TimedWorkload] = ()) -> None:
        """Take the durations of these stored trials."""
        self.epoch_seconds = GroupMedians(shortest=1)
        self.other_seconds = GroupMedians(shortest=2)
        for workload, training, other in stored:
            if workload.epochs:
                self.epoch_seconds.add(workload.training_group, training / workload.epochs)
            self.other_seconds.add(workload.other_group, other)

    def seconds(self, workload: Workload) -> float:
        """Return the estimated seconds of one trial, from its narrowest group that has stored trials.

        Raises:
            NoTimings: no group of the trial has stored trials.
        """
        other = self.other_seconds.find(workload.other_group)
        if other is None:
            raise NoTimings(f"{workload.architecture} under {workload.attacks or 'no attack'}")
        epoch = self.epoch_seconds.find(workload.training_group) if workload.epochs else 0.0
        if epoch is None:
            raise NoTimings(f"training {workload.architecture}")
        return workload.epochs * epoch + other


@dataclass(frozen=True)
class TimeEstimate:
    """The estimated durations of a plan's trials, and the typical error of such estimates.

    Attributes:
        trial_seconds: the seconds of every trial to run, by key; 0 for a trial without timings.
        longest_chain: the seconds of the longest chain of trials in which each waits for its parent.
        untimed: the number of trials without timings, by a text that names what the store has no timings of.
        timed_trials: the number of stored trials that the estimate is based on.
        error: the ``typical_error`` of estimates for these stored trials; None if there are too few.
        timings: the durations of these stored trials.
    """

    trial_seconds: Mapping[str, float]
    longest_chain: float
    untimed: Mapping[str, int]
    timed_trials: int
    error: float | None
    timings: Timings = field(default_factory=Timings)

    @cached_property
    def seconds(self) -> float:
        """Return the estimated seconds if the trials run one after another."""
        return sum(self.trial_seconds.values())

    def cost(self, trial: Trial) -> float:
        """Return the cost by which the schedule orders a trial.

        The cost is the trial's estimated seconds. If any trial has no timings, it is ``epoch_cost`` for all trials,
        because costs must be comparable.
        """
        return epoch_cost(trial) if self.untimed else self.trial_seconds.get(trial.key, 0.0)

    def wall_seconds(self, workers: int) -> float:
        """Return the estimated wall time in seconds if ``workers`` trials run at once."""
        return max(self.seconds / workers, self.longest_chain)


def estimate_plan(plan: Plan, store: Store) -> TimeEstimate:
    """Return the estimated durations of the trials to run, reading the store's tables if it has results."""
    timed = read_timed_workloads(store, next(iter(plan.tree)).context.test_fingerprint) if plan.results else []
    timings = Timings(timed)
    trial_seconds: dict[str, float] = {}
    end_seconds: dict[str, float] = {}
    untimed: Counter[str] = Counter()
    for trial in plan.to_run:  # parents before children
        epochs = 0 if trial.key in plan.networks else trial.round.epochs
        workload = workload_of(trial, epochs)
        try:
            trial_seconds[trial.key] = timings.seconds(workload)
        except NoTimings as error:
            untimed[str(error)] += 1
            trial_seconds[trial.key] = 0.0
        start = end_seconds.get(trial.parent.key, 0.0) if trial.parent else 0.0
        end_seconds[trial.key] = trial_seconds[trial.key] + start
    longest_chain = max(end_seconds.values(), default=0.0)
    return TimeEstimate(trial_seconds, longest_chain, untimed, len(timed), typical_error(timed), timings)


def workload_of(trial: Trial, epochs: int) -> Workload:
    """Return the settings of a trial that determine how long it takes if it trains this number of epochs."""
    attacks = _attack_names(trial.context.attacks)
    return Workload(trial.architecture, trial.recipe, trial.adjustment, trial.criterion, attacks, epochs)


def concurrent_trials(resources: Resources) -> int | None:
    """Return how many trials run at once, or None if that depends on the GPUs.

    It is ``resources.workers`` if that is set, otherwise the number of trials for which this machine has CPUs.
    """
    if resources.workers is not None:
        return resources.workers
    return max(1, node_capacity(available_cpus(), 0, resources.cpu, 0)) if resources.gpu == 0 else None


def read_timed_workloads(store: Store, test_fingerprint: str) -> list[TimedWorkload]:
    """Return the durations of the stored trials that were tested on the given images.

    Args:
        store: its tables ``trials`` and ``history`` are read.
        test_fingerprint: the fingerprint of the test images.
    """
    trials, history = store.table("trials"), store.table("history")
    done = trials[(trials["test_fingerprint"] == test_fingerprint) & trials["error"].isna()]
    done = done.groupby("architecture").head(MAX_TIMED_TRIALS)  # sorted by key, which makes these a random sample
    epochs_of_done = history[history["trial_key"].isin(done["trial_key"])]
    training_seconds = epochs_of_done.groupby("trial_key")["seconds"].sum().to_dict()
    rows = done[[*TIMING_COLUMNS, *(f"robustness_{name}" for name in ATTACKS)]].to_dict("records")
    return [_timed_workload(row, float(training_seconds.get(row["trial_key"], 0.0))) for row in rows]


def _timed_workload(row: Mapping[Hashable, Any], training_seconds: float) -> TimedWorkload:
    """Return the durations of the trial in one row of the table ``trials``."""
    attacks = _attack_names(name for name in ATTACKS if not math.isnan(row[f"robustness_{name}"]))
    settings = row["architecture"], row["recipe"], row["adjustment"], row["criterion"]
    workload = Workload(*settings, attacks, int(row["epochs"]))
    # The seconds of a trial that was resumed from a checkpoint do not include all its epochs.
    return TimedWorkload(workload, training_seconds, max(row["seconds"] - training_seconds, 0.0))


def _attack_names(attacks: Iterable[object]) -> str:
    """Return the names of attacks in the order of the catalogue, separated by commas."""
    chosen = set(attacks)
    return ", ".join(name for name in ATTACKS if name in chosen)


def typical_error(timed: Sequence[TimedWorkload]) -> float | None:
    """Return the typical relative error of estimates for stored trials.

    Half of the trials are estimated from the other half, and vice versa.

    Returns:
        The median over the trials of |estimated seconds / actual seconds − 1|; None if fewer than
        ``MIN_CHECKED_TRIALS`` trials can be estimated.
    """
    halves = timed[::2], timed[1::2]
    errors = [error for known, checked in (halves, halves[::-1]) for error in _errors(Timings(known), checked)]
    return median(errors) if len(errors) >= MIN_CHECKED_TRIALS else None


def _errors(timings: Timings, timed: Iterable[TimedWorkload]) -> Iterator[float]:
    """Yield the relative error of the estimate for each trial that can be estimated."""
    for workload, training, other in timed:
        try:
            yield abs(timings.seconds(workload) / (training + other) - 1)
        except (NoTimings, ZeroDivisionError):
            continue
