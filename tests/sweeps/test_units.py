"""Quantities in a wrong unit are refused with a guess at what was meant; unusual but right values are accepted."""

import pytest

from prunesweep.sweeps.errors import SweepError
from prunesweep.sweeps.language import Sweep
from prunesweep.sweeps.reader import parse_sweep

SWEEP = """
name: units
dataset: {name: digits}
baseline: {epochs: 200}
adjustment: {epochs: 10}
axes: {architecture: resnet20}
"""
RGB = "baseline.std=[0.2, 0.2, 0.2]"
IMAGENET = "dataset={name: imagenet, train: a, test: b}"


def read(*overrides: str) -> Sweep:
    return parse_sweep(SWEEP, overrides)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        # levels of 0 to 255 or 0 to 65,535 instead of [0, 1]
        (["baseline.mean=[127, 127, 139]", RGB], "mean 127 is above 1; pixels lie in [0, 1]: did you mean 127/255?"),
        (["baseline.mean=[0.5, 0.5, 123.675]", RGB], "baseline.mean.2: mean 123.675 is above 1"),
        (["baseline.mean=[32768, 0, 0]", RGB], "did you mean 32768/65535?"),
        (["baseline.mean=[0, 0, 0]", "baseline.std=[0.2, 58.4, 57]"], "std.1: std 58.4 is above 1"),
        (["baseline.mean=[0, 0, 0]", "baseline.std=[63, 62, 66]"], "did you mean 63/255? (and 2 more mistakes)"),
        (["baseline.mean=[-0.5, 0, 0]", RGB], "greater than or equal to 0, not -0.5"),
        (["baseline.mean=[0, 0, 0]", "baseline.std=[8.86e-4, 0.2, 0.2]"], "did you mean 0.226?"),
        (["baseline.mean=[0, 0, 0]", "baseline.std=[-1, 1, 1]"], "greater than or equal to 0, not -1"),
        (["attacks={fgsm: {epsilons: [2, 4]}}"], "epsilon 2 is above 1; pixels lie in [0, 1]: did you mean 2/255?"),
        (["attacks={autoattack: {headline: 8}}"], "did you mean 8/255?"),
        (["attacks={pgd: {step_size: 2}}"], "step 2 is above 1; pixels lie in [0, 1]: did you mean 2/255?"),
        (["baseline.adversarial={epsilon: 8}"], "did you mean 8/255?"),
        (["baseline.adversarial={step_size: 2}"], "did you mean 2/255?"),
        # percent instead of a share
        (["axes.ratio=10"], "--set axes.ratio: 10 is above 1; it is a share: did you mean 0.1?"),
        (["axes.ratio=[0.1, 12.5]"], "did you mean 0.125?"),
        (["axes.ratio=10%"], "'10%' is not a number; did you mean 0.1?"),
        (["axes.ratio=200"], "200 is above 1; it is a share"),
        (["baseline.momentum=90"], "did you mean 0.9?"),
        (["adjustment.label_smoothing=10"], "did you mean 0.1?"),
        # epochs instead of a share of them, and a divisor instead of a factor
        (["baseline.step_at=[100, 150]"], "100 is above 1; it is a share of the epochs: did you mean 100/200?"),
        (["baseline.step_at=[250]"], "it is a share of the epochs: write 0.5 for half of them"),
        (["baseline.step_factor=10"], "did you mean 1/10?"),
        # a power of ten without its sign
        (["baseline.learning_rate=1e3"], "above 10, more than a learning rate can be: did you mean 1e-3?"),
        (["adjustment.learning_rate=10.5"], "10.5 is above 10, more than a learning rate can be"),
        (["baseline.weight_decay=5e4"], "above 1, more than a weight decay can be: did you mean 5e-4?"),
        (["adjustment.weight_decay=2"], "2 is above 1, more than a weight decay can be"),
        # counts
        (["seeds=[0.0, 1.0]"], "seeds.0: should be a whole number, not 0.0; write 0 (and 1 more mistake)"),
        (["seeds=1.5"], "should be a whole number, not 1.5"),
        (["seeds=1e3"], "should be a whole number, not 1000.0; write 1000"),
        (["baseline.epochs=20.0"], "should be a whole number, not 20.0; write 20"),
        (["baseline.epochs='20'"], "should be a whole number, not '20'; write 20"),
        (["axes.iterations=[1, 2.0]"], "iterations.1: should be a whole number, not 2.0; write 2"),
        (["dataset.train_limit=0.1"], "should be a whole number of images, not 0.1"),
        (["pruning.scoring_images=1,000"], "should be a whole number of images, not '1,000'; write 1000"),
        (["dataset.size=32.0"], "should be a whole number of pixels, not 32.0; write 32"),
        (["attacks={occlusion: {sides: [0.5]}}"], "should be a whole number of pixels, not 0.5"),
        (["attacks={corruptions: {severities: [5.0]}}"], "should be a whole number, not 5.0; write 5"),
        ([IMAGENET, "dataset.shuffle_window=33554432"], "33554432 MiB is too much: did you mean 32?"),
        (["pruning.blocks=0.1"], "should be a whole number, not 0.1"),
        (["attacks={square: {queries: 1e3}}"], "should be a whole number, not 1000.0; write 1000"),
    ],
)
def test_a_quantity_in_a_wrong_unit_is_refused_with_a_guess(overrides: list[str], message: str) -> None:
    with pytest.raises(SweepError) as refused:
        read(*overrides)
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "overrides",
    [
        ["baseline.mean=[0.485, 0.456, 0.406]", "baseline.std=[0.229, 0.224, 0.225]"],
        ["baseline.mean=[0, 0, 0]", "baseline.std=[1, 1, 1]"],
        ["baseline.mean=[127/255, 127/255, 139/255]", "baseline.std=[1/255, 1/255, 1/255]"],  # as for Caffe's networks
        ["baseline.mean=[1, 0.01, 0]", "baseline.std=[1e-2, 0.005, 1]"],
        ["axes.ratio=[0.001, 1/3, 0.999]"],
        ["baseline.learning_rate=10", "baseline.weight_decay=1"],
        ["baseline.learning_rate=1e-6", "baseline.weight_decay=0", "baseline.momentum=0", "baseline.nesterov=false"],
        ["baseline.step_at=[100/200, 0.75]", "baseline.step_factor=1/5", "baseline.label_smoothing=0.1"],
        ["attacks={fgsm: {epsilons: [1], headline: 1}, occlusion: {sides: [1, 16]}}"],
        ["attacks={pgd: {epsilons: [0.5/255], step_size: 0.1/255}}"],
        [IMAGENET, "dataset.shuffle_window=65536", "dataset.size=224", "baseline.batch_size=2"],
        ["seeds=[0, 2147483647]", "dataset.train_limit=2", "resources.gpu=8", "axes.iterations=0"],
    ],
)
def test_unusual_but_right_values_are_accepted(overrides: list[str]) -> None:
    assert read(*overrides).name == "units"
