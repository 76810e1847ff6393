"""A small trained network to attack, with its test images."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Trained:
    """A small network that knows its digits, and test images: float32 in [0, 1]."""

    network: nn.Module
    images: Tensor
    labels: Tensor

    @property
    def indices(self) -> Tensor:
        return torch.arange(len(self.labels))
