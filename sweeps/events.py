"""Events: reports on the progress of a trial, on how it ended, and on the progress of the single-elements analysis.

Workers create the events of a trial in progress, the executors in ``orchestrator.running`` create the event of its end,
and the dispatcher there reads both. Events are simple values, so that they can be sent between processes.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class WorkStarted:
    """A worker has started to work on the trial; before that, the process of the worker may have had to start."""


@dataclass(frozen=True)
class ScoringStarted:
    """The computation of scores that are missing in the store has started.

    Attributes:
        structure: what is scored, ``filters`` or ``layers``.
    """

    structure: str


@dataclass(frozen=True)
class SharedInputsStored:
    """The scores and the snapshot that other trials may need too are stored, and the adjustment begins."""


@dataclass(frozen=True)
class EpochTrained:
    """One epoch of training is done.

    Attributes:
        epoch: the number of the epoch, from 1.
        epochs: the number of the last epoch.
        loss: the mean loss over the batches of the epoch.
        accuracy: the share of the epoch's training images that were classified correctly, in [0, 1].
    """

    epoch: int
    epochs: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class NetworkStored:
    """The network of the trial is stored, and its child trials can start.

    Attributes:
        notes: remarks on the pruned network, such as fewer filters removed than requested.
        parameters: the number of the network's parameters; 0 if it is not known.
        flops: the floating-point operations of the network for one image; 0 if the number is not known.
        training_seconds: how long all epochs of this trial took together.
    """

    notes: tuple[str, ...] = ()
    parameters: int = 0
    flops: int = 0
    training_seconds: float = 0.0


@dataclass(frozen=True)
class EvaluationStarted:
    """The evaluation of the network under one attack has started.

    Attributes:
        attack: the name of the attack, or ``clean``.
    """

    attack: str


@dataclass(frozen=True)
class EvaluationStored:
    """The evaluation of the network under one attack is stored.

    Attributes:
        attack: the name of the attack, or ``clean``.
        accuracies: the accuracy at the headline severity on all test images, on the selection half and on the report
            half, each in [0, 1]; empty if they are not known.
    """

    attack: str
    accuracies: tuple[float, ...] = ()


@dataclass(frozen=True)
class PreparationStarted:
    """Something that takes seconds and that other trials need too is being prepared.

    Attributes:
        text: what is prepared, in words.
    """

    text: str


TrialEvent = (
    WorkStarted
    | ScoringStarted
    | SharedInputsStored
    | EpochTrained
    | NetworkStored
    | PreparationStarted
    | EvaluationStarted
    | EvaluationStored
)

Progress = Callable[[TrialEvent], None]
"""A callback that receives every event of a trial as soon as it has happened."""


@dataclass(frozen=True)
class WorkCounts:
    """Counts of completed work.

    Attributes:
        epochs: epochs trained.
        scores: sets of scores computed.
        evaluations: evaluations stored.
    """

    epochs: int = 0
    scores: int = 0
    evaluations: int = 0

    @staticmethod
    def from_event(event: TrialEvent) -> "WorkCounts":
        """Return the counts of one event: 1 for the kind of work that the event reports, and 0 for all other kinds."""
        return WorkCounts(
            epochs=isinstance(event, EpochTrained),
            scores=isinstance(event, ScoringStarted),
            evaluations=isinstance(event, EvaluationStored),
        )

    def elementwise_max(self, other: "WorkCounts") -> "WorkCounts":
        """Return the larger value of each count, for two counts of the same work."""
        return WorkCounts(
            max(self.epochs, other.epochs), max(self.scores, other.scores), max(self.evaluations, other.evaluations)
        )

    def __add__(self, other: "WorkCounts") -> "WorkCounts":
        """Return the sum of each count."""
        return WorkCounts(self.epochs + other.epochs, self.scores + other.scores, self.evaluations + other.evaluations)


class WorkCounter:
    """A callback that counts the work reported by events and forwards each event.

    Attributes:
        work: the work reported so far.
    """

    def __init__(self, progress: Progress) -> None:
        """Start counting from zero.

        Args:
            progress: receives each event after it has been counted.
        """
        self.work = WorkCounts()
        self._progress = progress

    def __call__(self, event: TrialEvent) -> None:
        """Count one event and forward it."""
        self.work += WorkCounts.from_event(event)
        self._progress(event)


@dataclass(frozen=True)
class TrialDone:
    """The trial is done: all its results are stored.

    Attributes:
        work: the work of this attempt at the trial, without work that was stored before the attempt.
    """

    work: WorkCounts


@dataclass(frozen=True)
class TrialFailed:
    """The trial failed: it cannot be done.

    Attributes:
        error: the error on one line, as in the trial's row of the results table.
        work: the work of this attempt before it failed.
    """

    error: str
    work: WorkCounts = WorkCounts()


@dataclass(frozen=True)
class TrialLost:
    """The trial was lost for a reason outside it, such as a lost worker or a full disk.

    Attributes:
        error: the reason, on one line.
        work: the work of this attempt; zero after the loss of a worker, whose work is not known.
    """

    error: str
    work: WorkCounts = WorkCounts()


@dataclass(frozen=True)
class TrialStopped:
    """The trial was stopped on request; the next run continues from what is stored.

    Attributes:
        work: how much this attempt computed, such as epochs and evaluations; all of it is stored.
    """

    work: WorkCounts = WorkCounts()


TrialEnd = TrialDone | TrialFailed | TrialLost | TrialStopped


@dataclass(frozen=True)
class ImagesEvaluated:
    """A batch of images was evaluated once for each element of some modules, with only that element removed.

    An element is a filter or a residual block.

    Attributes:
        modules: the module paths.
        images: the number of images evaluated so far.
        total: the number of images to evaluate.
    """

    modules: tuple[str, ...]
    images: int
    total: int


@dataclass(frozen=True)
class ModuleMeasured:
    """The accuracies of a network without each single element (filter or residual block) of one module are stored.

    Attributes:
        module: the module path.
        elements: the number of the module's elements.
        done: the number of modules measured so far.
        total: the number of modules to measure.
        seconds: how long the measurement took; 0 if the accuracies were stored before.
    """

    module: str
    elements: int
    done: int
    total: int
    seconds: float


ElementsEvent = ImagesEvaluated | ModuleMeasured
