"""``cutmix`` (Yun et al. 2019): a patch of each image comes from another one, and so does its share of the label."""

import torch
from torch import Tensor
from torchvision.transforms.v2 import CutMix

from prunesweep.sweeps.language import Training
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.training.recipes.seeded_transforms import drawing_from


def cutmix(
    network: Network, images: Tensor, labels: Tensor, training: Training, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Images with a patch of their neighbour, and probabilities (N, classes); the area's share is from Beta(1, 1)."""
    with drawing_from(generator):
        mixed, targets = CutMix(alpha=1.0, num_classes=network.spec.classes)(images, labels)
    return mixed, targets
