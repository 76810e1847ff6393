"""PGD: against foolbox, and its own features: images that leave the batch, restarts, random starts per image."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import foolbox
import numpy as np
import pytest
import torch
from foolbox.models.pytorch import PyTorchModel
from torch import Tensor, nn

from prunesweep.sweeps.attacks import Pgd
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.attacks.fgsm import fgsm_images
from prunesweep.workers.attacks.pgd import pgd, pgd_images
from prunesweep.workers.attacks.subject import Subject
from prunesweep.workers.data.dataset import Split
from tests.helpers.trained_networks import Trained, trained_resnet

MakeNetwork = Callable[..., Network]


def attack(trained: Trained, images: slice = slice(None), **settings: Any) -> tuple[Tensor, Tensor]:
    chosen = (trained.images[images], trained.labels[images], trained.indices[images])
    return pgd_images(trained.network, *chosen, **{"epsilon": 0.05, "steps": 5, **settings})


def test_the_textbook_algorithm_gives_the_pixels_of_foolbox(random_network: MakeNetwork) -> None:
    network = random_network("resnet20")
    generator = torch.Generator().manual_seed(1)
    images, labels = torch.rand(50, 3, 16, 16, generator=generator), torch.arange(50) % 3
    model = PyTorchModel(network, bounds=(0, 1), device="cpu")
    theirs = foolbox.attacks.LinfPGD(steps=4, abs_stepsize=0.01, random_start=False)
    _, (expected,), (fooled,) = theirs(model, images, labels, epsilons=[0.03])
    settings: dict[str, Any] = {"epsilon": 0.03, "steps": 4, "step_size": 0.01}
    settings |= {"random_start": False, "last_iterate": True}
    ours, ours_fooled = pgd_images(network, images, labels, torch.arange(50), **settings)
    assert torch.equal(ours, expected), "pixels differ"
    assert torch.equal(ours_fooled, fooled)


@pytest.mark.parametrize("loss", ["cross_entropy", "margin"])
def test_one_step_of_epsilon_from_the_image_itself_is_fgsm(trained: Trained, loss: str) -> None:
    one: dict[str, Any] = {"epsilon": 0.05, "steps": 1, "step_size": 0.05, "random_start": False}
    one |= {"last_iterate": True, "loss": loss}
    ours, _ = attack(trained, **one)
    expected = fgsm_images(trained.network, trained.images, trained.labels, epsilon=0.05, loss=loss)
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-7)


@pytest.mark.parametrize("settings", [{}, {"last_iterate": True}, {"restarts": 3, "loss": "margin"}])
def test_images_stay_in_the_ball_and_fooled_ones_are_misclassified(trained: Trained, settings: dict[str, Any]) -> None:
    adversarial, fooled = attack(trained, **settings)
    assert (adversarial - trained.images).abs().max() <= 0.05 + 1e-6
    assert adversarial.min() >= 0 and adversarial.max() <= 1
    with torch.no_grad():
        assert torch.equal(trained.network(adversarial).argmax(1) != trained.labels, fooled)
    assert 0 < fooled.sum() < len(fooled)


class Valley(nn.Module):
    """A network of two classes: the second wins if a pixel is within 0.03 of 0.56."""

    def forward(self, images: Tensor) -> Tensor:
        above = (images[:, 0, 0, 0] - 0.56).abs() - 0.03
        return torch.stack([above, torch.zeros_like(above)], 1)


def test_any_iterate_that_fools_counts() -> None:
    # From 0.45 by steps of 0.1 to 0.55, which fools, and on to 0.65, which does not.
    image, label = torch.full((1, 3, 1, 1), 0.45), torch.zeros(1, dtype=torch.int64)
    steps: dict[str, Any] = {"epsilon": 0.3, "steps": 2, "step_size": 0.1, "random_start": False}
    adversarial, fooled = pgd_images(Valley(), image, label, torch.arange(1), **steps)
    assert fooled.tolist() == [True]
    assert adversarial[0, 0, 0, 0].item() == pytest.approx(0.55)
    adversarial, fooled = pgd_images(Valley(), image, label, torch.arange(1), **steps, last_iterate=True)
    assert fooled.tolist() == [False]
    assert adversarial[0, 0, 0, 0].item() == pytest.approx(0.65)


class Counting(nn.Module):
    """A network that counts the images that it classifies."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network, self.images = network, 0

    def forward(self, images: Tensor) -> Tensor:
        self.images += len(images)
        logits: Tensor = self.network(images)
        return logits


def test_fooled_images_leave_the_batch(trained: Trained) -> None:
    counts = {}
    for last_iterate in (False, True):
        network = Counting(trained.network)
        inputs = (trained.images, trained.labels, trained.indices)
        pgd_images(network, *inputs, epsilon=0.2, steps=10, restarts=2, last_iterate=last_iterate)
        counts[last_iterate] = network.images
    assert counts[True] >= 200 * 11
    assert counts[False] < counts[True] / 2.5


