"""The documents in ``results/``: one immutable JSON object per finished piece of work.

There are documents of networks, evaluations, transfers, single elements, verdicts and failures. The tables are derived
from them and can be rebuilt at any time.
"""

import re
import time
from typing import Any, Literal, NotRequired, TypedDict

from prunesweep.sweeps.setting import Setting, setting_of
from prunesweep.sweeps.trial import Trial, TrialSettings


class Dynamics(TypedDict, total=False):
    """Diagnostics of training that are measured after an epoch if the sweep requests them.

    Both are defined and computed in ``prunesweep.workers.training.dynamics``.
    """

    gradient_confusion: float | None
    layer_rotation: float


class Epoch(Dynamics):
    """The measurements of one epoch of training."""

    epoch: int
    loss: float
    accuracy: float
    learning_rate: float
    seconds: float


class NetworkResult(TypedDict):
    """A network that is finished and stored under ``key``."""

    kind: Literal["network"]
    key: str
    parent_key: str | None
    baseline_key: str
    control_key: str | None
    plain_key: NotRequired[str | None]  # missing in documents of older versions
    settings: TrialSettings
    setting: NotRequired[Setting]  # missing in documents of older versions
    parameters: int
    flops: int
    filters_asked: int
    filters_removed: int
    blocks_asked: int
    blocks_removed: int
    single_filter_layers: NotRequired[int]  # missing in documents of older versions
    epochs: int
    epochs_total: int
    history: list[Epoch]
    seconds: float
    device: str
    versions: dict[str, str]
    finished_at: float


class Count(TypedDict):
    """The number of correctly classified images under one kind of an attack at one severity.

    ``correct`` holds three numbers: the correctly classified images among all test images, in the selection half (the
    test images that networks are chosen on) and in the report half (those that chosen networks are reported on).
    """

    kind: str
    severity: float
    correct: list[int]


class ClassCounts(TypedDict):
    """The test images by class: how many there are, how many are classified correctly, and how often it is predicted.

    Every list of numbers has one number per class, in the order of the classes. ``total`` and ``correct`` hold three
    such lists: of all test images, of those in the selection half (that networks are chosen on) and of those in the
    report half (that chosen networks are reported on). ``predicted`` counts all test images.
    """

    total: list[list[int]]
    correct: list[list[int]]
    predicted: list[int]
    names: NotRequired[list[str]]  # missing if the data set does not name its classes, or names them by their numbers


class EvaluationResult(TypedDict):
    """The accuracy of a stored network under one attack.

    ``total`` holds three numbers: of all test images, of those in the selection half (that networks are chosen on) and
    of those in the report half (that chosen networks are reported on).
    """

    kind: Literal["evaluation"]
    key: str
    trial_key: str
    attack: str
    version: int
    headline: str
    headline_severity: float | None  # None: robustness is the mean over all severities
    test_fingerprint: str
    total: list[int]
    counts: list[Count]
    measures: dict[str, float]  # further columns of the table ``trials``
    classes: NotRequired[ClassCounts]  # only of clean images; missing in documents of older versions
    source: str  # where the attacked images come from
    seconds: float
    finished_at: float


class FailureResult(TypedDict):
    """The failure of a trial: the result with the key ``failed`` could not be produced.

    The failure no longer counts once that result is stored.
    """

    kind: Literal["failure"]
    key: str
    parent_key: str | None
    baseline_key: str
    control_key: str | None
    plain_key: NotRequired[str | None]  # missing in documents of older versions
    settings: TrialSettings
    setting: NotRequired[Setting]  # missing in documents of older versions
    failed: str
    error: str
    ancestor: NotRequired[str | None]  # the ancestor that failed; None if the trial itself failed
    details: str
    finished_at: float


class TransferResult(TypedDict):
    """The accuracy of the network ``target_key`` on adversarial images crafted on the network ``source_key``.

    ``correct`` and ``total`` each hold three numbers: for all test images, for the selection half (that networks are
    chosen on) and for the report half (that chosen networks are reported on).
    """

    kind: Literal["transfer"]
    key: str
    source_key: str
    target_key: str
    attack: str
    version: int
    headline: str
    severity: float
    test_fingerprint: str
    total: list[int]
    correct: list[int]
    seconds: float
    finished_at: float


