"""Gradient confusion and layer rotation: their values, and that measuring them has no effect on training."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import cosine_similarity, cross_entropy

from prunesweep.results_store import Store
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.sweeps.trial import Trial
from prunesweep.workers import load_dataset, run_trial
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.training.dynamics import cosine_distance, gradient_confusion, last_convolution
from prunesweep.workers.work import Stopped

SWEEP = """
name: dynamics
dataset: {name: digits, size: 16, train_limit: 130, test_limit: 20}
baseline: {epochs: 2, learning_rate: 0.05, batch_size: 32}
adjustment: {epochs: 1, batch_size: 32}
axes: {architecture: resnet20, criterion: l1, iterations: 0}
attacks: {fgsm: {epsilons: [8/255]}}
"""


@pytest.fixture(scope="module")
def data() -> Dataset:
    return load_dataset(parse_sweep(SWEEP).dataset)


def trial_of(*overrides: str) -> Trial:
    *_, trial = grow_tree(parse_sweep(SWEEP, overrides))
    return trial


@pytest.mark.parametrize(
    ("first", "second", "distance"),
    [
        ([3.0, 4.0], [6.0, 8.0], 0.0),
        ([1.0, 0.0], [0.0, 2.0], 1.0),
        ([1.0, 0.0], [-2.0, 0.0], 2.0),
        ([1.0, 0.0], [1.0, 1.0], 1 - 1 / math.sqrt(2)),
    ],
)
def test_layer_rotation_by_hand(first: list[float], second: list[float], distance: float) -> None:
    assert cosine_distance(torch.tensor([first]), torch.tensor([second])) == pytest.approx(distance, abs=1e-12)


class LinearLogit(nn.Module):
    """Logits (w · x, 0): the gradient of an image's loss with respect to w ∈ ℝ² is (softmax − label) · x, by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        score = images[:, :2, 0, 0] @ self.weight
        return torch.stack([score, torch.zeros_like(score)], 1)


def pixels(*points: tuple[float, float]) -> torch.Tensor:
    return torch.tensor(points, dtype=torch.float32)[:, :, None, None]


def test_gradient_confusion_by_hand() -> None:
    """With w = 0 the softmax is ½, so the gradient of an image x is −½ x for class 0 and ½ x for class 1."""
    batches = [
        (pixels((1, 0), (1, 0)), torch.tensor([0, 0])),  # (−½, 0)
        (pixels((0, 1), (0, 1)), torch.tensor([0, 0])),  # (0, −½): cosine 0 with the first
        (pixels((1, 0), (0, 1)), torch.tensor([1, 0])),  # (¼, −¼): cosine −1/√2 with the first, 1/√2 with the second
    ]
    assert gradient_confusion(LinearLogit(), batches) == pytest.approx(-1 / math.sqrt(2))
    assert gradient_confusion(LinearLogit(), batches[:2]) == pytest.approx(0, abs=1e-12)
    assert gradient_confusion(LinearLogit(), batches[1:]) == pytest.approx(1 / math.sqrt(2))
    assert gradient_confusion(LinearLogit(), batches[:1]) is None
    flat = (pixels((1, 0), (1, 0)), torch.tensor([0, 1]))  # a gradient of zero
    assert gradient_confusion(LinearLogit(), [batches[0], flat]) == 0


def test_gradient_confusion_equals_that_of_whole_gradients_and_changes_nothing(
    random_network: Callable[..., Network],
) -> None:
    network = random_network("resnet20")
    generator = torch.Generator().manual_seed(3)
    batches = [(torch.rand(6, 3, 16, 16, generator=generator), torch.arange(6) % 3) for _ in range(4)]
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    confusion = gradient_confusion(network, iter(batches), 0.1)
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    rows = []
    for images, labels in batches:
        network.zero_grad()
        cross_entropy(network.train()(images), labels, label_smoothing=0.1).backward()
        gradients = [parameter.grad for parameter in network.parameters()]
        rows.append(torch.cat([gradient.flatten() for gradient in gradients if gradient is not None]))
    pairs = [cosine_similarity(rows[a], rows[b], dim=0).item() for a in range(4) for b in range(a)]
    assert confusion == pytest.approx(min(pairs), abs=1e-5)


@pytest.mark.parametrize(
    ("architecture", "path"),
    [("resnet20", "layer3.2.conv2"), ("mobilenet_v2", "features.18.0"), ("vgg16", "features.40")],
)
def test_the_last_convolution_is_the_one_before_the_classifier(
    architecture: str, path: str, random_network: Callable[..., Network]
) -> None:
    network = random_network(architecture)
    assert last_convolution(network) is network.body.get_submodule(path)


def history(store: Store, trial: Trial) -> list[dict[str, float]]:
    epochs: list[dict[str, float]] = store.result(trial.key)["history"]
    return epochs


def same(first: Mapping[str, np.ndarray], second: Mapping[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all((first[name] == second[name]).all() for name in first)


def test_dynamics_have_no_effect_on_training_and_resume_after_a_kill(data: Dataset, tmp_path: Path) -> None:
    unmeasured, measured = trial_of(), trial_of("dynamics=true")
    assert unmeasured.key != measured.key
    store, interrupted = Store(str(tmp_path / "whole")), Store(str(tmp_path / "interrupted"))
    for trial in (unmeasured, measured):
        run_trial(trial, store, data)
    assert same(*(store.load_network(trial.key)[0] for trial in (unmeasured, measured)))
    assert [epoch["loss"] for epoch in history(store, unmeasured)] == [
        epoch["loss"] for epoch in history(store, measured)
    ]
    with pytest.raises(Stopped):
        run_trial(measured, interrupted, data, should_stop=lambda: True)
    run_trial(measured, interrupted, data)
    figures = [
        [(epoch["gradient_confusion"], epoch["layer_rotation"]) for epoch in history(each_store, measured)]
        for each_store in (store, interrupted)
    ]
    assert figures[0] == figures[1]
    assert all(-1 <= confusion <= 1 and 0 < rotation < 2 for confusion, rotation in figures[0])
    assert figures[0][0][1] < figures[0][1][1], "the second epoch rotates the layer further"


def test_dynamics_are_null_in_the_history_table_if_they_were_not_measured(data: Dataset, tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    unmeasured, measured = trial_of(), trial_of("dynamics=true")
    for trial in (unmeasured, measured):
        run_trial(trial, store, data)
    table = store.table("history").set_index("trial_key")[["gradient_confusion", "layer_rotation"]]
    assert table.loc[measured.key].notna().to_numpy().all()
    assert table.loc[unmeasured.key].isna().to_numpy().all()


def test_rounds_that_train_have_dynamics_and_others_have_none(data: Dataset) -> None:
    axes = ["dynamics=true", "axes.iterations=1", "axes.adjustment=[fine_tune, none, bn_recalibrate]"]
    tree = list(grow_tree(parse_sweep(SWEEP, axes)))
    assert {trial.adjustment for trial in tree if trial.round.dynamics} == {"fine_tune", "none"}  # none: the baseline's
    assert all(trial.round.dynamics == (trial.round.epochs > 0) for trial in tree)
