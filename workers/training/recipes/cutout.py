"""The recipe ``cutout`` (DeVries and Taylor 2017): in half of the images, a square of half the side is erased."""

import torch
from torch import Tensor
from torchvision.transforms.v2 import RandomErasing

from prunesweep.sweeps.language import Training
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.training.recipes.seeded_transforms import seed_global_rng

# Of the paper's two variants (section 3.2) this is the second one, which torchvision implements: the square is entirely
# inside the image, and is erased in half of the images. In the first one it may extend beyond the border. The square
# always has a quarter of the area.
PROBABILITY, AREA, SQUARE = 0.5, (0.25, 0.25), (1.0, 1.0)


def cutout(
    network: Network, images: Tensor, labels: Tensor, training: Training, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Fill a square of each image with the mean colour, with probability ½, and return images and unchanged labels.

    The mean colour is the one that is 0 after the network's normalisation.
    """
    erase = RandomErasing(p=PROBABILITY, scale=AREA, ratio=SQUARE, value=list(network.spec.mean))
    with seed_global_rng(generator):
        # One image at a time: for a batch, torchvision would erase the same square in all images.
        return torch.stack([erase(image) for image in images]), labels
