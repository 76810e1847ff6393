"""The documents that ``results/`` holds: one immutable JSON object a finished piece of work.

What is kept of networks, evaluations, transfers, single elements, verdicts and failures. Their fields are the truth;
the tables are views.
"""

import re
import time
from typing import Any, Literal, NotRequired, TypedDict

from prunesweep.sweeps.setting import Setting, setting_of
from prunesweep.sweeps.trial import Trial, TrialSettings


class Dynamics(TypedDict, total=False):
    """How training goes after an epoch, where the sweep asked for it.

    ``prunesweep.workers.training.dynamics`` defines both.
    """

    gradient_confusion: float | None
    layer_rotation: float


class Epoch(Dynamics):
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
    plain_key: NotRequired[str | None]  # documents of older stores lack it
    settings: TrialSettings
    setting: NotRequired[Setting]  # documents of older stores lack it
    parameters: int
    flops: int
    filters_asked: int
    filters_removed: int
    blocks_asked: int
    blocks_removed: int
    single_filter_layers: NotRequired[int]  # likewise
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
    headline_severity: float | None  # None: all severities count
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
    plain_key: NotRequired[str | None]  # documents of older stores lack it
    settings: TrialSettings
    setting: NotRequired[Setting]  # documents of older stores lack it
    failed: str
    error: str
    ancestor: NotRequired[str | None]  # the trial that this one fell with, where it did not fail itself
    details: str
    finished_at: float


class TransferResult(TypedDict):
    """The target's accuracy on images that were crafted on the source: of all, selection half, report half."""

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
    """Correct images, of ``total``, with each element of ``ElementsResult.elements`` gone alone; in their order."""

    attack: str
    headline: str
    severity: float | None
    correct: list[int]
    reference: int  # with every element in place; of an attack of several kinds, counts are sums over the kinds
    total: int


class ElementsResult(TypedDict):
    """The single elements of one module: each filter of a convolution, or one residual block ([0])."""

    kind: Literal["elements"]
    key: str
    trial_key: str
    structure: str
    module: str
    elements: list[int]
    attacks: list[ElementCounts]
    images: int  # the first so many test images
    test_fingerprint: str
    seconds: float
    finished_at: float


class VerdictResult(TypedDict):
    """Whether a trial's gain in robustness is real. Gains are in percentage points, ``lower`` their 95 % bounds."""

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
    """The failure of a trial.

    Args:
        failed: the key of the result that could not be made.
        error: one line.
        details: a traceback where the fault is ours.
        ancestor: the key of the trial that it fell with, where it did not fail itself.
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


def fallen_with(trial: Trial, ancestor: Trial, error: str) -> FailureResult:
    """The failure of a trial that cannot be done because an ancestor of it failed with this error."""
    why = f"its ancestor {ancestor.key} ({ancestor.describe()}) failed: {error}"
    return failure_of(trial, trial.key, why, ancestor=ancestor.key)


def ancestor_of(failure: FailureResult) -> str | None:
    """The key of the trial that a failed one fell with; None where it failed itself."""
    told = _ANCESTOR.match(failure["error"])  # all that older versions noted
    return failure.get("ancestor") or (told["key"] if told else None)


_ANCESTOR = re.compile(r"its ancestor (?P<key>[0-9a-f]{32}) \(")


def trial_of(document: JsonObject) -> str:
    """The key of the trial that a document tells of; of a transfer, its source's."""
    place = {"network": "key", "failure": "key", "transfer": "source_key"}.get(document["kind"], "trial_key")
    key: str = document[place]
    return key


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
    "transfer": TransferResult.__required_keys__,
    "elements": ElementsResult.__required_keys__,
    "verdict": VerdictResult.__required_keys__,
}
