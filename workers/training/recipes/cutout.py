"""``cutout`` (DeVries and Taylor 2017): a square of half the image's side is taken out of half of the images."""

import torch
from torch import Tensor
from torchvision.transforms.v2 import RandomErasing

from prunesweep.sweeps.language import Training
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.training.recipes.seeded_transforms import drawing_from

# The square may hang over the edge, or it lies wholly inside and is taken out of half of the images: the paper's second
# way (section 3.2), which is torchvision's. A quarter of the area, always.
PROBABILITY, AREA, SQUARE = 0.5, (0.25, 0.25), (1.0, 1.0)


def cutout(
    network: Network, images: Tensor, labels: Tensor, training: Training, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Images with a square of the mean colour, which the network sees as 0, in half of them; labels as they are."""
    erase = RandomErasing(p=PROBABILITY, scale=AREA, ratio=SQUARE, value=list(network.spec.mean))
    with drawing_from(generator):
        # One by one: of a batch, torchvision would erase the same square in all.
        return torch.stack([erase(image) for image in images]), labels
