"""The setting of a trial: all contents of its key except the seed."""

import pytest

from prunesweep.results_store.schema import SWEEPS_COLUMN, TRIAL_COLUMNS
from prunesweep.sweeps.setting import SETTING_NAMES, setting_of
from prunesweep.sweeps.trial import Trial
from tests.helpers.trees import pruned, tree_of

SWEEP = """
name: settings
dataset: {name: digits}
baseline: {epochs: 4}
adjustment: {rewind_epoch: 1}
axes: {architecture: resnet20, structure: both, criterion: l1, adjustment: winning_ticket}
"""

# An override, and a column of the pruned trial's setting that it changes.
CHANGES = {
    "baseline.epochs=5": "baseline_epochs",
    "baseline.learning_rate=0.05": "baseline_learning_rate",
    "baseline.batch_size=64": "baseline_batch_size",
    "baseline.weight_decay=1e-4": "baseline_weight_decay",
    "baseline.schedule=step": "baseline_schedule",
    "baseline.step_at=[0.4]": "baseline_step_at",
    "baseline.label_smoothing=0.1": "baseline_label_smoothing",
    "baseline.mean=[0.1, 0.1, 0.1]": "baseline_mean",
    "adjustment.rewind_epoch=2": "rewind_epoch",
    "pruning.quota=per_layer": "quota",
    "pruning.blocks=1": "blocks",
    "pruning.scoring_images=64": "scoring_images",
    "precision=bf16": "precision",
    "resources.cpu=2": "threads",
    "dynamics=true": "dynamics",
    "dataset.size=32": "train_fingerprint",
    "dataset.train_limit=100": "train_fingerprint",
}


def the_pruned(*overrides: str) -> Trial:
    with_std = [*overrides, "baseline.std=[0.3, 0.3, 0.3]"] if "baseline.mean" in "".join(overrides) else overrides
    return pruned(SWEEP, *with_std)


@pytest.mark.parametrize("override", CHANGES)
def test_every_override_gives_another_setting_and_shows_in_its_column(override: str) -> None:
    before, after = the_pruned(), the_pruned(override)
    assert before.settings == after.settings  # equal on the axes
    assert before.setting_key != after.setting_key
    differing = {name for name in SETTING_NAMES if setting_of(before)[name] != setting_of(after)[name]}
    assert CHANGES[override] in differing


@pytest.mark.parametrize("iterations", [0, 1, 2])
def test_seeds_share_a_setting_and_nothing_else_does(iterations: int) -> None:
    tree = tree_of(SWEEP, "seeds=[0, 1, 2]", f"axes.iterations={iterations}")
    of_setting: dict[str, list[int]] = {}
    for trial in tree:
        of_setting.setdefault(trial.setting_key, []).append(trial.seed)
    assert all(sorted(seeds) == [0, 1, 2] for seeds in of_setting.values())
    assert len({trial.key for trial in tree}) == len(tree)


def test_attacks_and_test_images_do_not_change_the_setting() -> None:
    other = the_pruned("attacks.fgsm.epsilons=[8/255]", "dataset.test_limit=50")
    assert setting_of(other) == setting_of(the_pruned())


def test_unused_settings_are_none() -> None:
    trial = the_pruned()
    assert trial.control is not None
    control, baseline = setting_of(trial.control), setting_of(trial.baseline)
    assert (control["quota"], control["scoring_images"], control["rewind_epoch"]) == (None, None, 1)
    assert (baseline["adjustment_recipe"], baseline["rewind_epoch"]) == (None, None)
    assert baseline["learning_rate"] == baseline["baseline_learning_rate"] == 0.1


def test_every_value_of_a_setting_has_a_column() -> None:
    columns = [column.name for column in TRIAL_COLUMNS]
    assert set(SETTING_NAMES) <= set(columns) and SWEEPS_COLUMN in columns
    assert set(setting_of(the_pruned())) == set(SETTING_NAMES)
