"""The size of a network: parameters and FLOPs."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from prunesweep.workers.architectures.network import Network, evaluating


def parameters(network: Network) -> int:
    """Count the trainable parameters: weights and biases, not batch norm statistics."""
    return sum(parameter.numel() for parameter in network.parameters())


def flops(network: Network) -> int:
    """Count the floating-point operations of the convolutions and linear layers for one image.

    A multiply-add counts as two operations, so the result is twice what is often reported as the "FLOPs" of a network.

    Args:
        network: the network. Its ``spec.image_size`` is the height and width of the image.
    """
    size = network.spec.image_size
    counter = FlopCounterMode(display=False)
    with evaluating(network), counter:
        network(torch.zeros(1, 3, size, size, device=network.mean.device))
    return counter.get_total_flops()
