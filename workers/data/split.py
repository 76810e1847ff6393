"""The interface of a split (training or test images with their labels), and splits whose images are in memory."""

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
    """A split (the training or the test images): square images of one size with labels, in memory or streamed.

    Attributes:
        labels: int64 (N,) in [0, classes), on the device to which batches are delivered.
        subset: which images of the whole split these are; None if no limit leaves out any.
        holds_pixels: whether all pixels are in memory. Only then may data computed for each image be kept in memory.
    """

    labels: Tensor
    subset: ImageSubset | None = None
    holds_pixels: ClassVar[bool]

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        """Return the device to which batches are delivered."""
        return self.labels.device

    @property
    @abstractmethod
    def side(self) -> int:
        """Return the height and width of the images in pixels."""

    @abstractmethod
    def to(self, device: torch.device) -> "LabelledImages":
        """Return the same images with batches delivered to ``device``."""

    @abstractmethod
    def read(self, indices: Tensor | slice) -> Tensor:
        """Return the images with these indices as networks are evaluated on them: uint8 (n, 3, H, W), not augmented.

        Args:
            indices: int64 (n,), or a slice, such as ``slice(None)`` for all images.
        """

    @abstractmethod
    def order(self, generator: torch.Generator) -> Tensor:
        """Return the order of the images in an epoch of training: every index once, int64 (N,)."""

    @abstractmethod
    def training_batch(self, indices: Tensor, training: Training, generator: torch.Generator) -> Tensor:
        """Return the images with these indices, cropped and mirrored at random, as floats (n, 3, H, W) in [0, 1].

        Args:
            indices: int64 (n,).
            training: the training settings, among them those of cropping and mirroring.
            generator: a generator on the CPU, from which all random numbers are drawn.
        """

    @abstractmethod
    def channel_statistics(self) -> tuple[ChannelValues, ChannelValues]:
        """Return the mean and the standard deviation of each channel, for pixels in [0, 1]."""


@dataclass(frozen=True)
class Split(LabelledImages):
    """A split whose images are in memory.

    Attributes:
        images: uint8 (N, 3, H, W) with H == W.
        labels: int64 (N,) in [0, classes).
        subset: which images of the whole split these are; None if no limit leaves out any.
    """

    images: Tensor
    labels: Tensor
    subset: ImageSubset | None = None
    holds_pixels = True

    @property
    def side(self) -> int:
        """Return the height and width of the images in pixels."""
        return int(self.images.shape[-1])

    def to(self, device: torch.device) -> "Split":
        """Return the same split with its images and labels on ``device``."""
        return Split(self.images.to(device), self.labels.to(device), self.subset)

    def read(self, indices: Tensor | slice) -> Tensor:
        """Return the unchanged images with these indices, uint8 (n, 3, H, W)."""
        return self.images[indices]

    def order(self, generator: torch.Generator) -> Tensor:
        """Return a random permutation of all indices, int64 (N,)."""
        return torch.randperm(len(self), generator=generator).to(self.device)

    def training_batch(self, indices: Tensor, training: Training, generator: torch.Generator) -> Tensor:
        """Return random crops of the zero-padded images with these indices, as floats (n, 3, H, W) in [0, 1].

        If ``training.flip`` is true, each crop is mirrored with probability ½. ``training.crop_padding`` is the padding
        on each side in pixels, by default an eighth of the images' height.
        """
        padding = self.side // 8 if training.crop_padding is None else training.crop_padding
        images = augment(self.images[indices], padding=padding, flip=bool(training.flip), generator=generator)
        return images.float().div_(255)

    def channel_statistics(self) -> tuple[ChannelValues, ChannelValues]:
        """Return the mean and the standard deviation of each channel, for pixels in [0, 1], rounded to four decimals.

        Both are computed from the histogram of the 256 pixel values, so that they are the same on every device. The
        standard deviation is at least 0.0001.
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
