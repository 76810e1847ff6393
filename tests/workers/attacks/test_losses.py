"""The losses that attacks maximise: by hand, and the advantages of the margin loss."""

import math

import pytest
import torch
from torch import Tensor, nn

from prunesweep.workers.attacks.losses import LOSSES, cross_entropy, dlr, gradient_signs, logit_margins, misclassified

LOGITS = torch.tensor([[4.0, 1.0, 2.0, -3.0]]).expand(4, 4)
LABELS = torch.arange(4)


def test_logit_margin_by_hand() -> None:
    logits = torch.tensor([[3.0, 1.0, 2.5], [0.0, 4.0, 9.0]])
    assert logit_margins(logits, torch.tensor([0, 1])).tolist() == [0.5, -5.0]


def test_dlr_by_hand() -> None:
    # −(z_y − the largest other logit) / (the largest − the third largest logit), with 4 − 1 below.
    assert dlr(LOGITS, LABELS).tolist() == pytest.approx([-2 / 3, 3 / 3, 2 / 3, 7 / 3])


def test_dlr_of_two_classes_is_the_negative_margin_itself() -> None:
    assert dlr(torch.tensor([[5.0, 2.0], [5.0, 2.0]]), torch.tensor([0, 1])).tolist() == [-3.0, 3.0]


def test_dlr_of_equal_logits_is_finite() -> None:
    assert dlr(torch.zeros(1, 5), torch.tensor([2])).tolist() == [0.0]


def test_cross_entropy_by_hand() -> None:
    total = math.exp(4) + math.exp(1) + math.exp(2) + math.exp(-3)
    expected = [math.log(total) - logit for logit in (4, 1, 2, -3)]
    assert cross_entropy(LOGITS, LABELS).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_loss_is_one_value_per_image_and_larger_for_misclassified_ones(loss: str) -> None:
    values = LOSSES[loss](LOGITS, LABELS)
    assert values.shape == (4,)
    assert values[0] < values[1:].min()
    assert misclassified(LOGITS, LABELS).tolist() == [False, True, True, True]


def test_dlr_is_invariant_to_scale_and_shift() -> None:
    logits = torch.randn(50, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    labels = torch.arange(50) % 10
    for changed in (500 * logits, logits + 30):
        torch.testing.assert_close(dlr(changed, labels), dlr(logits, labels))


class Scaled(nn.Module):
    """A linear network whose logits are multiplied."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor
        self.weight = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))

    def forward(self, images: Tensor) -> Tensor:
        return self.factor * (images.flatten(1) @ self.weight)


def test_the_gradient_vanishes_with_large_logits_for_cross_entropy_but_not_for_the_margin_loss() -> None:
    images = torch.rand(20, 3, 2, 2, generator=torch.Generator().manual_seed(1))
    labels = Scaled(1)(images).argmax(1)
    unscaled, _ = gradient_signs(Scaled(1), images, labels, "margin")
    assert torch.equal(gradient_signs(Scaled(1e4), images, labels, "margin")[0], unscaled)
    assert (gradient_signs(Scaled(1), images, labels, "cross_entropy")[0] != 0).all()
    assert (gradient_signs(Scaled(1e4), images, labels, "cross_entropy")[0] == 0).float().mean() > 0.9


class Cut(Scaled):
    """A network that begins with a step function, through which no gradient passes."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward((images > 0.5).float())


@pytest.mark.parametrize("trainable", [False, True])
def test_signs_are_0_if_a_step_function_cuts_the_gradient(trainable: bool) -> None:
    network = Cut(1)
    if trainable:  # then the loss has a gradient, but not one that reaches the images
        network.weight = nn.Parameter(network.weight)
    images = torch.rand(5, 3, 2, 2)
    signs, logits = gradient_signs(network, images, torch.zeros(5, dtype=torch.int64), "cross_entropy")
    assert signs.shape == images.shape and not signs.any()
    assert torch.equal(logits, network(images)) and not logits.requires_grad
