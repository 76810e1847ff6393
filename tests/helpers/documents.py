"""Results for tests to store, as short as they can be."""

from typing import Any

from prunesweep.results_store.documents import Count, EvaluationResult, FailureResult, NetworkResult, TransferResult
from prunesweep.sweeps.keys import key_of
from prunesweep.sweeps.trial import TrialSettings

TOTAL = [100, 50, 50]


def settings(**given: Any) -> TrialSettings:
    """The words that describe a trial: by default a pruned one."""
    described: TrialSettings = {
        "dataset": "digits",
        "architecture": "resnet20",
        "recipe": "plain",
        "structure": "filters",
        "criterion": "l1",
        "adjustment": "fine_tune",
        "iterations": 1,
        "ratio": 0.1,
        "seed": 0,
    }
    described.update(given)  # type: ignore[typeddict-item]  # any field, by name
    return described


def network(key: str = "pruned", **given: Any) -> NetworkResult:
    """A network was stored: by default one pruned from ``base``, with ``control`` to compare with."""
    made: NetworkResult = {
        "kind": "network",
        "key": key,
        "parent_key": "base",
        "baseline_key": "base",
        "control_key": "control",
        "settings": settings(),
        "parameters": 1000,
        "flops": 2000,
        "filters_asked": 4,
        "filters_removed": 4,
        "blocks_asked": 0,
        "blocks_removed": 0,
        "epochs": 2,
        "epochs_total": 6,
        "history": [{"epoch": 1, "loss": 0.5, "accuracy": 0.8, "learning_rate": 0.01, "seconds": 1.5}],
        "seconds": 3.0,
        "device": "cpu",
        "versions": {"torch": "2"},
        "finished_at": 1.0,
    }
    made.update(given)  # type: ignore[typeddict-item]  # any field, by name
    words = {name: value for name, value in made["settings"].items() if name != "seed"}
    return {"setting": {"setting_key": key_of("setting", words)}, **made}


def baseline(key: str = "base") -> NetworkResult:
    unpruned = settings(structure="none", criterion="none", adjustment="none", iterations=0, ratio=0.0)
    return network(key, parent_key=None, baseline_key=key, control_key=None, settings=unpruned, filters_removed=0)


def control(key: str = "control") -> NetworkResult:
    return network(key, control_key=None, settings=settings(structure="none", criterion="none", ratio=0.0))


def evaluation(trial_key: str, attack: str = "clean", *correct: list[int], **given: Any) -> EvaluationResult:
    """An evaluation; ``correct``: of all, selection and report images, one list for each kind at the headline."""
    severity = given.setdefault("headline_severity", 0.0 if attack == "clean" else 0.5)
    kinds = given.pop("kinds", [attack])
    counts: list[Count] = [
        {"kind": kind, "severity": severity, "correct": halves} for kind, halves in zip(kinds, correct, strict=True)
    ]
    made: EvaluationResult = {
        "kind": "evaluation",
        "key": f"{trial_key}-{attack}",
        "trial_key": trial_key,
        "attack": attack,
        "version": 1,
        "headline": "" if attack == "clean" else f"at {severity:g}",
        "headline_severity": severity,
        "test_fingerprint": "images",
        "total": TOTAL,
        "counts": counts + given.pop("others", []),
        "measures": {"logit_margin": 2.5, "vanishing_gradients": 0.25} if attack == "clean" else {},
        "source": "",
        "seconds": 0.5,
        "finished_at": 2.0,
    }
    made.update(given)  # type: ignore[typeddict-item]  # any field, by name
    return made


def failure(key: str = "pruned", error: str = "out of memory", **given: Any) -> FailureResult:
    """A trial failed: by default its network could not be made."""
    made: FailureResult = {
        "kind": "failure",
        "key": key,
        "parent_key": "base",
        "baseline_key": "base",
        "control_key": "control",
        "settings": settings(),
        "failed": key,
        "error": error,
        "details": "",
        "finished_at": 1.0,
    }
    made.update(given)  # type: ignore[typeddict-item]  # any field, by name
    return made


def transfer(source: str, target: str, correct: int = 40) -> TransferResult:
    return {
        "kind": "transfer",
        "key": f"{source}-to-{target}",
        "source_key": source,
        "target_key": target,
        "attack": "fgsm",
        "version": 1,
        "headline": "at 8/255",
        "severity": 8 / 255,
        "test_fingerprint": "images",
        "total": TOTAL,
        "correct": [correct, correct // 2, correct - correct // 2],
        "seconds": 1.0,
        "finished_at": 3.0,
    }
