"""Pretrained networks that a sweep names as ``torchvision:NAME`` instead of a weights file.

What a plan must know of them stands here, so that it need not import torchvision: keys hold the beginning of the
SHA-256 that torchvision publishes in the file's name. A test holds this registry against torchvision's own.
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
    """A name of no pretrained network, or of one of another architecture."""


@dataclass(frozen=True)
class Pretrained:
    """A published network; ``mean`` and ``std`` normalise channels of [0, 1] as in its training."""

    architecture: str
    url: str
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD

    @property
    def file_name(self) -> str:
        return PurePosixPath(self.url).name

    @property
    def sha256_prefix(self) -> str:
        """How the SHA-256 of the file's bytes begins: ``11ad3fa6`` of ``resnet50-11ad3fa6.pth``."""
        return PurePosixPath(self.url).stem.rpartition("-")[2]


PRETRAINED: Mapping[str, Pretrained] = {
    "torchvision:IMAGENET1K_V1": Pretrained("resnet50", "https://download.pytorch.org/models/resnet50-0676ba61.pth"),
    "torchvision:IMAGENET1K_V2": Pretrained("resnet50", "https://download.pytorch.org/models/resnet50-11ad3fa6.pth"),
}


def find_pretrained(weights: str) -> Pretrained | None:
    """The pretrained network of that name; None where ``weights`` is the path of a file.

    Raises:
        PretrainedError: torchvision's prefix before a name that is not known.
    """
    if not weights.startswith(TORCHVISION_PREFIX):
        return None
    if weights not in PRETRAINED:
        raise PretrainedError(unknown_name(weights, "a pretrained network", PRETRAINED))
    return PRETRAINED[weights]


def known_weights(weights: str) -> str:
    """A validator that lets pass paths of files and the names of pretrained networks."""
    find_pretrained(weights)
    return weights


def weights_place(weights: str) -> str:
    """Where a worker finds the weights: a file's absolute path, or a pretrained network's name as it is."""
    return str(Path(weights).absolute()) if find_pretrained(weights) is None else weights


def check_architectures(weights: str, architectures: Iterable[str]) -> None:
    """Checks that a pretrained network is one of these architectures; of a file, only its tensors can tell.

    Raises:
        PretrainedError: it is of another, or its name is not known.
    """
    pretrained = find_pretrained(weights)
    for architecture in architectures:
        if pretrained is not None and pretrained.architecture != architecture:
            raise PretrainedError(f"{weights} is a {pretrained.architecture} and no {architecture}")
