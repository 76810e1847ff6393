"""The setting of a trial: all that its key holds but the seed, as values that the columns of a table can show.

Trials of one setting differ in their seed alone, and only such trials are averaged.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prunesweep.sweeps.language import Training
    from prunesweep.sweeps.trial import Trial

# The settings of training that a round and a baseline have a column each for.
TRAINING = (
    "batch_size",
    "learning_rate",
    "momentum",
    "nesterov",
    "weight_decay",
    "schedule",
    "warmup_epochs",
    "step_at",
    "step_factor",
    "label_smoothing",
    "crop_padding",
    "flip",
)


# All of a setting, in the order of its columns; ``setting_key`` is the hash of the rest.
NAMES = (
    "setting_key",
    "train_fingerprint",
    "precision",
    "threads",
    "quota",
    "blocks",
    "scoring_images",
    "rewind_epoch",
    "adjustment_recipe",
    *TRAINING,
    "dynamics",
    "baseline_weights",
    "baseline_mean",
    "baseline_std",
    "baseline_adversarial",
    "baseline_epochs",
    *(f"baseline_{name}" for name in TRAINING),
)

Setting = dict[str, Any]
"""What is set of a trial beside the axes, by the names of ``NAMES``; None where it is not used."""


def setting_of(trial: "Trial") -> Setting:
    """Return the setting of a trial."""
    own, baseline = trial.round, trial.baseline.round
    prunes_filters = own.structure in ("filters", "both")
    return {
        "setting_key": trial.setting_key,
        "train_fingerprint": trial.context.train_fingerprint,
        "precision": trial.context.precision,
        "threads": trial.context.threads,
        "quota": own.quota if prunes_filters else None,
        "blocks": own.blocks,
        "scoring_images": None if trial.is_baseline or trial.is_control else own.scoring_images,
        "rewind_epoch": own.rewind_epoch,
        "adjustment_recipe": own.training.recipe if own.training and not trial.is_baseline else None,
        **_training(own.training),
        "dynamics": own.dynamics,
        "baseline_weights": baseline.weights_sha256,
        "baseline_mean": _as_text(baseline.mean),
        "baseline_std": _as_text(baseline.std),
        "baseline_adversarial": _adversarial(baseline.training),
        "baseline_epochs": baseline.training.epochs if baseline.training else None,
        **{f"baseline_{name}": value for name, value in _training(baseline.training).items()},
    }


def _training(training: "Training | None") -> Mapping[str, Any]:
    if training is None:
        return dict.fromkeys(TRAINING)
    return {name: getattr(training, name) for name in TRAINING} | {"step_at": _as_text(training.step_at)}


def _adversarial(training: "Training | None") -> str | None:
    """Return the attack of the recipe ``adversarial`` where the baseline was trained by it."""
    if training is None or training.recipe != "adversarial":
        return None
    return ", ".join(f"{name} {value:g}" for name, value in training.adversarial if value is not None)


def _as_text(numbers: tuple[float, ...] | None) -> str | None:
    return None if numbers is None else ", ".join(f"{number:g}" for number in numbers)
