"""Trials with chosen settings and outcomes, stored as a run would have stored them, without training."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from prunesweep.results_store import Store
from prunesweep.results_store.halves import count_by_half
from prunesweep.results_store.schema import TRIAL_COLUMNS
from prunesweep.sweeps.keys import key_of
from tests.helpers.documents import evaluation, network, settings

IMAGES = 100
AXES = frozenset(settings())
_TRAINING = {"batch_size": 32, "learning_rate": 0.01, "momentum": 0.9, "schedule": "cosine", "dynamics": False}
_PRUNING = {"quota": "global", "scoring_images": 16, "adjustment_recipe": "plain"}
_SETTING = {"train_fingerprint": "images", "precision": "fp32", "threads": 1, "baseline_epochs": 6}
UNPRUNED: dict[str, Any] = {
    "structure": "none",
    "criterion": "none",
    "ratio": 0.0,
    "quota": None,
    "scoring_images": None,
}
assert {*_TRAINING, *_PRUNING, *_SETTING} <= {column.name for column in TRIAL_COLUMNS}


def right(correct: int, images: int = IMAGES) -> NDArray[np.bool_]:
    """The outcomes of a network that classifies the first ``correct`` images correctly."""
    return np.arange(images) < correct


def store_trial(
    store: Store,
    key: str,
    outcomes: int | NDArray[np.bool_],
    *,
    baseline: str = "base",
    control: str | None = None,
    attack: str = "fgsm",
    plain: str | None = None,
    flops: int = 1000,
    **given: Any,
) -> str:
    """Store a trial with its outcomes under one attack; by default a pruned one, and a baseline if it is its own.

    Args:
        store: where to.
        key: the trial's key.
        outcomes: which images are classified correctly, or how many of the first ones.
        baseline: the key of its baseline.
        control: the key of its control.
        attack: the attack, or ``clean``.
        plain: the key of the plain baseline.
        flops: the network's FLOPs.
        given: axes and other settings.
    """
    is_baseline = key == baseline
    chosen: dict[str, Any] = _SETTING | _TRAINING | _PRUNING
    if is_baseline:
        chosen |= UNPRUNED | {"adjustment": "none", "iterations": 0, "adjustment_recipe": None}
    chosen |= given
    axes = settings(**{name: value for name, value in chosen.items() if name in AXES})
    setting = {name: value for name, value in chosen.items() if name not in (*AXES, "epochs")}
    setting["setting_key"] = key_of("setting", {**axes, **setting, "seed": None})
    store.save_result(
        network(
            key,
            parent_key=None if is_baseline else baseline,
            baseline_key=baseline,
            control_key=control,
            plain_key=plain,
            settings=axes,
            setting=setting,
            flops=flops,
            epochs=chosen.get("epochs", 2),
        )
    )
    store_evaluation(store, key, outcomes, attack)
    return key


def store_evaluation(
    store: Store, trial_key: str, outcomes: int | NDArray[np.bool_], attack: str = "fgsm", **given: Any
) -> str:
    """Store the evaluation of a trial by one attack, and return its key."""
    flags = right(outcomes) if isinstance(outcomes, int) else outcomes
    total = count_by_half(np.ones_like(flags))
    document = evaluation(trial_key, attack, count_by_half(flags), total=total, **given)
    store.save_result(document)
    store.save_outcomes(document["key"], {attack: flags})
    return document["key"]


def store_baseline(store: Store, seed: int = 0, correct: int = 50, control_correct: int = 50, **given: Any) -> None:
    """Store the baseline ``base{seed}`` and its fine-tuned control ``control{seed}``."""
    store_trial(store, f"base{seed}", correct, baseline=f"base{seed}", seed=seed, **given)
    store_trial(store, f"control{seed}", control_correct, baseline=f"base{seed}", seed=seed, **UNPRUNED, **given)


def store_pruned(store: Store, key: str, correct: int | NDArray[np.bool_], seed: int = 0, **given: Any) -> str:
    """Store a pruned trial of the baseline and the control of its seed."""
    return store_trial(store, key, correct, baseline=f"base{seed}", control=f"control{seed}", seed=seed, **given)
