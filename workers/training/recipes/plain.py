"""The recipe ``plain``: training on the cropped and mirrored images, as in the paper."""

import torch
from torch import Tensor

from prunesweep.sweeps.language import Training
from prunesweep.workers.architectures.network import Network


def plain(
    network: Network, images: Tensor, labels: Tensor, training: Training, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return the unchanged images and labels."""
    return images, labels
