"""Losses that an attack raises, an image each: logits (N, classes), labels (N,) to (N,)."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]

# Keeps a quotient finite where the logits are all equal.
TINY = 1e-12


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """−log of the true class's softmax, in nats, 0 or more. Its gradient vanishes in fp32 where logits are large."""
    return functional.cross_entropy(logits, labels, reduction="none")


def dlr(logits: Tensor, labels: Tensor) -> Tensor:
    """The difference of logits ratio (Croce and Hein 2020, eq. 6): −(z_y − max_{i≠y} z_i) / (z_π1 − z_π3).

    π orders the logits from the largest. Neither a factor nor a summand on all logits changes it, so that it has a
    gradient where cross-entropy has none left. It is −1 to 0 where the image is classified rightly, else above 0. Two
    classes have no third logit: there it is −(z_y − max_{i≠y} z_i), of which a factor does not change the gradient's
    signs.
    """
    margins = logit_margins(logits, labels)
    if logits.shape[1] < 3:
        return -margins
    largest = logits.topk(3, dim=1).values
    return -margins / (largest[:, 0] - largest[:, 2] + TINY)


def logit_margins(logits: Tensor, labels: Tensor) -> Tensor:
    """The true class's logit minus the largest of the others: below 0 where the image is misclassified."""
    true = logits.gather(1, labels[:, None])
    others = logits.scatter(1, labels[:, None], float("-inf"))
    return true[:, 0] - others.amax(1)


LOSSES: Mapping[str, Loss] = {"cross_entropy": cross_entropy, "margin": dlr}


def misclassified(logits: Tensor, labels: Tensor) -> Tensor:
    """Which images another class wins than their own, bool (N,)."""
    return logits.argmax(1) != labels


def gradient_signs(network: torch.nn.Module, images: Tensor, labels: Tensor, loss: str) -> tuple[Tensor, Tensor]:
    """Which way each pixel raises a loss of ``LOSSES``, and the logits: float32 (N, 3, H, W) of −1, 0, 1, (N, classes).

    Only the images are differentiated. Where the loss has no gradient, the sign is 0: the network may well have a step
    in it that cuts its output from its input.
    """
    gradient, logits = input_gradient(network, images, labels, loss)
    return gradient.sign_().nan_to_num_(0.0), logits


def input_gradient(network: torch.nn.Module, images: Tensor, labels: Tensor, loss: str) -> tuple[Tensor, Tensor]:
    """The gradient of a loss of ``LOSSES`` with respect to each pixel, float32 (N, 3, H, W), and the logits.

    0 where a step cuts the loss from the image.
    """
    with torch.inference_mode(False), torch.enable_grad():  # also where the caller only classifies
        pixels = images.detach().clone().requires_grad_()
        logits = network(pixels)
        # The sum, so that an image's gradient does not depend on the size of its batch.
        total = LOSSES[loss](logits, labels).sum()
        gradient = torch.autograd.grad(total, pixels, allow_unused=True)[0] if total.requires_grad else None
    return torch.zeros_like(images) if gradient is None else gradient, logits.detach()
