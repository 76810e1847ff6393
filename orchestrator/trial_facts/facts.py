"""Everything that a store knows about one trial."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from prunesweep.orchestrator.query.columns import AXIS_COLUMNS, COMPARABLE_WITHIN, SEED, SETTING_DETAILS, SETTING_KEY
from prunesweep.orchestrator.query.descriptions import describe_network
from prunesweep.orchestrator.query.trials import find_key, rows_as_dicts
from prunesweep.orchestrator.trial_facts.accuracies import AccuracyFacts, accuracies_of
from prunesweep.orchestrator.trial_facts.attacks import SeverityFacts, severities_of
from prunesweep.orchestrator.trial_facts.classes import ClassesFacts, NoClasses, classes_of
from prunesweep.orchestrator.trial_facts.command import NoCommand, TrialCommand, command_of
from prunesweep.orchestrator.trial_facts.relatives import Relative, relatives_of
from prunesweep.orchestrator.trial_facts.sizes import SizeFacts, sizes_of
from prunesweep.orchestrator.trial_facts.training import (
    RoundFacts,
    TrainingFacts,
    iso_time,
    round_of,
    training_of,
)
from prunesweep.results_store import Store, StoreLike, existing_store
from prunesweep.results_store.documents import FailureResult, VerdictResult, failed_ancestor_of
from prunesweep.results_store.rows import Row, reference_keys
from prunesweep.sweeps.catalogue import CLEAN

DONE, FAILED_TRIAL, UNFINISHED = "done", "failed", "unfinished"

_SETTINGS: dict[str, type] = {
    **AXIS_COLUMNS,
    SEED: int,
    SETTING_KEY: str,
    **SETTING_DETAILS,
    **dict.fromkeys(COMPARABLE_WITHIN, str),
}
"""The types of the columns that describe a trial."""


@dataclass(frozen=True)
class FailureFacts:
    """Why a trial failed.

    Attributes:
        error: the reason in one line.
        ancestor: the key of the ancestor that failed; None if the trial itself failed.
        result: what could not be made: ``network``, or the name of an attack (``clean`` is no attack); None if it is
            not known which attack it was.
        failed_at: when it failed, in ISO 8601 (UTC).
        details: the traceback if a bug caused the failure, else empty.
    """

    error: str
    ancestor: str | None
    result: str | None
    failed_at: str
    details: str


@dataclass(frozen=True)
class TrialFacts:
    """Everything that a store knows about one trial.

    Attributes:
        key: the key of the trial.
        network: the setting in words, without the seed.
        seed: the seed.
        state: ``done``, ``failed``, or ``unfinished`` if attacks that a sweep asked for are missing.
        sweeps: the names of the sweeps that asked for the trial.
        settings: the trial's values in the columns of the table ``trials`` that describe its setting, its test images
            and its robustness, without nulls.
        relatives: the trial's ancestors, control and children.
        accuracies: the accuracies with their gains.
        severities: the accuracy under each kind and severity of each attack.
        classes: the accuracies on each class, and the calibration; None if they are not known.
        no_classes: why they are not known; empty if they are.
        logit_margin: the mean over the clean images of the true class's logit minus the largest other logit.
        vanishing_gradients: the share of clean images without a gradient, in [0, 1].
        size: the size of the network beside its baseline's; None if the network is not stored.
        training: the training of the round; None if the network is not stored.
        round: where and when the round ran; None if the network is not stored.
        verdict: the stored verdict on the gain in robustness without its evidence; None if it was not verified.
        failure: why the trial failed; None if it did not.
        command: the command that would make the trial alone; None if there is none.
        no_command: why there is no such command; empty if there is one.
    """

    key: str
    network: str
    seed: int
    state: str
    sweeps: list[str]
    settings: dict[str, Any]
    relatives: list[Relative]
    accuracies: list[AccuracyFacts]
    severities: list[SeverityFacts]
    classes: ClassesFacts | None
    no_classes: str
    logit_margin: float | None
    vanishing_gradients: float | None
    size: SizeFacts | None
    training: TrainingFacts | None
    round: RoundFacts | None
    verdict: dict[str, Any] | None
    failure: FailureFacts | None
    command: TrialCommand | None
    no_command: str

    def as_json(self) -> str:
        """Return all facts as JSON, with null for values that are not known."""
        return json.dumps(_without_nan(asdict(self)), indent=1, allow_nan=False)


def show_trial(store: StoreLike, trial: str) -> TrialFacts:
    """Return everything that a store knows about one trial, which may also be one that failed.

    A missing store raises ``UserError``, with a message of one line, and so does a key that no trial has, or that is
    the beginning of several keys.

    Args:
        store: a folder, an fsspec URL or an open store.
        trial: the trial's key or the beginning of it.

    Example:
        >>> from prunesweep import show_trial
        >>> facts = show_trial("store", "1d7dd2ef")
        >>> facts.network, facts.size.filters_removed, round(facts.accuracies[1].gain.all, 2)
        ('resnet20 filters l1 0.6 ×1 fine_tune', 207, -15.79)
    """
    opened = existing_store(store)
    rows = {row["trial_key"]: row for row in rows_as_dicts(opened.table("trials"))}
    return _facts(opened, rows[find_key(rows, trial, opened.url)], rows)


def _facts(store: Store, row: Row, rows: Mapping[str, Row]) -> TrialFacts:
    key = row["trial_key"]
    documents = store.documents_of([each for each in (key, *reference_keys(row)) if each is not None])
    network, failure = documents.networks.get(key), documents.failures.get(key)
    sweeps = row["sweeps"].split(", ") if row["sweeps"] else []
    command, no_command = _command(store, row, rows, sweeps)
    classes, no_classes = _classes(store, row, rows)
    return TrialFacts(
        key=key,
        network=describe_network(row),
        seed=int(row["seed"]),
        state=_state(store, row, sweeps),
        sweeps=sweeps,
        settings={name: kind(row[name]) for name, kind in _SETTINGS.items() if row[name] is not None},
        relatives=relatives_of(row, rows),
        accuracies=accuracies_of(store, row, rows),
        severities=severities_of(row, documents),
        classes=classes,
        no_classes=no_classes,
        logit_margin=row["logit_margin"],
        vanishing_gradients=row["vanishing_gradients"],
        size=sizes_of(store, row, rows),
        training=training_of(network) if network is not None else None,
        round=round_of(network, documents) if network is not None else None,
        verdict=_verdict(documents.verdicts.get(key)),
        failure=_failure(failure, store, sweeps) if failure is not None else None,
        command=command,
        no_command=no_command,
    )


def _state(store: Store, row: Row, sweeps: list[str]) -> str:
    """Return whether a trial is done: whether all results that sweeps asked for are stored."""
    if row["error"] is not None:
        return FAILED_TRIAL
    stored = store.result_keys()
    asked = [store.load_sweep_run(sweep)["result_keys"][row["trial_key"]] for sweep in sweeps]
    return DONE if all(stored.issuperset(keys) for keys in asked) else UNFINISHED


def _verdict(verdict: VerdictResult | None) -> dict[str, Any] | None:
    """Return a verdict without its evidence, which ``prunesweep verify-robustness`` shows."""
    return None if verdict is None else {name: value for name, value in verdict.items() if name != "evidence"}


def _failure(failure: FailureResult, store: Store, sweeps: list[str]) -> FailureFacts:
    return FailureFacts(
        error=failure["error"],
        ancestor=failed_ancestor_of(failure),
        result=_failed_result(failure, store, sweeps),
        failed_at=iso_time(failure["finished_at"]),
        details=failure["details"],
    )


def _failed_result(failure: FailureResult, store: Store, sweeps: list[str]) -> str | None:
    """Return ``network`` or the attack whose result could not be made; None if no sweep tells."""
    if failure["failed"] == failure["key"]:
        return "network"
    for sweep in sweeps:
        run = store.load_sweep_run(sweep)
        results = run["result_keys"].get(failure["key"], [])
        # The results of a trial are its network, its clean evaluation and its attacks in the order of the sweep.
        attacks = [name for name, settings in run["settings"]["attacks"].items() if settings is not None]
        names = ["network", CLEAN, *attacks]
        if failure["failed"] in results and len(names) == len(results):
            return str(names[results.index(failure["failed"])])
    return None


def _command(store: Store, row: Row, rows: Mapping[str, Row], sweeps: list[str]) -> tuple[TrialCommand | None, str]:
    """Return the command that makes the trial alone, or the reason why there is none."""
    try:
        return command_of(store, row, rows, sweeps), ""
    except NoCommand as reason:
        return None, str(reason)


def _classes(store: Store, row: Row, rows: Mapping[str, Row]) -> tuple[ClassesFacts | None, str]:
    """Return the accuracies on each class, or the reason why they are not known."""
    try:
        return classes_of(store, row, rows), ""
    except NoClasses as reason:
        return None, str(reason)


def _without_nan(value: Any) -> Any:
    """Return a JSON value in which every NaN is None."""
    if isinstance(value, dict):
        return {name: _without_nan(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
