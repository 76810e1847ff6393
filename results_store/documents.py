"""The documents that ``results/`` holds: one immutable JSON object a finished piece of work.

A network's result, an evaluation's, and the failure of a trial. Their fields are the truth; the tables are views.
"""

import time
from typing import Any, Literal, TypedDict

from sweeps.trial import Trial, TrialSettings


class Epoch(TypedDict):
    """One epoch of training."""

    epoch: int
    loss: float
    accuracy: float
    learning_rate: float
    seconds: float


class NetworkResult(TypedDict):
    """A network was made and stored under ``key``."""

    kind: Literal["network"]
    key: str
    parent_key: str | None
    baseline_key: str
    control_key: str | None
    settings: TrialSettings
    parameters: int
    flops: int
    filters_asked: int
    filters_removed: int
    blocks_asked: int
    blocks_removed: int
    epochs: int
    epochs_total: int
    history: list[Epoch]
    seconds: float
    device: str
    versions: dict[str, str]
    finished_at: float


class Count(TypedDict):
    """Correct images at one severity of one kind: among all, in the selection half, in the report half."""

    kind: str
    severity: float
    correct: list[int]


class EvaluationResult(TypedDict):
    """A stored network's accuracy under one attack, of ``total`` images: all, selection half, report half."""

    kind: Literal["evaluation"]
    key: str
    trial_key: str
    attack: str
    version: int
    headline: str
    headline_severity: float
    test_fingerprint: str
    total: list[int]
    counts: list[Count]
    measures: dict[str, float]
    source: str
    seconds: float
    finished_at: float


class FailureResult(TypedDict):
    """A trial could not be done: the result with the key ``failed`` could not be made. Once it is, this is void."""

    kind: Literal["failure"]
    key: str
    parent_key: str | None
    baseline_key: str
    control_key: str | None
    settings: TrialSettings
    failed: str
    error: str
    details: str
    finished_at: float


Document = NetworkResult | EvaluationResult | FailureResult
Plain = dict[str, Any]


def failure_of(trial: Trial, failed: str, error: str, details: str = "") -> FailureResult:
    """The failure of a trial.

    Args:
        failed: the key of the result that could not be made.
        error: one line.
        details: a traceback where the fault is ours.
    """
    return {
        "kind": "failure",
        "key": trial.key,
        **trial.relations,
        "settings": trial.settings,
        "failed": failed,
        "error": error,
        "details": details,
        "finished_at": time.time(),
    }


def fault_of(content: object) -> str | None:
    """Why ``content`` is none of the documents, or None where it is one."""
    kind = content.get("kind") if isinstance(content, dict) else None
    if not isinstance(content, dict) or kind not in _FIELDS:
        return f"is no result: its kind is none of {', '.join(_FIELDS)}"
    missing = sorted(_FIELDS[kind] - content.keys())
    return f"is no result of a {kind}: it has no {missing[0]!r}" if missing else None


_FIELDS = {
    "network": NetworkResult.__required_keys__,
    "evaluation": EvaluationResult.__required_keys__,
    "failure": FailureResult.__required_keys__,
}
