"""The life of a trial: parent → score → remove → adjust → store the network → attack it → store what came out."""

import time
from importlib.metadata import version

import numpy as np
import torch
from numpy.typing import NDArray

from prunesweep.results_store import NotStored, Store
from prunesweep.results_store.documents import Count, Epoch, EvaluationResult, NetworkResult
from prunesweep.results_store.halves import by_half
from prunesweep.sweeps.catalogue import EVALUATIONS, resolve
from prunesweep.sweeps.descriptions import removal_notes
from prunesweep.sweeps.events import (
    EvaluationStored,
    NetworkStored,
    Progress,
    SharedStored,
    WorkCounter,
    WorkCounts,
)
from prunesweep.sweeps.setting import setting_of
from prunesweep.sweeps.trial import Trial
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.architectures.size import flops, parameters
from prunesweep.workers.attacks.subject import Evaluation, Outcome, Subject
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.pruning.errors import NothingToRemove
from prunesweep.workers.pruning.round import Removal, prune
from prunesweep.workers.runtime import configure, device_name, release_memory
from prunesweep.workers.stored_network import load_stored, rebuild_stored, to_be_attacked
from prunesweep.workers.tensors import state_arrays
from prunesweep.workers.training.adjustments import adjust
from prunesweep.workers.training.baseline import ensure_snapshot, make_baseline
from prunesweep.workers.work import ShouldStop, TrialError, Work

_PACKAGES = ("prunesweep", "torch", "torchvision", "numpy", "scikit-learn", "torch-pruning")


def run_trial(
    trial: Trial,
    store: Store,
    data: Dataset,
    *,
    progress: Progress = lambda event: None,
    should_stop: ShouldStop = lambda: False,
) -> WorkCounts:
    """Make whatever of a trial the store does not have yet: its network, then its evaluations.

    Runs on the device where ``data`` lies. Everything made is stored at once, so that a trial that ends early goes
    on from there; running a finished trial again does nothing.

    Args:
        trial: its parent has to be in the store.
        progress: called with each event, as soon as what it tells of is true.
        should_stop: asked between epochs, and between batches of an attack.

    Returns:
        what this call made.

    Raises:
        NotStored: the parent is not in the store.
        TrialError: the trial cannot be done; one line says why.
        Stopped: ``should_stop`` said so.
    """
    configure(trial.context.threads)
    counter = WorkCounter(progress)
    try:
        _run(Work(trial, store, data, counter, should_stop))
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise TrialError(
            f"the memory of the {data.device.type.upper()} is full; lower baseline.batch_size and "
            "adjustment.batch_size, or run fewer trials at once (resources)"
        ) from error
    finally:
        release_memory()
    return counter.made


def _run(work: Work) -> None:
    """Make the network and attack it, as far as the store lacks that."""
    trial, store, device = work.trial, work.store, work.data.device
    made = None if store.has_result(trial.key) else _make_network(work)
    missing = [name for name in trial.evaluations if not store.has_result(trial.evaluation_key(name))]
    if missing:
        network = load_stored(store, trial.key, device).network if made is None else to_be_attacked(made, device)
        subject = Subject(network, work.data.test, trial.context.test_fingerprint, work.check_stop)
        for name in missing:
            _evaluate(subject, work, name)


def _make_network(work: Work) -> Network:
    """Makes and stores the network. Returns it as it was when it was stored."""
    start = time.monotonic()
    before = Removal()
    if work.trial.parent is None:
        network, history = make_baseline(work)
        removal = Removal()
    else:
        parent, before = _parent(work)
        network, removal, history = _next_round(parent, work)
    _store_network(network, history, before + removal, time.monotonic() - start, work)
    return network


def _next_round(parent: Network, work: Work) -> tuple[Network, Removal, list[Epoch]]:
    """Score → remove → adjust."""
    try:
        network, removal = prune(parent, work)
    except NothingToRemove as error:
        raise TrialError(f"nothing is left to remove: {error}") from None
    ensure_snapshot(work)
    work.progress(SharedStored())  # siblings need not wait any longer for what they share with this trial
    adjusted, history = adjust(network, work)
    return adjusted, removal, history


def _parent(work: Work) -> tuple[Network, Removal]:
    """The parent's network, and what is gone from it since the baseline."""
    parent = work.trial.parent
    assert parent is not None
    try:
        result = work.store.result(parent.key)
    except NotStored:
        raise NotStored(f"the parent of {work.trial.describe()} is not stored; run {parent.describe()} first") from None
    gone = Removal(**{name: result[name] for name in vars(Removal())})
    return rebuild_stored(work.store, parent.key, work.data.device), gone


def _store_network(network: Network, history: list[Epoch], removal: Removal, seconds: float, work: Work) -> None:
    trial, store = work.trial, work.store
    store.save_network(trial.key, state_arrays(network), network.spec.to_json())
    result: NetworkResult = {
        "kind": "network",
        "key": trial.key,
        **trial.relations,
        "settings": trial.settings,
        "setting": setting_of(trial),
        "parameters": parameters(network),
        "flops": flops(network),
        "filters_asked": removal.filters_asked,
        "filters_removed": removal.filters_removed,
        "blocks_asked": removal.blocks_asked,
        "blocks_removed": removal.blocks_removed,
        "single_filter_layers": len(network.spec.single_filter_layers),
        "epochs": len(history),
        "epochs_total": trial.epochs_total,
        "history": history,
        "seconds": seconds,
        "device": device_name(work.data.device),
        "versions": {name: version(name) for name in _PACKAGES},
        "finished_at": time.time(),
    }
    store.save_result(result)
    store.delete_checkpoint(trial.key)
    work.progress(NetworkStored(tuple(removal_notes(result))))


def _evaluate(subject: Subject, work: Work, attack: str) -> None:
    """Runs one attack and stores its per-image outcomes, then its result."""
    start = time.monotonic()
    entry, settings = EVALUATIONS[attack], work.trial.evaluations[attack]
    evaluation: Evaluation = resolve(entry.code)(subject, settings)
    key = work.trial.evaluation_key(attack)
    work.store.save_outcomes(key, headline_outcomes(evaluation))
    result: EvaluationResult = {
        "kind": "evaluation",
        "key": key,
        "trial_key": work.trial.key,
        "attack": attack,
        "version": entry.version,
        "headline": evaluation.headline or settings.headline_text(),
        "headline_severity": evaluation.headline_severity,
        "test_fingerprint": work.trial.context.test_fingerprint,
        "total": by_half(np.ones(len(subject.labels), dtype=bool)),
        "counts": [_count_of(outcome) for outcome in evaluation.outcomes],
        "measures": evaluation.measures,
        "source": evaluation.source,
        "seconds": time.monotonic() - start,
        "finished_at": time.time(),
    }
    work.store.save_result(result)
    work.progress(EvaluationStored(attack))


def headline_outcomes(evaluation: Evaluation) -> dict[str, NDArray[np.bool_]]:
    """Which images stay correct, bool (images,), at what the robustness is the mean of.

    By kind at the headline severity; where all severities count, by ``KIND@SEVERITY``.
    """
    if evaluation.headline_severity is None:
        return {f"{outcome.kind}@{outcome.severity:g}": outcome.correct for outcome in evaluation.outcomes}
    at_headline = (outcome for outcome in evaluation.outcomes if outcome.severity == evaluation.headline_severity)
    return {outcome.kind: outcome.correct for outcome in at_headline}


def _count_of(outcome: Outcome) -> Count:
    return {"kind": outcome.kind, "severity": outcome.severity, "correct": by_half(outcome.correct)}
