"""``cutout`` (DeVries and Taylor 2017): a black square of half the image's side, at a random place of each image."""

import torch
from torch import Tensor
from torchvision.transforms.v2 import RandomErasing

from sweeps.language import Training
from workers.architectures.network import Network
from workers.training.recipes.draws import drawing_from

# A quarter of the area, always; wholly inside the image, where the authors let it hang over the edge.
_ERASE = RandomErasing(p=1.0, scale=(0.25, 0.25), ratio=(1.0, 1.0), value=0.0)


def cutout(
    network: Network, images: Tensor, labels: Tensor, training: Training, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Images with a square of zeros in each; labels as they are."""
    with drawing_from(generator):
        # One by one: of a batch, torchvision would erase the same square in all.
        return torch.stack([_ERASE(image) for image in images]), labels
