"""How long the phases of trials take, measured in a run, and estimated for the trials that are left."""

from dataclasses import dataclass

from prunesweep.orchestrator.planning.group_medians import Group, GroupMedians
from prunesweep.orchestrator.planning.timings import Timings, workload_of
from prunesweep.sweeps.trial import Trial


@dataclass(frozen=True)
class PhaseSeconds:
    """The durations of a trial's phases in seconds.

    Attributes:
        before: from the start to the beginning of training: reading the parent, scoring and removal.
        training: all epochs, up to the moment at which the network is stored.
        evaluating: the evaluations.
    """

    before: float
    training: float
    evaluating: float

    @property
    def total(self) -> float:
        """Return the duration of the whole trial."""
        return self.before + self.training + self.evaluating


class PhaseTimes:
    """Medians of the phases of this run's trials, by the settings that determine them.

    What this run has not measured yet is taken from the trials that the store had before the run, and else from this
    run's other trials.
    """

    def __init__(self, stored: Timings) -> None:
        """Start without measurements of this run.

        Args:
            stored: durations of the trials that the store had before the run.
        """
        self._stored = stored
        self._before, self._epochs, self._evaluating = GroupMedians(0), GroupMedians(0), GroupMedians(0)

    def add_network(self, trial: Trial, seconds: float, training_seconds: float) -> None:
        """Add the measured durations of a trial whose network is stored.

        Args:
            trial: the trial.
            seconds: the time from its start until its network was stored.
            training_seconds: the time of its epochs alone.
        """
        self._before.add(_pruning_group(trial), max(seconds - training_seconds, 0.0))
        if trial.round.epochs:
            self._epochs.add(_training_group(trial), training_seconds / trial.round.epochs)

    def add_evaluations(self, trial: Trial, seconds: float) -> None:
        """Add the measured duration of all evaluations of a trial."""
        self._evaluating.add((trial.architecture,), seconds)

    def add_epochs(self, trial: Trial, seconds: float) -> None:
        """Add the measured duration of one epoch of a trial that is still training."""
        self._epochs.add(_training_group(trial), seconds)

    def estimate(self, trial: Trial) -> PhaseSeconds | None:
        """Return the estimated durations of a trial's phases, or None if nothing similar was measured."""
        workload = workload_of(trial, trial.round.epochs)
        epoch = _estimate(
            self._epochs, _training_group(trial), self._stored.epoch_seconds.find(workload.training_group)
        )
        evaluating = _estimate(
            self._evaluating, (trial.architecture,), self._stored.other_seconds.find(workload.other_group)
        )
        if epoch is None and (trial.round.epochs or evaluating is None):
            return None
        before = self._before.find(_pruning_group(trial)) or 0.0
        # Before the first evaluation of a new store, what is known is a long training.
        return PhaseSeconds(before, trial.round.epochs * (epoch or 0.0), evaluating or 0.0)


def _estimate(measured: GroupMedians, group: Group, stored: float | None) -> float | None:
    """Return this run's median for an architecture, else the stored one, else this run's for other architectures.

    Args:
        measured: the medians of this run.
        group: the group of the trial, whose first setting is the architecture.
        stored: the estimate from the store; None if there is none.
    """
    return stored if stored is not None and not measured.has(group[:1]) else measured.find(group)


def _training_group(trial: Trial) -> Group:
    return trial.architecture, trial.recipe, trial.adjustment


def _pruning_group(trial: Trial) -> Group:
    return trial.architecture, trial.structure, trial.criterion
