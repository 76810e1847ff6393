"""Trained networks to attack, with their test images."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from prunesweep.sweeps.datasets import ImageParquet
from prunesweep.workers.architectures.network import Network, new_network
from prunesweep.workers.architectures.weights_file import load_weights, read_weights_file
from prunesweep.workers.data.image_parquet import load
from prunesweep.workers.random_streams import stream


@dataclass(frozen=True)
class Trained:
    """A small network that knows its digits, and test images: float32 in [0, 1]."""

    network: nn.Module
    images: Tensor
    labels: Tensor

    @property
    def indices(self) -> Tensor:
        return torch.arange(len(self.labels))


def trained_resnet(shared_data: Path, architecture: str, weights: str, images: int) -> tuple[Network, Tensor, Tensor]:
    """A trained network and CIFAR-10's first test images."""
    folder = shared_data / "cifar10"
    settings = ImageParquet(
        name="image_parquet",
        train=(str(folder / "test.parquet"),),
        test=(str(folder / "test.parquet"),),
        train_limit=10,
        test_limit=images,
    )
    test = load(settings).test
    network = new_network(architecture, 10, 32, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), generator=stream("test"))
    load_weights(network, read_weights_file(str(shared_data / "weights" / weights)))
    return network.eval().requires_grad_(False), test.read(slice(0, images)).float() / 255, test.labels[:images]
