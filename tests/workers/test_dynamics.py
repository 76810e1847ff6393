"""Gradient confusion and layer rotation: by hand, and without an effect on the training that they are taken of."""

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
    ("one", "other", "distance"),
    [
        ([3.0, 4.0], [6.0, 8.0], 0.0),
        ([1.0, 0.0], [0.0, 2.0], 1.0),
        ([1.0, 0.0], [-2.0, 0.0], 2.0),
        ([1.0, 0.0], [1.0, 1.0], 1 - 1 / math.sqrt(2)),
    ],
)
def test_layer_rotation_by_hand(one: list[float], other: list[float], distance: float) -> None:
    assert cosine_distance(torch.tensor([one]), torch.tensor([other])) == pytest.approx(distance, abs=1e-12)


class OneNumber(nn.Module):
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
    """With w = 0 the softmax is ½, so that the gradients are −½ x of class 0 and ½ x of class 1, averaged."""
    batches = [
        (pixels((1, 0), (1, 0)), torch.tensor([0, 0])),  # (−½, 0)
        (pixels((0, 1), (0, 1)), torch.tensor([0, 0])),  # (0, −½): cosine 0 with the first
        (pixels((1, 0), (0, 1)), torch.tensor([1, 0])),  # (¼, −¼): cosine −1/√2 with the first, 1/√2 with the second
    ]
    assert gradient_confusion(OneNumber(), batches) == pytest.approx(-1 / math.sqrt(2))
    assert gradient_confusion(OneNumber(), batches[:2]) == pytest.approx(0, abs=1e-12)
    assert gradient_confusion(OneNumber(), batches[1:]) == pytest.approx(1 / math.sqrt(2))
    assert gradient_confusion(OneNumber(), batches[:1]) is None
    still = (pixels((1, 0), (1, 0)), torch.tensor([0, 1]))  # no gradient at all
    assert gradient_confusion(OneNumber(), [batches[0], still]) == 0


def test_gradient_confusion_agrees_with_whole_gradients_and_leaves_no_trace(
    random_network: Callable[..., Network],
) -> None:
    network = random_network("resnet20")
    generator = torch.Generator().manual_seed(3)
    batches = [(torch.rand(6, 3, 16, 16, generator=generator), torch.arange(6) % 3) for _ in range(4)]
    state = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = gradient_confusion(network, iter(batches), 0.1)
    assert all(torch.equal(tensor, state[name]) for name, tensor in network.state_dict().items())
    assert all(parameter.grad is None for parameter in network.parameters())
    rows = []
    for images, labels in batches:
        network.zero_grad()
        cross_entropy(network.train()(images), labels, label_smoothing=0.1).backward()
        gradients = [parameter.grad for parameter in network.parameters()]
        rows.append(torch.cat([gradient.flatten() for gradient in gradients if gradient is not None]))
    pairs = [cosine_similarity(rows[a], rows[b], dim=0).item() for a in range(4) for b in range(a)]
    assert found == pytest.approx(min(pairs), abs=1e-5)


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


def same(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all((one[name] == other[name]).all() for name in one)


def test_dynamics_have_no_effect_on_training_and_go_on_after_a_kill(data: Dataset, tmp_path: Path) -> None:
    silent, watched = trial_of(), trial_of("dynamics=true")
    assert silent.key != watched.key
    store, parts = Store(str(tmp_path / "whole")), Store(str(tmp_path / "parts"))
    for trial in (silent, watched):
        run_trial(trial, store, data)
    assert same(*(store.load_network(trial.key)[0] for trial in (silent, watched)))
    assert [epoch["loss"] for epoch in history(store, silent)] == [epoch["loss"] for epoch in history(store, watched)]
    with pytest.raises(Stopped):
        run_trial(watched, parts, data, should_stop=lambda: True)
    run_trial(watched, parts, data)
    figures = [
        [(epoch["gradient_confusion"], epoch["layer_rotation"]) for epoch in history(here, watched)]
        for here in (store, parts)
    ]
    assert figures[0] == figures[1]
    assert all(-1 <= confusion <= 1 and 0 < rotation < 2 for confusion, rotation in figures[0])
    assert figures[0][0][1] < figures[0][1][1], "the second epoch turns further away"


def test_the_history_table_has_them_null_where_they_were_not_asked_for(data: Dataset, tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    silent, watched = trial_of(), trial_of("dynamics=true")
    for trial in (silent, watched):
        run_trial(trial, store, data)
    table = store.table("history").set_index("trial_key")[["gradient_confusion", "layer_rotation"]]
    assert table.loc[watched.key].notna().to_numpy().all()
    assert table.loc[silent.key].isna().to_numpy().all()


def test_rounds_that_train_have_dynamics_and_others_have_none(data: Dataset) -> None:
    axes = ["dynamics=true", "axes.iterations=1", "axes.adjustment=[fine_tune, none, bn_recalibrate]"]
    tree = list(grow_tree(parse_sweep(SWEEP, axes)))
    assert {trial.adjustment for trial in tree if trial.round.dynamics} == {"fine_tune", "none"}  # none: the baseline's
    assert all(trial.round.dynamics == (trial.round.epochs > 0) for trial in tree)
