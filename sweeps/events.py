"""Events: what is told of a trial while it runs, and how it ended.

Workers make the events of a trial in progress; the executors of ``orchestrator.running`` make its end, and the
dispatcher there reads both. They are plain values, so that they travel between processes.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class ScoringStarted:
    """Scores that the store lacks are being made; ``structure`` is ``filters`` or ``layers``."""

    structure: str


@dataclass(frozen=True)
class SharedStored:
    """The scores and the snapshot that siblings need too are stored, and the adjustment begins."""


@dataclass(frozen=True)
class EpochTrained:
    """One epoch of training is done.

    Attributes:
        epoch: its number, from 1.
        epochs: the last one's number.
        loss: the mean loss of the epoch's batches.
        accuracy: the share of its training images that were classified correctly, in [0, 1].
    """

    epoch: int
    epochs: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class NetworkStored:
    """The trial's network is stored, and its children can start.

    Attributes:
        notes: what is worth a word about what pruning left of it.
    """

    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class EvaluationStored:
    """The network's accuracy under one attack, or ``clean``, is stored."""

    attack: str


TrialEvent = ScoringStarted | SharedStored | EpochTrained | NetworkStored | EvaluationStored

Progress = Callable[[TrialEvent], None]
"""Is told of every event of a trial, as soon as what it tells of is true."""


@dataclass(frozen=True)
class WorkCounts:
    """How much was made: epochs trained, sets of scores, evaluations."""

    epochs: int = 0
    scores: int = 0
    evaluations: int = 0

    @staticmethod
    def of(event: TrialEvent) -> "WorkCounts":
        """Count what one event tells of."""
        return WorkCounts(
            epochs=isinstance(event, EpochTrained),
            scores=isinstance(event, ScoringStarted),
            evaluations=isinstance(event, EvaluationStored),
        )

    def at_least(self, other: "WorkCounts") -> "WorkCounts":
        """Return the larger of each count: of the same work, as two have counted it."""
        return WorkCounts(
            max(self.epochs, other.epochs), max(self.scores, other.scores), max(self.evaluations, other.evaluations)
        )

    def __add__(self, other: "WorkCounts") -> "WorkCounts":
        return WorkCounts(self.epochs + other.epochs, self.scores + other.scores, self.evaluations + other.evaluations)


class WorkCounter:
    """Counts what events tell of, and passes each event on.

    Attributes:
        made: what was made so far.
    """

    def __init__(self, progress: Progress) -> None:
        """Pass each event on to ``progress``, once it is counted."""
        self.made = WorkCounts()
        self._progress = progress

    def __call__(self, event: TrialEvent) -> None:
        """Count one event, and pass it on."""
        self.made += WorkCounts.of(event)
        self._progress(event)


@dataclass(frozen=True)
class TrialDone:
    """Everything of the trial is stored; ``made`` counts what this run of it made."""

    made: WorkCounts


@dataclass(frozen=True)
class TrialFailed:
    """The trial cannot be done.

    Attributes:
        error: the one line that its row has.
        made: what this run of it made before it failed.
    """

    error: str
    made: WorkCounts = WorkCounts()


@dataclass(frozen=True)
class TrialLost:
    """The trial was not done for a reason that lies outside it, such as a lost worker or a full disk.

    Attributes:
        error: one line.
        made: what this run of it made, as far as it is known: of a lost worker it is not.
    """

    error: str
    made: WorkCounts = WorkCounts()


@dataclass(frozen=True)
class TrialStopped:
    """An end was asked for; what was ``made`` is stored, and the trial goes on from there."""

    made: WorkCounts = WorkCounts()


TrialEnd = TrialDone | TrialFailed | TrialLost | TrialStopped


@dataclass(frozen=True)
class ImagesShown:
    """A batch of images was shown to a network with each element of some modules removed alone.

    Attributes:
        modules: the paths of the modules.
        images: how many images were shown so far, of ``of``.
    """

    modules: tuple[str, ...]
    images: int
    of: int


@dataclass(frozen=True)
class ModuleMeasured:
    """The accuracies of one module's single elements are stored.

    Attributes:
        module: its path.
        elements: how many it has.
        done: how many modules are measured so far, of ``of``.
        seconds: what it took; 0 where it was stored before.
    """

    module: str
    elements: int
    done: int
    of: int
    seconds: float


ElementsEvent = ImagesShown | ModuleMeasured
