"""What a network sees of a photograph of any size: the two transforms that ImageNet is trained and evaluated with.

Both take and give Pillow images, as torchvision's do, with Pillow's antialiased bilinear filter.
"""

import math
from dataclasses import dataclass

import torch
from PIL import Image

CROP_AREAS = (0.08, 1.0)  # of a training crop, as a share of the image's area; Szegedy et al. 2015
CROP_SHAPES = (3 / 4, 4 / 3)  # of a training crop: width over height
TRIES = 10


@dataclass(frozen=True)
class View:
    """``size``: side in pixels of what the network sees; ``resized``: of the shorter side before it is cut out."""

    size: int
    resized: int

    def for_evaluation(self, image: Image.Image) -> Image.Image:
        """The central square of the image with its shorter side resized, as by torchvision's Resize and CenterCrop."""
        width, height = image.size
        shorter = min(width, height)
        width, height = (self.resized * side // shorter for side in (width, height))
        left, top = (round((side - self.size) / 2) for side in (width, height))
        box = (left, top, left + self.size, top + self.size)
        return image.resize((width, height), Image.Resampling.BILINEAR).crop(box)

    def for_training(self, image: Image.Image, *, flip: bool, generator: torch.Generator) -> Image.Image:
        """A crop of random size, shape and place, resized; mirrored with probability ½ where ``flip`` says so.

        As torchvision's RandomResizedCrop and RandomHorizontalFlip do it, number for number.
        """
        left, top, width, height = _random_crop(*image.size, generator)
        cropped = image.crop((left, top, left + width, top + height))
        seen = cropped.resize((self.size, self.size), Image.Resampling.BILINEAR)
        if flip and torch.rand(1, generator=generator).item() < 0.5:
            return seen.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return seen


def _random_crop(width: int, height: int, generator: torch.Generator) -> tuple[int, int, int, int]:
    """Left, top, width and height of a crop; where ten tries do not fit, of the largest central one that may be."""
    least, most = CROP_SHAPES
    for _ in range(TRIES):
        area = width * height * _uniform(*CROP_AREAS, generator)
        shape = math.exp(_uniform(math.log(least), math.log(most), generator))
        wide, high = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
        if 0 < wide <= width and 0 < high <= height:
            top = int(torch.randint(0, height - high + 1, (1,), generator=generator))
            left = int(torch.randint(0, width - wide + 1, (1,), generator=generator))
            return left, top, wide, high
    wide = min(width, round(height * most))
    high = min(height, round(width / least))
    return (width - wide) // 2, (height - high) // 2, wide, high


def _uniform(low: float, high: float, generator: torch.Generator) -> float:
    return torch.empty(1).uniform_(low, high, generator=generator).item()
