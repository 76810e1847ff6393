"""The setting of a trial: all contents of its key except the seed, as values for the columns of a table.

Trials of the same setting differ only in their seed, and only such trials are averaged.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prunesweep.sweeps.language import Training
    from prunesweep.sweeps.trial import Trial

# The training settings that have two columns: one for the trial's own round and one for its baseline.
TRAINING_SETTINGS = (
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

# The columns of a setting, in their order; ``setting_key`` is the hash of the setting.
SETTING_NAMES = (
    "setting_key",
    "train_fingerprint",
    "precision",
    "threads",
    "quota",
    "blocks",
    "scoring_images",
    "rewind_epoch",
    "adjustment_recipe",
    *TRAINING_SETTINGS,
    "dynamics",
    "baseline_weights",
    "baseline_mean",
    "baseline_std",
    "baseline_adversarial",
    "baseline_epochs",
    *(f"baseline_{name}" for name in TRAINING_SETTINGS),
)

Setting = dict[str, Any]
"""The settings of a trial that are not axes, by the names of ``SETTING_NAMES``; a setting that is not used is None."""


def setting_of(trial: "Trial") -> Setting:
    """Return the settings of a trial that are not axes, by their column names ``SETTING_NAMES``.

    A setting that the trial does not use is None.
    """
    trial_round, baseline_round = trial.round, trial.baseline.round
    prunes_filters = trial_round.structure in ("filters", "both")
    return {
        "setting_key": trial.setting_key,
        "train_fingerprint": trial.context.train_fingerprint,
        "precision": trial.context.precision,
        "threads": trial.context.threads,
        "quota": trial_round.quota if prunes_filters else None,
        "blocks": trial_round.blocks,
        "scoring_images": None if trial.is_baseline or trial.is_control else trial_round.scoring_images,
        "rewind_epoch": trial_round.rewind_epoch,
        "adjustment_recipe": trial_round.training.recipe if trial_round.training and not trial.is_baseline else None,
        **_training_values(trial_round.training),
        "dynamics": trial_round.dynamics,
        "baseline_weights": baseline_round.weights_sha256,
        "baseline_mean": _as_text(baseline_round.mean),
        "baseline_std": _as_text(baseline_round.std),
        "baseline_adversarial": _adversarial_text(baseline_round.training),
        "baseline_epochs": baseline_round.training.epochs if baseline_round.training else None,
        **{f"baseline_{name}": value for name, value in _training_values(baseline_round.training).items()},
    }


def _training_values(training: "Training | None") -> Mapping[str, Any]:
    """Return the values of ``TRAINING_SETTINGS`` by name; all of them are None if ``training`` is None."""
    if training is None:
        return dict.fromkeys(TRAINING_SETTINGS)
    return {name: getattr(training, name) for name in TRAINING_SETTINGS} | {"step_at": _as_text(training.step_at)}


def _adversarial_text(training: "Training | None") -> str | None:
    """Return the settings of the recipe ``adversarial`` as text; None if the baseline has another recipe."""
    if training is None or training.recipe != "adversarial":
        return None
    return ", ".join(f"{name} {value:g}" for name, value in training.adversarial if value is not None)


def _as_text(numbers: tuple[float, ...] | None) -> str | None:
    return None if numbers is None else ", ".join(f"{number:g}" for number in numbers)
