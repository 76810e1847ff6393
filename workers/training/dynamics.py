"""Gradient confusion and layer rotation, measured after each epoch without any effect on training (paper, Figure 2)."""

from collections.abc import Callable, Iterable
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from prunesweep.results_store.documents import Dynamics
from prunesweep.workers.training.batch_norm import forward_keeping_buffers

Batch = tuple[Tensor, Tensor]
# How many batches have their gradients compared: 28 pairs take 2 % of the time of an epoch on the whole of CIFAR-10.
COMPARED_BATCHES = 8


class DynamicsRecorder:
    """A recorder of gradient confusion and layer rotation in one training.

    Layer rotation is relative to the weights from which this training starts.
    """

    def __init__(self, network: nn.Module, batches: Callable[[], Iterable[Batch]], label_smoothing: float) -> None:
        """Remember the weights of the last convolution, from which training starts.

        Args:
            network: the network before this training.
            batches: a function that returns the same training batches on each call. The first ``COMPARED_BATCHES`` of
                them are used.
            label_smoothing: the label smoothing of the training loss.
        """
        self._network = network
        self._batches = batches
        self._label_smoothing = label_smoothing
        self._initial_weight = last_convolution(network).weight.detach().clone()

    def measure(self) -> Dynamics:
        """Return the gradient confusion of the network as it is now, and the layer rotation of its last convolution."""
        batches = islice(self._batches(), COMPARED_BATCHES)
        return {
            "gradient_confusion": gradient_confusion(self._network, batches, self._label_smoothing),
            "layer_rotation": cosine_distance(last_convolution(self._network).weight.detach(), self._initial_weight),
        }


def gradient_confusion(network: nn.Module, batches: Iterable[Batch], label_smoothing: float = 0.0) -> float | None:
    """Return the smallest cosine between the loss gradients of any two of the batches.

    Sankararaman et al. (2020) call gradients confused if their inner products are negative. The lower the smallest
    cosine is, the more two batches pull the parameters in opposite directions. The loss is the cross-entropy in fp32,
    the gradients are with respect to all parameters, and batch norm uses the statistics of the batch. A zero gradient
    has cosine 0 with all others. The network is left in training mode; its buffers and the ``grad`` of its parameters
    stay the same.

    Args:
        network: the network in training.
        batches: (images, labels), float32 (N, 3, H, W) in [0, 1] and int64 (N,).
        label_smoothing: the label smoothing of the loss.

    Returns:
        A number in [−1, 1]; None for fewer than two batches.
    """
    network.train()
    gradients = [_gradient(network, images, labels, label_smoothing) for images, labels in batches]
    if len(gradients) < 2:
        return None
    # One parameter at a time, so that no second copy of all gradients is needed.
    products = sum(_inner_products(list(by_batch)) for by_batch in zip(*gradients, strict=True))
    assert isinstance(products, Tensor)
    norms = products.diagonal().sqrt()
    cosines = products / (norms[:, None] * norms).clamp_min(torch.finfo(torch.float64).tiny)
    pairs = torch.triu_indices(len(cosines), len(cosines), offset=1)
    return float(cosines[pairs[0], pairs[1]].min().clamp(-1, 1))


def _gradient(network: nn.Module, images: Tensor, labels: Tensor, label_smoothing: float) -> tuple[Tensor, ...]:
    """Return the gradient of a batch's loss for each parameter of the network."""
    loss = cross_entropy(forward_keeping_buffers(network, images), labels, label_smoothing=label_smoothing)
    return torch.autograd.grad(loss, list(network.parameters()))


def _inner_products(gradients: list[Tensor]) -> Tensor:
    """Return the inner products between one parameter's gradients of all batches, float64 (batches, batches)."""
    rows = torch.stack([gradient.flatten() for gradient in gradients]).double()
    return (rows @ rows.T).cpu()


def last_convolution(network: nn.Module) -> nn.Conv2d:
    """Return the last convolution of a network."""
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)][-1]


def cosine_distance(first: Tensor, second: Tensor) -> float:
    """Return 1 − cos of the angle between two tensors of the same shape, flattened: a number from 0 to 2.

    For the weights of a layer and the values of these weights at the start of training, this is layer rotation
    (Carbonnelle and De Vleeschouwer 2019).
    """
    first, second = first.flatten().double(), second.flatten().double()
    norms = (first.norm() * second.norm()).clamp_min(torch.finfo(torch.float64).tiny)
    return float((1 - first @ second / norms).clamp(0, 2))
