"""What a trial asks of its training and of its test images, and the images that are held in memory."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from prunesweep.sweeps.language import Training
from prunesweep.workers.data.augmentation import augment
from prunesweep.workers.data.limits import ImageSubset

ChannelValues = tuple[float, float, float]


class LabelledImages(ABC):
    """Square images of one side with their labels, wherever the pixels come from.

    ``labels``: int64 (N,) in [0, classes), on the device where batches are wanted. ``holds_pixels``: whether all
    pixels are in memory anyway, so that what is made of each image may be kept there too. ``chosen``: which images of
    the whole split these are, where a limit keeps some.
    """

    labels: Tensor
    chosen: ImageSubset | None = None
    holds_pixels: ClassVar[bool]

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        return self.labels.device

    @property
    @abstractmethod
    def side(self) -> int:
        """Height and width of the images in pixels."""

    @abstractmethod
    def to(self, device: torch.device) -> "LabelledImages":
        """The same images, their batches on ``device``."""

    @abstractmethod
    def read(self, chosen: Tensor | slice) -> Tensor:
        """Images as they are evaluated, uint8 (n, 3, H, W); ``chosen``: their indices, or a slice of them."""

    @abstractmethod
    def order(self, generator: torch.Generator) -> Tensor:
        """The order of one epoch of training: every index once, int64 (N,)."""

    @abstractmethod
    def training_batch(self, chosen: Tensor, training: Training, generator: torch.Generator) -> Tensor:
        """The images of these indices, cropped and mirrored at random, as floats (n, 3, H, W) in [0, 1].

        All random numbers are drawn from ``generator``, which is one of the CPU.
        """

    @abstractmethod
    def channel_statistics(self) -> tuple[ChannelValues, ChannelValues]:
        """Mean and standard deviation of each channel in [0, 1], to normalise by."""


@dataclass(frozen=True)
class Split(LabelledImages):
    """Images in memory. ``images``: uint8 (N, 3, H, W) with H == W; ``labels``: int64 (N,) in [0, classes)."""

    images: Tensor
    labels: Tensor
    chosen: ImageSubset | None = None
    holds_pixels = True

    @property
    def side(self) -> int:
        return int(self.images.shape[-1])

    def to(self, device: torch.device) -> "Split":
        return Split(self.images.to(device), self.labels.to(device), self.chosen)

    def read(self, chosen: Tensor | slice) -> Tensor:
        return self.images[chosen]

    def order(self, generator: torch.Generator) -> Tensor:
        return torch.randperm(len(self), generator=generator).to(self.device)

    def training_batch(self, chosen: Tensor, training: Training, generator: torch.Generator) -> Tensor:
        """Crops out of a padded image; ``crop_padding`` left out is an eighth of the side."""
        padding = self.side // 8 if training.crop_padding is None else training.crop_padding
        images = augment(self.images[chosen], padding=padding, flip=bool(training.flip), generator=generator)
        return images.float().div_(255)

    def channel_statistics(self) -> tuple[ChannelValues, ChannelValues]:
        """Of all pixels, to four decimals.

        From the histogram of the levels, so that it is exact and the same everywhere.
        """
        levels = np.arange(256) / 255
        means, deviations = [], []
        for channel in range(3):
            pixels = self.images[:, channel].flatten().cpu().numpy()
            share = np.bincount(pixels, minlength=256) / pixels.size
            mean = float(share @ levels)
            means.append(round(mean, 4))
            deviations.append(max(round(float(np.sqrt(share @ (levels - mean) ** 2)), 4), 1e-4))
        return (means[0], means[1], means[2]), (deviations[0], deviations[1], deviations[2])