class ElementCounts(TypedDict):
    """The numbers of images that are correctly classified under one attack when each element alone is removed.

    ``correct`` has one number per element (a filter or a residual block), in the order of ``ElementsResult.elements``.
    For an attack of several kinds, ``correct``, ``reference`` and ``total`` are sums over the kinds.
    """

    attack: str
    headline: str
    severity: float | None
    correct: list[int]
    reference: int  # correct with no element removed
    total: int


class ElementsResult(TypedDict):
    """The effect of removing each element of one module alone.

    ``elements`` holds the indices of the filters of a convolution, or ``[0]`` for a residual block, which is itself the
    only element.
    """

    kind: Literal["elements"]
    key: str
    trial_key: str
    structure: str
    module: str
    elements: list[int]
    attacks: list[ElementCounts]
    images: int  # number of test images that the analysis used
    test_fingerprint: str
    seconds: float
    finished_at: float


class VerdictResult(TypedDict):
    """The verdict on whether a trial's gain in robustness is real.

    ``gain`` is over the baseline and ``gain_over_control`` over the control, both in percentage points. ``lower`` and
    ``lower_over_control`` are the 95 % lower bounds of these gains.
    """

    kind: Literal["verdict"]
    key: str
    trial_key: str
    baseline_key: str
    control_key: str | None
    verdict: str
    gain: float
    lower: float
    gain_over_control: float | None
    lower_over_control: float | None
    images: int
    alarms: list[str]
    evidence: dict[str, Any]
    version: int
    test_fingerprint: str
    seconds: float
    finished_at: float


Document = NetworkResult | EvaluationResult | FailureResult | TransferResult | ElementsResult | VerdictResult
JsonObject = dict[str, Any]


def failure_of(trial: Trial, failed: str, error: str, details: str = "", ancestor: str | None = None) -> FailureResult:
    """Return the document of a trial's failure.

    Args:
        trial: the failed trial.
        failed: the key of the result that could not be produced.
        error: the reason, in one line.
        details: the traceback if a bug in prunesweep caused the failure, else empty.
        ancestor: the key of the ancestor that failed; None if the trial itself failed.
    """
    return {
        "kind": "failure",
        "key": trial.key,
        **trial.relations,
        "settings": trial.settings,
        "setting": setting_of(trial),
        "failed": failed,
        "error": error,
        "ancestor": ancestor,
        "details": details,
        "finished_at": time.time(),
    }


def inherited_failure(trial: Trial, ancestor: Trial, error: str) -> FailureResult:
    """Return the failure of a trial that cannot run because one of its ancestors failed.

    Args:
        trial: the trial that cannot run.
        ancestor: the ancestor that failed.
        error: the error of the ancestor, in one line.
    """
    why = f"its ancestor {ancestor.key} ({ancestor.describe()}) failed: {error}"
    return failure_of(trial, trial.key, why, ancestor=ancestor.key)


def failed_ancestor_of(failure: FailureResult) -> str | None:
    """Return the key of the ancestor whose failure caused this failure, or None if the trial itself failed."""
    match = _ANCESTOR.match(failure["error"])  # older versions stored the ancestor in the error text alone
    return failure.get("ancestor") or (match["key"] if match else None)


_ANCESTOR = re.compile(r"its ancestor (?P<key>[0-9a-f]{32}) \(")


def trial_key_of(document: JsonObject) -> str:
    """Return the key of the trial that a document belongs to; a transfer belongs to its source network."""
    field = {"network": "key", "failure": "key", "transfer": "source_key"}.get(document["kind"], "trial_key")
    key: str = document[field]
    return key


def invalid_reason(content: object) -> str | None:
    """Return the reason why parsed JSON is not a document of the store, or None if it is a document.

    The reason continues a message that begins with the path of the file.
    """
    kind = content.get("kind") if isinstance(content, dict) else None
    if not isinstance(content, dict) or kind not in _REQUIRED_FIELDS:
        return f"is not a result: its kind is none of {', '.join(_REQUIRED_FIELDS)}"
    missing = sorted(_REQUIRED_FIELDS[kind] - content.keys())
    return f"is not a valid {kind} result: it has no {missing[0]!r}" if missing else None


_REQUIRED_FIELDS = {
    "network": NetworkResult.__required_keys__,
    "evaluation": EvaluationResult.__required_keys__,
    "failure": FailureResult.__required_keys__,
    "transfer": TransferResult.__required_keys__,
    "elements": ElementsResult.__required_keys__,
    "verdict": VerdictResult.__required_keys__,
}
