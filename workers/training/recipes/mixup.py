"""``mixup`` (Zhang et al. 2018): images and labels of a batch mixed two by two, in shares drawn from Beta(1, 1)."""

import torch
from torch import Tensor
from torchvision.transforms.v2 import MixUp

from prunesweep.sweeps.language import Training
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.training.recipes.seeded_transforms import drawing_from


def mixup(
    network: Network, images: Tensor, labels: Tensor, training: Training, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Mixed images, and probabilities (N, classes); one share a batch."""
    with drawing_from(generator):
        mixed, targets = MixUp(alpha=1.0, num_classes=network.spec.classes)(images, labels)
    return mixed, targets
