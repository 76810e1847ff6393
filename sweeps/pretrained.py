"""Pretrained networks, which a sweep names as ``torchvision:NAME`` instead of a weights file.

This registry holds what a plan must know of these networks, so that a plan need not import torchvision. The keys of
trials contain the beginning of the SHA-256 of the weights file, which torchvision publishes in the file's name. A test
compares this registry with torchvision's own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.names import unknown_name

TORCHVISION_PREFIX = "torchvision:"
IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class PretrainedError(DataError, ValueError):
    """An error in the name of a pretrained network: it is unknown, or the network has another architecture."""


@dataclass(frozen=True)
class Pretrained:
    """A published network.

    Attributes:
        architecture: the architecture's name in the catalogue.
        url: the URL of the weights file.
        mean: the means of the channels by which images are normalised, in units of [0, 1] pixels.
        std: the standard deviations of the channels by which images are normalised.
        classes: the number of classes.
        epochs: how many epochs the network was trained, as torchvision says; None if that is unknown.
    """

    architecture: str
    url: str
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    classes: int = 1000
    epochs: int | None = None

    @property
    def file_name(self) -> str:
        """Return the name of the weights file."""
        return PurePosixPath(self.url).name

    @property
    def sha256_prefix(self) -> str:
        """Return the beginning of the weights file's SHA-256: ``11ad3fa6`` for ``resnet50-11ad3fa6.pth``."""
        return PurePosixPath(self.url).stem.rpartition("-")[2]


PRETRAINED: Mapping[str, Pretrained] = {
    "torchvision:IMAGENET1K_V1": Pretrained(
        "resnet50", "https://download.pytorch.org/models/resnet50-0676ba61.pth", epochs=90
    ),
    "torchvision:IMAGENET1K_V2": Pretrained(
        "resnet50", "https://download.pytorch.org/models/resnet50-11ad3fa6.pth", epochs=600
    ),
}


def find_pretrained(weights: str) -> Pretrained | None:
    """Return the pretrained network of a name, or None if ``weights`` is the path of a file.

    Raises:
        PretrainedError: ``weights`` begins with torchvision's prefix, but names no known network.
    """
    if not weights.startswith(TORCHVISION_PREFIX):
        return None
    if weights not in PRETRAINED:
        raise PretrainedError(unknown_name(weights, "a pretrained network", PRETRAINED))
    return PRETRAINED[weights]


def check_weights_name(weights: str) -> str:
    """Check that a name of a pretrained network is known, and return this name, or a weights file's path, unchanged.

    An unknown name raises ``PretrainedError``.
    """
    find_pretrained(weights)
    return weights


def locate_weights(weights: str) -> str:
    """Return the absolute path of a weights file, or the name of a pretrained network unchanged."""
    return str(Path(weights).absolute()) if find_pretrained(weights) is None else weights


def check_architectures(weights: str, architectures: Iterable[str]) -> None:
    """Check that a pretrained network has the architecture of all trials; weights files are accepted without reading.

    Args:
        weights: the path of a weights file, or the name of a pretrained network.
        architectures: the architectures of the trials.

    Raises:
        PretrainedError: the network has another architecture, or its name is unknown.
    """
    pretrained = find_pretrained(weights)
    for architecture in architectures:
        if pretrained is not None and pretrained.architecture != architecture:
            raise PretrainedError(f"{weights} is a {pretrained.architecture}, not a {architecture}")
