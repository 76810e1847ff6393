"""Two figures of how training goes, taken after each epoch without an effect on it (Figure 2 of the paper)."""

from collections.abc import Callable, Iterable
from itertools import islice

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from prunesweep.results_store.documents import Dynamics
from prunesweep.workers.training.batch_norm import forward_by_batch

Batch = tuple[Tensor, Tensor]
# Batches whose gradients are held against each other: 28 pairs, for 2 % of an epoch on the whole of CIFAR-10.
BATCHES = 8


class Observer:
    """Takes the figures of one training, against the weights that it began with."""

    def __init__(self, network: nn.Module, batches: Callable[[], Iterable[Batch]], label_smoothing: float) -> None:
        """Args:
        network: as this training begins.
        batches: gives the same training batches each time; the first ``BATCHES`` are used.
        label_smoothing: of the training loss.
        """
        self._network = network
        self._batches = batches
        self._label_smoothing = label_smoothing
        self._start = last_convolution(network).weight.detach().clone()

    def figures(self) -> Dynamics:
        """The figures of the network as it is now."""
        batches = islice(self._batches(), BATCHES)
        return {
            "gradient_confusion": gradient_confusion(self._network, batches, self._label_smoothing),
            "layer_rotation": cosine_distance(last_convolution(self._network).weight.detach(), self._start),
        }


def gradient_confusion(network: nn.Module, batches: Iterable[Batch], label_smoothing: float = 0.0) -> float | None:
    """The smallest cosine, in [−1, 1], between the loss gradients of two of the batches; None of fewer than two.

    Sankararaman et al. (2020) call gradients confused where such products are negative. This is the raw minimum of
    the cosines: the lower, the more two batches pull against each other. Loss: cross-entropy in fp32 over all
    parameters, batch norm by the batch's own statistics. A gradient of zero has cosine 0 with all others. Neither the
    network's buffers nor its ``grad`` change.
    """
    network.train()
    gradients = [_gradient(network, images, labels, label_smoothing) for images, labels in batches]
    if len(gradients) < 2:
        return None
    # Parameter by parameter, so that no second copy of all gradients is needed.
    products = sum(_products(list(of_batches)) for of_batches in zip(*gradients, strict=True))
    assert isinstance(products, Tensor)
    lengths = products.diagonal().sqrt()
    cosines = products / (lengths[:, None] * lengths).clamp_min(torch.finfo(torch.float64).tiny)
    above = torch.triu_indices(len(cosines), len(cosines), offset=1)
    return float(cosines[above[0], above[1]].min().clamp(-1, 1))


def _gradient(network: nn.Module, images: Tensor, labels: Tensor, label_smoothing: float) -> tuple[Tensor, ...]:
    loss = cross_entropy(forward_by_batch(network, images), labels, label_smoothing=label_smoothing)
    return torch.autograd.grad(loss, list(network.parameters()))


def _products(gradients: list[Tensor]) -> Tensor:
    """The products of one parameter's gradients, each with each: (batches, batches) in float64."""
    rows = torch.stack([gradient.flatten() for gradient in gradients]).double()
    return (rows @ rows.T).cpu()


def last_convolution(network: nn.Module) -> nn.Conv2d:
    """The convolution that stands last in the network."""
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)][-1]


def cosine_distance(one: Tensor, other: Tensor) -> float:
    """1 − cos of the angle between two tensors of one shape, flattened: 0 to 2.

    Of a layer's weights and their values when training began, it is layer rotation (Carbonnelle and De Vleeschouwer
    2019).
    """
    first, second = one.flatten().double(), other.flatten().double()
    lengths = (first.norm() * second.norm()).clamp_min(torch.finfo(torch.float64).tiny)
    return float((1 - first @ second / lengths).clamp(0, 2))
