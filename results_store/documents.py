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
    """A trial could not be done. A success replaces it: one of each of the ``evaluations``."""

    kind: Literal["failure"]
    key: str
    parent_key: str | None
    baseline_key: str
    control_key: str | None
    settings: TrialSettings
    evaluations: list[str]
    error: str
    details: str
    finished_at: float


Document = NetworkResult | EvaluationResult | FailureResult
Plain = dict[str, Any]


def failure_of(trial: Trial, error: str, details: str = "") -> FailureResult:
    """The failure of a trial: ``error`` is one line, ``details`` a traceback where the fault is ours."""
    return {
        "kind": "failure",
        "key": trial.key,
        **trial.relations,
        "settings": trial.settings,
        "evaluations": list(trial.evaluations),
        "error": error,
        "details": details,
        "finished_at": time.time(),
    }
