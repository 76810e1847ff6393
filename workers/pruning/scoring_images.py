"""The training images on which a criterion looks at a network."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

SCORING_BATCH = 250
"""Images a batch. It is fixed, because sums of floats, and so scores, depend on it."""


@dataclass(frozen=True)
class ScoringImages:
    """``images``: uint8 (N, 3, H, W) on the network's device; ``labels``: integers (N,) in [0, classes)."""

    images: Tensor
    labels: Tensor
    classes: int
    seed: int

    def batches(self) -> Iterator[Tensor]:
        """The images in order, as floats (n, 3, H, W) in [0, 1] with n at most 250."""
        for images in self.images.split(SCORING_BATCH):
            yield images.to(torch.float32) / 255
