"""The losses that attacks maximise: functions of logits (N, classes) and labels (N,) with one value per image."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

Loss = Callable[[Tensor, Tensor], Tensor]

# Keeps a quotient finite if all logits are equal.
TINY = 1e-12


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy of each image, −log of the true class's softmax, in nats, at least 0.

    The gradient of this loss vanishes in fp32 if logits are large.
    """
    return functional.cross_entropy(logits, labels, reduction="none")


def dlr(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the difference of logits ratio (Croce and Hein 2020, eq. 6): −(z_y − max_{i≠y} z_i) / (z_π1 − z_π3).

    π orders the logits from the largest to the smallest. Scaling or shifting all logits does not change the ratio.
    Therefore the ratio has a gradient even where the gradient of cross-entropy vanishes. The ratio is in [−1, 0] for a
    correctly classified image, else above 0. With two classes there is no third logit, and −(z_y − max_{i≠y} z_i) is
    returned; scaling the logits does not change the signs of the gradient of this value.
    """
    margins = logit_margins(logits, labels)
    if logits.shape[1] < 3:
        return -margins
    largest = logits.topk(3, dim=1).values
    return -margins / (largest[:, 0] - largest[:, 2] + TINY)


def logit_margins(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the logit of the true class minus the largest other logit: below 0 if the image is misclassified."""
    true = logits.gather(1, labels[:, None])
    others = logits.scatter(1, labels[:, None], float("-inf"))
    return true[:, 0] - others.amax(1)


LOSSES: Mapping[str, Loss] = {"cross_entropy": cross_entropy, "margin": dlr}


def misclassified(logits: Tensor, labels: Tensor) -> Tensor:
    """Return a mask, bool (N,), of the images whose predicted class is not their true class."""
    return logits.argmax(1) != labels


def gradient_signs(network: torch.nn.Module, images: Tensor, labels: Tensor, loss: str) -> tuple[Tensor, Tensor]:
    """Return the sign of a loss's gradient at each pixel, and the logits.

    The parameters of the network get no gradient. If a step function in the network cuts the gradient, the signs are 0.

    Args:
        network: the network, from images to logits.
        images: float32 (N, 3, H, W).
        labels: the true classes, int64 (N,).
        loss: a key of ``LOSSES``.

    Returns:
        The signs −1, 0 or 1, float32 (N, 3, H, W), and the logits (N, classes).
    """
    gradient, logits = input_gradient(network, images, labels, loss)
    return gradient.sign_().nan_to_num_(0.0), logits


def input_gradient(network: torch.nn.Module, images: Tensor, labels: Tensor, loss: str) -> tuple[Tensor, Tensor]:
    """Return the gradient of a loss with respect to each pixel, and the logits.

    If a step function in the network cuts the gradient, zeros are returned.

    Args:
        network: the network, from images to logits.
        images: float32 (N, 3, H, W).
        labels: the true classes, int64 (N,).
        loss: a key of ``LOSSES``.

    Returns:
        The gradient, float32 (N, 3, H, W), and the logits (N, classes).
    """
    with torch.inference_mode(False), torch.enable_grad():  # a caller may be in inference mode
        pixels = images.detach().clone().requires_grad_()
        logits = network(pixels)
        # The sum, so that an image's gradient does not depend on the size of its batch.
        total = LOSSES[loss](logits, labels).sum()
        gradient = torch.autograd.grad(total, pixels, allow_unused=True)[0] if total.requires_grad else None
    return torch.zeros_like(images) if gradient is None else gradient, logits.detach()
