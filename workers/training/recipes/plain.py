"""``plain``: cropped and mirrored images as they are, as the paper trains."""

import torch
from torch import Tensor

from prunesweep.sweeps.language import Training
from prunesweep.workers.architectures.network import Network


def plain(
    network: Network, images: Tensor, labels: Tensor, training: Training, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The batch itself."""
    return images, labels
