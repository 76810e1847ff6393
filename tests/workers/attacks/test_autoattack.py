"""AutoAttack through its package: what it finds, and that it leaves nothing behind."""

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


def test_it_finds_what_the_package_finds(trained: Trained) -> None:
    with torch.random.fork_rng(devices=[]):
        theirs = AutoAttack(deepcopy(trained.network), eps=0.2, seed=0)
        expected, _ = theirs.run_standard_evaluation(trained.images[:50], trained.labels[:50])
    adversarial, fooled = autoattack_images(trained.network, trained.images[:50], trained.labels[:50], epsilon=0.2)
    assert torch.equal(adversarial, expected)
    assert fooled.sum() > 45


def test_it_is_at_least_as_strong_as_pgd_and_stays_in_the_ball(trained: Trained) -> None:
    of = (trained.images[FEW], trained.labels[FEW])
    _, by_pgd = pgd_images(trained.network, *of, trained.indices[FEW], epsilon=0.08, steps=10)
    adversarial, fooled = autoattack_images(trained.network, *of, epsilon=0.08)
    assert (fooled >= by_pgd).all()
    assert (adversarial - of[0]).abs().max() <= 0.08 + 1e-6
    assert adversarial.min() >= 0 and adversarial.max() <= 1
    with torch.no_grad():
        assert torch.equal(trained.network(adversarial).argmax(1) != of[1], fooled)


def test_it_leaves_nothing_behind_and_prints_nothing(
    trained: Trained, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Doubtful(nn.Module):
        """The package warns of probabilities, and of gradients that are zero."""

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
        autoattack_images(Doubtful(), trained.images[:2], trained.labels[:2], epsilon=0.5)
        kept = sys.gettrace()
    finally:
        sys.settrace(traced_before)
    assert kept is trace
    assert torch.equal(torch.get_rng_state(), state)
    assert all(parameter.grad is None and parameter.requires_grad for parameter in trained.network.parameters())
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


class Sliced(nn.Module):
    """The first classes of a network alone."""

    def __init__(self, network: nn.Module, classes: int) -> None:
        super().__init__()
        self.network, self.classes = network, classes

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(images)[:, : self.classes]
        return logits


@pytest.mark.parametrize("version", ["standard", "plus"])
@pytest.mark.parametrize("classes", [2, 3, 4])
def test_it_runs_with_fewer_classes_than_its_losses_ask_for(trained: Trained, classes: int, version: str) -> None:
    of_these = (trained.labels < classes).nonzero()[:8, 0]
    network = Sliced(trained.network, classes)
    images, labels = trained.images[of_these], trained.labels[of_these]
    _, fooled = autoattack_images(network, images, labels, epsilon=0.5, version=version)
    assert fooled.all()


def test_an_image_that_is_not_fooled_comes_back_as_it_was_after_all_possible_targets(trained: Trained) -> None:
    network = Sliced(trained.network, 4)
    one = (trained.labels == 0).nonzero()[:1, 0]
    adversarial, fooled = autoattack_images(network, trained.images[one], trained.labels[one], epsilon=1e-4)
    assert fooled.tolist() == [False]
    assert torch.equal(adversarial, trained.images[one])


def test_a_step_that_cuts_the_gradient_does_not_stop_it(trained: Trained) -> None:
    class Cut(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            logits: Tensor = trained.network((images > 0.5).float())
            return logits

    with torch.no_grad():
        labels = Cut()(trained.images[:4]).argmax(1)
    _, fooled = autoattack_images(Cut(), trained.images[:4], labels, epsilon=0.6)
    assert fooled.all(), "Square needs no gradient"


def test_an_end_can_be_asked_for(trained: Trained) -> None:
    def check_stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        autoattack_images(trained.network, trained.images[FEW], trained.labels[FEW], epsilon=0.1, check_stop=check_stop)
    assert all(parameter.requires_grad for parameter in trained.network.parameters())


def test_without_the_package_one_line_names_the_extra(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyautoattack", None)
    with pytest.raises(UserError, match=r"pip install 'prunesweep\[autoattack\]'"):
        autoattack_images(trained.network, trained.images[FEW], trained.labels[FEW], epsilon=0.1)


@pytest.mark.full
def test_a_trained_resnet56_keeps_none_of_100_images_at_8(shared_data: Path) -> None:
    network, images, labels = trained_resnet(shared_data, "resnet56", "resnet56-4bfd9763.th", 100)
    _, fooled = autoattack_images(network, images, labels, epsilon=8 / 255)
    assert fooled.all()
