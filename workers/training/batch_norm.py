"""The running statistics of batch norm: forward passes that leave them unchanged, and their estimation from batches."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.func import functional_call


def forward_keeping_buffers(network: nn.Module, images: Tensor) -> Tensor:
    """Return the logits (N, classes) of a network without changing its buffers.

    In training mode batch norm uses the statistics of the batch; its running statistics, and all other buffers, stay
    the same, bit for bit.

    Args:
        network: in training or evaluation mode.
        images: float32 (N, 3, H, W) in [0, 1].
    """
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    logits: Tensor = functional_call(network, buffers, (images,))
    return logits


def estimate_running_statistics(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Replace batch norm's running means and variances by their unweighted averages over batches, in place.

    Parameters and the modes of all modules stay the same. Every layer's input is computed as in training, that is, with
    the statistics of the batch in all batch norms before it.

    Args:
        network: the network with the batch norms.
        batches: images, float32 (N, 3, H, W) in [0, 1] with N ≥ 2.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    modes = {module: module.training for module in network.modules()}
    momenta = {norm: norm.momentum for norm in norms}
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # for PyTorch, a cumulative average
        norm.train()
    try:
        with torch.no_grad():
            for images in batches:
                network(images)
    finally:
        for norm, momentum in momenta.items():
            norm.momentum = momentum
        for module, training in modes.items():
            module.training = training
