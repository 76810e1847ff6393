"""FGSM, occlusion and the clean evaluation, against independent implementations and by hand."""

import copy
from collections.abc import Callable
from typing import Any

import foolbox
import numpy as np
import pytest
import torch
from foolbox.models.pytorch import PyTorchModel
from torch import Tensor
from torch.nn.functional import cross_entropy

from prunesweep.results_store.halves import selection_half
from prunesweep.sweeps.attacks import Clean, Fgsm, Occlusion
from prunesweep.sweeps.catalogue import EVALUATIONS, resolve
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.attacks.clean import clean
from prunesweep.workers.attacks.fgsm import fgsm, fgsm_step
from prunesweep.workers.attacks.occlusion import occlude, occlusion
from prunesweep.workers.attacks.subject import Subject
from prunesweep.workers.data.dataset import Split
from tests.helpers.trained_networks import Trained

MakeNetwork = Callable[..., Network]
EPSILONS = (2 / 255, 8 / 255, 16 / 255)


def random_split(images: int = 300, side: int = 16) -> Split:
    generator = torch.Generator().manual_seed(1)
    pixels = torch.randint(0, 256, (images, 3, side, side), generator=generator, dtype=torch.uint8)
    return Split(pixels, torch.randint(0, 3, (images,), generator=generator))


@pytest.fixture
def subject(random_network: MakeNetwork) -> Subject:
    return Subject(random_network("resnet20"), random_split(), "test images")


# Settings of attacks whose defaults would take long.
QUICK: dict[str, dict[str, Any]] = {
    "pgd": {"steps": 3, "restarts": 2},
    "square": {"queries": 20},
    "autoattack": {"epsilons": (0.5,), "headline": 0.5},
}


@pytest.mark.parametrize("attack", EVALUATIONS)
def test_every_attack_keeps_the_contract(attack: str, random_network: MakeNetwork) -> None:
    entry = EVALUATIONS[attack]
    network, split = random_network("resnet20"), random_split(40)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    settings = entry.settings(**QUICK.get(attack, {})).resolved()
    evaluations = [resolve(entry.code)(Subject(network, split, f"contract {attack}"), settings) for _ in range(2)]
    first, second = evaluations
    assert len({(outcome.kind, outcome.severity) for outcome in first.outcomes}) == len(first.outcomes)
    assert any(outcome.severity == first.headline_severity for outcome in first.outcomes)
    for outcome, repeated in zip(first.outcomes, second.outcomes, strict=True):
        assert outcome.correct.shape == (40,) and outcome.correct.dtype == bool
        np.testing.assert_array_equal(outcome.correct, repeated.correct)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())
    assert not network.training


def test_fgsm_gives_the_pixels_of_foolbox(subject: Subject) -> None:
    model = PyTorchModel(subject.network, bounds=(0, 1), device="cpu")
    images = subject.pixels(slice(0, 100))
    _, theirs, _ = foolbox.attacks.FGSM()(model, images, subject.labels[:100], epsilons=list(EPSILONS))
    for epsilon, expected in zip(EPSILONS, theirs, strict=True):
        ours = fgsm_step(images, subject.gradient_signs(slice(0, 100)), epsilon)
        assert torch.equal(ours, expected), "pixels differ"


def test_fgsm_attacks_every_image_also_misclassified_ones(subject: Subject) -> None:
    evaluation = fgsm(subject, Fgsm(epsilons=EPSILONS))
    images = subject.pixels(slice(0, 300)).requires_grad_()
    (gradient,) = torch.autograd.grad(cross_entropy(subject.network(images), subject.labels), images)
    for outcome, epsilon in zip(evaluation.outcomes, EPSILONS, strict=True):
        attacked = (images + epsilon * gradient.sign()).clamp(0, 1)
        expected = subject.network(attacked).argmax(1) == subject.labels
        np.testing.assert_array_equal(outcome.correct, expected.numpy())


def test_occlusion_blackens_a_centred_square_and_nothing_else() -> None:
    occluded = occlude(torch.ones(1, 3, 8, 8), 4)
    expected = torch.ones(8, 8)
    expected[2:6, 2:6] = 0
    assert torch.equal(occluded, expected.expand(1, 3, 8, 8))


def test_occlusion_without_sides_goes_up_to_half_the_image(subject: Subject) -> None:
    evaluation = occlusion(subject, Occlusion())
    assert [outcome.severity for outcome in evaluation.outcomes] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert evaluation.headline_severity == 8


def test_occlusion_classifies_the_occluded_images(trained: Trained) -> None:
    split = Split((trained.images * 255).round().to(torch.uint8), trained.labels)
    network: Any = copy.deepcopy(trained.network)  # a subject stops the gradients of the parameters
    outcomes = occlusion(Subject(network, split, "digits"), Occlusion(sides=(4, 8))).outcomes
    for outcome in outcomes:
        expected = trained.network(occlude(trained.images.clone(), int(outcome.severity))).argmax(1) == trained.labels
        np.testing.assert_array_equal(outcome.correct, expected.numpy())
    assert 0 < outcomes[1].correct.mean() < outcomes[0].correct.mean() < 1


class Scaled(torch.nn.Module):
    """A network whose logits are multiplied: the same predictions, but vanishing gradients."""

    def __init__(self, network: Network, factor: float) -> None:
        super().__init__()
        self.network, self.factor = network, factor

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.factor * self.network(images)
        return logits


def test_scaled_logits_show_in_the_margin_and_in_vanishing_gradients(random_network: MakeNetwork) -> None:
    network, split = random_network("resnet20"), random_split()
    with torch.no_grad():
        labels = network(split.images.float() / 255).argmax(1)  # all correct, so that the loss saturates
    split = Split(split.images, labels)
    original = clean(Subject(network, split, "t"), Clean())
    scaled = clean(Subject(Scaled(network, 1e4), split, "t"), Clean())  # type: ignore[arg-type]  # no Network, but called as one
    np.testing.assert_array_equal(original.outcomes[0].correct, scaled.outcomes[0].correct)
    assert scaled.measures["logit_margin"] == pytest.approx(1e4 * original.measures["logit_margin"], rel=1e-4)
    assert original.measures["vanishing_gradients"] < 0.05 < 0.9 < scaled.measures["vanishing_gradients"]


def test_the_halves_are_fixed_disjoint_and_cover_all_images() -> None:
    half = selection_half(10_000)
    assert half.sum() == 5_000
    np.testing.assert_array_equal(half, selection_half(10_000))
