"""What a network costs."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from prunesweep.workers.architectures.network import Network, evaluating


def parameters(network: Network) -> int:
    """How many numbers training adjusts: weights and biases, not batch norm statistics."""
    return sum(parameter.numel() for parameter in network.parameters())


def flops(network: Network) -> int:
    """Floating-point operations of the convolutions and linear layers for one image of ``spec.image_size``.

    A multiply-add counts as two operations, so this is twice what is often reported as "FLOPs" of a network.
    """
    size = network.spec.image_size
    counter = FlopCounterMode(display=False)
    with evaluating(network), counter:
        network(torch.zeros(1, 3, size, size, device=network.mean.device))
    return counter.get_total_flops()
