"""Running one trial: parent → score → remove → adjust → store the network → attack it → store the evaluations."""

import time
from importlib.metadata import version

import numpy as np
import torch
from numpy.typing import NDArray

from prunesweep.results_store import NotStored, Store
from prunesweep.results_store.documents import Count, Epoch, EvaluationResult, NetworkResult
from prunesweep.results_store.halves import count_by_half
from prunesweep.results_store.predictions import count_by_class
from prunesweep.results_store.rows import headline_accuracies
from prunesweep.sweeps.catalogue import EVALUATIONS, resolve
from prunesweep.sweeps.descriptions import removal_notes
from prunesweep.sweeps.events import (
    EvaluationStarted,
    EvaluationStored,
    NetworkStored,
    PreparationStarted,
    Progress,
    SharedInputsStored,
    WorkCounter,
    WorkCounts,
    WorkStarted,
)
from prunesweep.sweeps.setting import setting_of
from prunesweep.sweeps.trial import Trial
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.architectures.size import flops, parameters
from prunesweep.workers.attacks.subject import Evaluation, Outcome, Subject
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.pruning.errors import NothingToRemove
from prunesweep.workers.pruning.round import Removal, prune
from prunesweep.workers.runtime import configure_torch, device_name, release_memory
from prunesweep.workers.stored_network import load_stored, prepare_for_attack, rebuild_stored
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
    """Run a trial: create its network and then evaluate the network, leaving out what is stored already.

    The trial runs on the device of ``data``. Every result is stored immediately, so that a trial that was interrupted
    continues after its last stored result. Running a finished trial again does nothing.

    A parent that is not in the store raises ``NotStored``. If ``should_stop`` returns true, ``Stopped`` is raised.

    Args:
        trial: the trial, whose parent must be in the store.
        store: the store that results are read from and written to.
        data: the data set of the trial.
        progress: called with each event.
        should_stop: returns whether to stop early; called between epochs, and between the batches of an attack.

    Returns:
        The amount of work that this call did.

    Raises:
        TrialError: the trial cannot be finished; the message is one line.
    """
    configure_torch(trial.context.threads)
    counter = WorkCounter(progress)
    counter(WorkStarted())
    try:
        _run(Work(trial, store, data, counter, should_stop))
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise TrialError(
            f"the memory of the {data.device.type.upper()} is full; lower baseline.batch_size and "
            "adjustment.batch_size, or run fewer trials at once (resources)"
        ) from error
    finally:
        release_memory()
    return counter.work


def _run(work: Work) -> None:
    """Create the trial's network and run the attacks on it, leaving out those whose results are stored already."""
    trial, store, device = work.trial, work.store, work.data.device
    new_network = None if store.has_result(trial.key) else _create_network(work)
    missing = [name for name in trial.evaluations if not store.has_result(trial.evaluation_key(name))]
    if missing:
        if new_network is None:
            network = load_stored(store, trial.key, device).network
        else:
            network = prepare_for_attack(new_network, device)
        subject = Subject(
            network,
            work.data.test,
            trial.context.test_fingerprint,
            work.check_stop,
            say=lambda text: work.progress(PreparationStarted(text)),
        )
        for name in missing:
            _evaluate(subject, work, name)


def _create_network(work: Work) -> Network:
    """Create the trial's network, store it and return it."""
    start = time.monotonic()
    removed_before = Removal()
    if work.trial.parent is None:
        network, history = make_baseline(work)
        removal = Removal()
    else:
        parent, removed_before = _load_parent(work)
        network, removal, history = _next_round(parent, work)
    _store_network(network, history, removed_before + removal, time.monotonic() - start, work)
    return network


