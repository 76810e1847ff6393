"""The transforms with which ImageNet networks are usually trained and evaluated, for photographs of any size.

Both transforms, for training and for evaluation, take and return Pillow images, as torchvision's transforms do. They
resize with Pillow's antialiased bilinear filter.
"""

import math
from dataclasses import dataclass

import torch
from PIL import Image

CROP_AREAS = (0.08, 1.0)  # smallest and largest area of a training crop, as a share of the image; Szegedy et al. 2015
CROP_ASPECT_RATIOS = (3 / 4, 4 / 3)  # smallest and largest width of a training crop, as a multiple of its height
CROP_TRIES = 10


@dataclass(frozen=True)
class ImageTransforms:
    """The transforms for training and for evaluation that give square images of one size.

    Attributes:
        size: the side in pixels of the transformed, square images.
        resized_side: the length in pixels to which evaluation resizes the shorter side before it crops the centre.
    """

    size: int
    resized_side: int

    def for_evaluation(self, image: Image.Image) -> Image.Image:
        """Resize an image and crop its central square, as torchvision's Resize and CenterCrop do."""
        width, height = image.size
        shorter = min(width, height)
        width, height = (self.resized_side * side // shorter for side in (width, height))
        left, top = (round((side - self.size) / 2) for side in (width, height))
        box = (left, top, left + self.size, top + self.size)
        return image.resize((width, height), Image.Resampling.BILINEAR).crop(box)

    def for_training(self, image: Image.Image, *, flip: bool, generator: torch.Generator) -> Image.Image:
        """Crop an image at random and resize the crop, as torchvision's RandomResizedCrop and RandomHorizontalFlip do.

        With the same generator state the result equals torchvision's in every pixel.

        Args:
            image: the image.
            flip: whether to mirror the crop with probability ½.
            generator: the source of all random numbers.
        """
        left, top, width, height = _random_crop(*image.size, generator)
        cropped = image.crop((left, top, left + width, top + height))
        resized = cropped.resize((self.size, self.size), Image.Resampling.BILINEAR)
        if flip and torch.rand(1, generator=generator).item() < 0.5:
            return resized.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        return resized


def _random_crop(width: int, height: int, generator: torch.Generator) -> tuple[int, int, int, int]:
    """Draw the left edge, the top edge, the width and the height of a random crop, in pixels.

    If none of ``CROP_TRIES`` drawn crops fits into the image, the result is the largest central crop with an allowed
    aspect ratio.
    """
    narrowest, widest = CROP_ASPECT_RATIOS
    for _ in range(CROP_TRIES):
        area = width * height * _uniform(*CROP_AREAS, generator)
        aspect_ratio = math.exp(_uniform(math.log(narrowest), math.log(widest), generator))
        crop_width, crop_height = round(math.sqrt(area * aspect_ratio)), round(math.sqrt(area / aspect_ratio))
        if 0 < crop_width <= width and 0 < crop_height <= height:
            top = int(torch.randint(0, height - crop_height + 1, (1,), generator=generator))
            left = int(torch.randint(0, width - crop_width + 1, (1,), generator=generator))
            return left, top, crop_width, crop_height
    crop_width = min(width, round(height * widest))
    crop_height = min(height, round(width / narrowest))
    return (width - crop_width) // 2, (height - crop_height) // 2, crop_width, crop_height


def _uniform(low: float, high: float, generator: torch.Generator) -> float:
    return torch.empty(1).uniform_(low, high, generator=generator).item()