def test_a_random_start_belongs_to_the_image_and_not_to_its_batch(trained: Trained) -> None:
    unmoved: dict[str, Any] = {"step_size": 1e-9, "steps": 1, "last_iterate": True}
    whole, _ = attack(trained, **unmoved)
    torch.testing.assert_close(attack(trained, slice(30, 40), **unmoved)[0], whole[30:40], rtol=0, atol=1e-7)
    moved = (whole - trained.images)[trained.images.sub(0.5).abs() < 0.4]  # away from 0 and 1, where pixels are clipped
    assert moved.abs().max() > 0.049 and moved.mean().abs() < 0.001, "uniform in the ball"
    assert moved.std().item() == pytest.approx(0.05 / 3**0.5, rel=0.02)


def test_each_restart_starts_elsewhere_and_fools_more(trained: Trained) -> None:
    fooled = [attack(trained, restarts=restarts, steps=1)[1] for restarts in (1, 2, 8)]
    assert (fooled[0] <= fooled[1]).all() and (fooled[1] <= fooled[2]).all()
    assert fooled[0].sum() < fooled[2].sum()


def test_the_attack_has_no_side_effects(trained: Trained) -> None:
    trained.network.zero_grad()  # of other tests
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first, again = attack(trained), attack(trained)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(first[0], again[0])
    assert all(parameter.grad is None and parameter.requires_grad for parameter in trained.network.parameters())


def test_the_attack_can_be_stopped_between_two_steps(trained: Trained) -> None:
    calls: list[None] = []

    def check_stop() -> None:
        calls.append(None)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        attack(trained, check_stop=check_stop)


def test_the_attack_is_run_on_every_test_image_at_each_epsilon(random_network: MakeNetwork) -> None:
    generator = torch.Generator().manual_seed(2)
    pixels = torch.randint(0, 256, (260, 3, 16, 16), generator=generator, dtype=torch.uint8)
    split = Split(pixels, torch.arange(260) % 3)
    subject = Subject(random_network("resnet20"), split, "test images")
    evaluation = pgd(subject, Pgd(epsilons=(0.001, 0.01), headline=0.01, steps=2, restarts=2, loss="margin"))
    assert [outcome.severity for outcome in evaluation.outcomes] == [0.001, 0.01]
    assert evaluation.headline_severity == 0.01
    settings: dict[str, Any] = {"steps": 2, "restarts": 2, "loss": "margin"}
    for outcome in evaluation.outcomes:
        parts = [  # in the subject's batches, because the last bits of a gradient depend on them
            pgd_images(
                subject.network,
                split.images[part].float() / 255,
                split.labels[part],
                torch.arange(260)[part],
                epsilon=outcome.severity,
                **settings,
            )[1]
            for part in (slice(0, 250), slice(250, 260))
        ]
        np.testing.assert_array_equal(outcome.correct, ~torch.cat(parts).numpy())


def count_correct_of_both(
    network: Network, images: Tensor, labels: Tensor, epsilon: float, steps: int
) -> tuple[int, int]:
    """Count the images that stay correctly classified under our PGD and under foolbox's, with the same step size."""
    model = PyTorchModel(network, bounds=(0, 1), device="cpu")
    theirs = foolbox.attacks.LinfPGD(steps=steps, rel_stepsize=2.5 / steps, random_start=True)
    torch.manual_seed(0)
    ours_correct = theirs_correct = 0
    for part in torch.arange(len(labels)).split(250):
        batch = (images[part], labels[part])
        ours_correct += int((~pgd_images(network, *batch, part, epsilon=epsilon, steps=steps)[1]).sum())
        theirs_correct += int((~theirs(model, *batch, epsilons=[epsilon])[2]).sum())
    return ours_correct, theirs_correct


def test_a_trained_resnet20_is_as_robust_as_foolbox_finds(shared_data: Path) -> None:
    network, images, labels = trained_resnet(shared_data, "resnet20", "resnet20-12fca82f.th", 50)
    ours, theirs = count_correct_of_both(network, images, labels, 2 / 255, 10)
    assert 0 < ours < 30
    assert abs(ours - theirs) <= 2


@pytest.mark.full
@pytest.mark.parametrize("steps", [10, 20])
def test_a_trained_resnet56_is_not_robust_at_8_and_as_robust_as_foolbox_finds_at_2(
    shared_data: Path, steps: int
) -> None:
    network, images, labels = trained_resnet(shared_data, "resnet56", "resnet56-4bfd9763.th", 1000)
    ours, theirs = count_correct_of_both(network, images, labels, 8 / 255, steps)
    assert ours == 0 and theirs <= 1
    ours, theirs = count_correct_of_both(network, images, labels, 2 / 255, steps)
    assert abs(ours - theirs) <= 3
