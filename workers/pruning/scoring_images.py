"""The training images on which criteria score a network."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

SCORING_BATCH = 250
"""Images per batch; the number is fixed, because floating-point sums, and so the scores, depend on it."""


@dataclass(frozen=True)
class ScoringImages:
    """Training images with labels for scoring.

    Attributes:
        images: uint8 (N, 3, H, W) on the network's device.
        labels: integers (N,) in [0, classes).
        classes: number of classes of the data set.
        seed: seed of the scores that the criterion ``random`` draws.
    """

    images: Tensor
    labels: Tensor
    classes: int
    seed: int

    def batches(self) -> Iterator[Tensor]:
        """Yield the images in order, as float32 (n, 3, H, W) in [0, 1] with n at most 250."""
        for images in self.images.split(SCORING_BATCH):
            yield images.to(torch.float32) / 255