def _next_round(parent: Network, work: Work) -> tuple[Network, Removal, list[Epoch]]:
    """Score the structures of the parent's network, remove the lowest-scored ones, and adjust the smaller network.

    Returns:
        The adjusted network, the numbers of structures removed in this round, and the epochs of the training.

    Raises:
        TrialError: no structure is removable.
    """
    try:
        network, removal = prune(parent, work)
    except NothingToRemove as error:
        raise TrialError(f"nothing is left to remove: {error}") from None
    ensure_snapshot(work)
    work.progress(SharedInputsStored())  # trials that need the same scores or snapshot can start now
    adjusted, history = adjust(network, work)
    return adjusted, removal, history


def _load_parent(work: Work) -> tuple[Network, Removal]:
    """Return the parent's network, and the number of structures removed since the baseline.

    Raises:
        NotStored: the parent is not stored.
    """
    parent = work.trial.parent
    assert parent is not None
    try:
        result = work.store.result(parent.key)
    except NotStored:
        raise NotStored(f"the parent of {work.trial.describe()} is not stored; run {parent.describe()} first") from None
    removal = Removal(**{name: result[name] for name in vars(Removal())})
    return rebuild_stored(work.store, parent.key, work.data.device), removal


def _store_network(network: Network, history: list[Epoch], removal: Removal, seconds: float, work: Work) -> None:
    """Store the trial's network and then the result that describes the network.

    Args:
        network: the finished network.
        history: the epochs of this trial's training.
        removal: the numbers of structures removed since the baseline.
        seconds: time that creating the network took.
        work: the trial.
    """
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
    training_seconds = sum(epoch["seconds"] for epoch in history)
    work.progress(NetworkStored(tuple(removal_notes(result)), result["parameters"], result["flops"], training_seconds))


def _evaluate(subject: Subject, work: Work, attack: str) -> None:
    """Run one attack on the subject (the network with its test images), store the outcomes and then the result."""
    start = time.monotonic()
    work.progress(EvaluationStarted(attack))
    entry, settings = EVALUATIONS[attack], work.trial.evaluations[attack]
    evaluation: Evaluation = resolve(entry.code)(subject, settings)
    key = work.trial.evaluation_key(attack)
    work.store.save_outcomes(key, headline_outcomes(evaluation), evaluation.predictions)
    result: EvaluationResult = {
        "kind": "evaluation",
        "key": key,
        "trial_key": work.trial.key,
        "attack": attack,
        "version": entry.version,
        "headline": evaluation.headline or settings.headline_text(),
        "headline_severity": evaluation.headline_severity,
        "test_fingerprint": work.trial.context.test_fingerprint,
        "total": count_by_half(np.ones(len(subject.labels), dtype=bool)),
        "counts": [_correct_count(outcome) for outcome in evaluation.outcomes],
        "measures": evaluation.measures,
        "source": evaluation.source,
        "seconds": time.monotonic() - start,
        "finished_at": time.time(),
    }
    if evaluation.predictions is not None:
        result["classes"] = count_by_class(evaluation.predictions, work.data.classes)
    work.store.save_result(result)
    work.progress(EvaluationStored(attack, tuple(headline_accuracies(result))))


def headline_outcomes(evaluation: Evaluation) -> dict[str, NDArray[np.bool_]]:
    """Return the per-image outcomes of an attack that enter robustness, which are those at the headline severity.

    If the headline is the mean over all severities, these are the outcomes at every severity.

    Args:
        evaluation: the evaluation of one network under one attack.

    Returns:
        Whether each image is correctly classified, bool (images,), by kind of the attack. If the headline is the mean
        over all severities, the keys are ``KIND@SEVERITY``.
    """
    if evaluation.headline_severity is None:
        return {f"{outcome.kind}@{outcome.severity:g}": outcome.correct for outcome in evaluation.outcomes}
    at_headline = (outcome for outcome in evaluation.outcomes if outcome.severity == evaluation.headline_severity)
    return {outcome.kind: outcome.correct for outcome in at_headline}


def _correct_count(outcome: Outcome) -> Count:
    return {"kind": outcome.kind, "severity": outcome.severity, "correct": count_by_half(outcome.correct)}
