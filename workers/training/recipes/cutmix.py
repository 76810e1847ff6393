"""The recipe ``cutmix`` (Yun et al. 2019): each image gets a patch, and a share of the label, of another image."""

import torch
from torch import Tensor
from torchvision.transforms.v2 import CutMix

from prunesweep.sweeps.language import Training
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.training.recipes.seeded_transforms import seed_global_rng


def cutmix(
    network: Network, images: Tensor, labels: Tensor, training: Training, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return the images, each with a patch of the previous image in the batch, and target probabilities (N, classes).

    The patch has the same size and position in all images of the batch. Its share of the image's area is drawn from
    Beta(1, 1), before the part of the patch beyond the border is cut off. The target probabilities follow the area
    that remains.
    """
    with seed_global_rng(generator):
        mixed, targets = CutMix(alpha=1.0, num_classes=network.spec.classes)(images, labels)
    return mixed, targets
