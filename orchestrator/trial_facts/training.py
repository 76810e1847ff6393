"""The training of one trial's round, and where and when the round ran."""

from dataclasses import dataclass
from datetime import UTC, datetime

from prunesweep.results_store.documents import Epoch, NetworkResult
from prunesweep.results_store.rows import DocumentsByKind, latest_by_attack


@dataclass(frozen=True)
class TrainingFacts:
    """The training of a trial's round.

    Attributes:
        epochs: epochs trained in this round.
        epochs_total: epochs trained in this round and all rounds before it.
        history: the measurements of each epoch of this round: ``epoch``, ``loss`` (nats), ``accuracy`` on the training
            images, ``learning_rate``, ``seconds``, and ``gradient_confusion`` and ``layer_rotation`` if they were
            requested.
    """

    epochs: int
    epochs_total: int
    history: list[Epoch]


@dataclass(frozen=True)
class RoundFacts:
    """Where and when a trial's round ran.

    Attributes:
        finished_at: when the network was finished, in ISO 8601 (UTC).
        device: the name of the GPU, or ``cpu``.
        seconds: the duration of scoring, removal and training.
        attack_seconds: the duration of each evaluation by its attack; ``clean`` is no attack.
        versions: the versions of the packages that computed the network.
    """

    finished_at: str
    device: str
    seconds: float
    attack_seconds: dict[str, float]
    versions: dict[str, str]


def training_of(network: NetworkResult) -> TrainingFacts:
    """Return the training of a trial's round."""
    return TrainingFacts(network["epochs"], network["epochs_total"], network["history"])


def round_of(network: NetworkResult, documents: DocumentsByKind) -> RoundFacts:
    """Return where and when a trial's round ran.

    Args:
        network: the document of the trial's network.
        documents: the documents of the trial.
    """
    evaluations = latest_by_attack(documents.evaluations.get(network["key"], []))
    return RoundFacts(
        finished_at=iso_time(network["finished_at"]),
        device=network["device"],
        seconds=network["seconds"],
        attack_seconds={name: evaluation["seconds"] for name, evaluation in evaluations.items()},
        versions=network["versions"],
    )


def iso_time(unix_time: float) -> str:
    """Return a Unix time in ISO 8601 to the second, in UTC, such as ``2026-11-27T09:30:00+00:00``."""
    return datetime.fromtimestamp(unix_time, UTC).isoformat(timespec="seconds")
