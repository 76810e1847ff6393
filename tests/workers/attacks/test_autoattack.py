"""AutoAttack through its package: its results, and that it has no side effects."""

import logging
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
from pyautoattack import AutoAttack
from torch import Tensor, nn

from prunesweep.sweeps.errors import UserError
from prunesweep.workers.attacks.autoattack import autoattack_images
from prunesweep.workers.attacks.pgd import pgd_images
from tests.helpers.trained_networks import Trained, trained_resnet

FEW = slice(0, 4)


def test_autoattack_gives_the_images_of_the_package(trained: Trained) -> None:
    with torch.random.fork_rng(devices=[]):
        package = AutoAttack(deepcopy(trained.network), eps=0.2, seed=0)
        expected, _ = package.run_standard_evaluation(trained.images[:50], trained.labels[:50])
    adversarial, fooled = autoattack_images(trained.network, trained.images[:50], trained.labels[:50], epsilon=0.2)
    assert torch.equal(adversarial, expected)
    assert fooled.sum() > 45


def test_autoattack_is_at_least_as_strong_as_pgd_and_stays_in_the_ball(trained: Trained) -> None:
    images, labels = trained.images[FEW], trained.labels[FEW]
    _, by_pgd = pgd_images(trained.network, images, labels, trained.indices[FEW], epsilon=0.08, steps=10)
    adversarial, fooled = autoattack_images(trained.network, images, labels, epsilon=0.08)
    assert (fooled >= by_pgd).all()
    assert (adversarial - images).abs().max() <= 0.08 + 1e-6
    assert adversarial.min() >= 0 and adversarial.max() <= 1
    with torch.no_grad():
        assert torch.equal(trained.network(adversarial).argmax(1) != labels, fooled)


def test_autoattack_restores_global_state_and_prints_nothing(
    trained: Trained, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Saturated(nn.Module):
        """A network of which the package warns twice: it returns probabilities, and its gradients are zero."""

        def __init__(self) -> None:
            super().__init__()
            self.network = trained.network

        def forward(self, images: Tensor) -> Tensor:
            probabilities: Tensor = (50 * self.network(images)).softmax(1)
            return probabilities

    def trace(*_: Any) -> None:
        return None

    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # pytest's, without which Python would print
    torch.manual_seed(3)
    state, traced_before = torch.get_rng_state(), sys.gettrace()
    sys.settrace(trace)
    try:
        autoattack_images(Saturated(), trained.images[:2], trained.labels[:2], epsilon=0.5)
        traced_after = sys.gettrace()
    finally:
        sys.settrace(traced_before)
    assert traced_after is trace
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in trained.network.parameters())
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


class FirstClasses(nn.Module):
    """A network that returns the logits of its first classes only."""

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self.network, self.classes = network, classes

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)[:, : self.classes]
        return logits


@pytest.mark.parametrize("version", ["standard", "plus"])
@pytest.mark.parametrize("classes", [2, 3, 4])
def test_autoattack_runs_with_fewer_classes_than_its_losses_need(trained: Trained, classes: int, version: str) -> None:
    indices = (trained.labels < classes).nonzero()[:8, 0]
    network = FirstClasses(trained.network, classes)
    images, labels = trained.images[indices], trained.labels[indices]
    _, fooled = autoattack_images(network, images, labels, epsilon=0.5, version=version)
    assert fooled.all()


def test_an_image_that_no_target_fools_comes_back_unchanged(trained: Trained) -> None:
    network = FirstClasses(trained.network, 4)
    index = (trained.labels == 0).nonzero()[:1, 0]
    adversarial, fooled = autoattack_images(network, trained.images[index], trained.labels[index], epsilon=1e-4)
    assert fooled.tolist() == [False]
    assert torch.equal(adversarial, trained.images[index])


def test_a_step_function_that_cuts_the_gradient_is_no_obstacle(trained: Trained) -> None:
    class Cut(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            logits: Tensor = trained.network((images > 0.5).float())
            return logits

    with torch.no_grad():
        labels = Cut()(trained.images[:4]).argmax(1)
    _, fooled = autoattack_images(Cut(), trained.images[:4], labels, epsilon=0.6)
    assert fooled.all(), "Square needs no gradient"


def test_autoattack_can_be_stopped(trained: Trained) -> None:
    def check_stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        autoattack_images(trained.network, trained.images[FEW], trained.labels[FEW], epsilon=0.1, check_stop=check_stop)
    assert all(parameter.requires_grad for parameter in trained.network.parameters())


def test_a_missing_package_is_one_line_that_names_the_extra(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyautoattack", None)
    with pytest.raises(UserError, match=r"pip install 'prunesweep\[autoattack\]'"):
        autoattack_images(trained.network, trained.images[FEW], trained.labels[FEW], epsilon=0.1)


@pytest.mark.full
def test_all_of_100_images_fool_a_trained_resnet56_at_8(shared_data: Path) -> None:
    network, images, labels = trained_resnet(shared_data, "resnet56", "resnet56-4bfd9763.th", 100)
    _, fooled = autoattack_images(network, images, labels, epsilon=8 / 255)
    assert fooled.all()
