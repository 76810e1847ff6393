"""Batch norm's running statistics: left alone while a network is only looked at, and estimated anew."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.func import functional_call


def forward_by_batch(network: nn.Module, images: Tensor) -> Tensor:
    """The logits (N, classes) as the network's mode has them, in training mode by the batch's own statistics.

    The running statistics, and every other buffer, stay as they are, bit for bit.
    """
    buffers = {name: buffer.clone() for name, buffer in network.named_buffers()}
    logits: Tensor = functional_call(network, buffers, (images,))
    return logits


def estimate_statistics(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Batch norm's running means and variances anew, as the plain average of those of ``batches``; in place.

    Parameters are untouched, and so is every module's mode. Each batch counts the same, images float32 (N, 3, H, W)
    in [0, 1] with N ≥ 2. Layers above see what training has them see: their batch's own statistics below.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    modes = {module: module.training for module in network.modules()}
    momenta = {norm: norm.momentum for norm in norms}
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # PyTorch's word for a cumulative average
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
