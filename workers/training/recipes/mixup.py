"""The recipe ``mixup`` (Zhang et al. 2018): weighted means of two images of a batch and of their labels."""

import torch
from torch import Tensor
from torchvision.transforms.v2 import MixUp

from prunesweep.sweeps.language import Training
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.training.recipes.seeded_transforms import seed_global_rng


def mixup(
    network: Network, images: Tensor, labels: Tensor, training: Training, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return the images, each mixed with the previous image in the batch, and target probabilities (N, classes).

    All images of the batch are mixed with the same weight, which is drawn from Beta(1, 1).
    """
    with seed_global_rng(generator):
        mixed, targets = MixUp(alpha=1.0, num_classes=network.spec.classes)(images, labels)
    return mixed, targets
