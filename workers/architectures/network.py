"""Creating, rebuilding and loading networks.

A network is the body of an architecture together with the normalisation of its input images.
"""

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from prunesweep.sweeps.paths import expand_home
from prunesweep.workers.architectures.architecture import Architecture
from prunesweep.workers.architectures.rebuilding import check_that_layers_fit, shape_body
from prunesweep.workers.architectures.spec import NetworkError, NetworkSpec, find_architecture
from prunesweep.workers.architectures.weights_file import WeightsError, copy_tensors, read_safetensors

__all__ = [
    "Network",
    "NetworkError",
    "NetworkSpec",
    "evaluating",
    "load_network",
    "new_network",
    "rebuild_network",
    "reinitialise",
]

WEIGHTS_NAME = "weights.safetensors"
SPEC_NAME = "network.json"


class Network(nn.Module):
    """A classification network from images (N, 3, H, W) in [0, 1] to logits (N, classes).

    The state dict contains only the tensors of the body, with the prefix "body."; the normalisation is part of the
    spec.

    Attributes:
        spec: architecture, normalisation and removed structures.
        body: the architecture's module, from normalised images to logits.
        mean: means that normalise the channels, (1, 3, 1, 1).
        std: standard deviations that normalise the channels, (1, 3, 1, 1).
    """

    mean: Tensor
    std: Tensor

    def __init__(self, spec: NetworkSpec, body: nn.Module) -> None:
        """Combine a body with the normalisation of its spec.

        Args:
            spec: description of the network.
            body: a body that matches the spec.
        """
        super().__init__()
        self.spec = spec
        self.body = body
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, 3, 1, 1), persistent=False)

    @property
    def architecture(self) -> Architecture:
        """Return the architecture that the body, pruned or not, belongs to."""
        return find_architecture(self.spec.architecture)

    def normalise(self, images: Tensor) -> Tensor:
        """Normalise the channels of images (N, 3, H, W) in [0, 1], as the body expects them."""
        return (images - self.mean) / self.std

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits (N, classes) of images (N, 3, H, W) in [0, 1]."""
        logits: Tensor = self.body(self.normalise(images))
        return logits


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode and turn gradients off, and restore the mode of every module on exit.

    Args:
        network: the network.
    """
    modes = {module: module.training for module in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes.items():
            module.training = training


def new_network(
    architecture: str,
    classes: int,
    image_size: int,
    mean: tuple[float, float, float],
    std: tuple[float, float, float],
    *,
    generator: torch.Generator,
) -> Network:
    """Return an unpruned network with random parameters, on the CPU and in training mode.

    Global random states are neither used nor changed.

    Args:
        architecture: name of the architecture.
        classes: number of classes.
        image_size: height and width of the images in pixels.
        mean: means that normalise the channels of images in [0, 1].
        std: standard deviations that normalise the channels.
        generator: CPU generator from which all parameters are drawn.
    """
    spec = NetworkSpec(architecture, classes, image_size, mean, std)
    body = _empty_baseline(spec).to_empty(device="cpu")
    _initialise(body, generator)
    return Network(spec, body)


def reinitialise(network: Network, generator: torch.Generator) -> Network:
    """Return a copy of a network on the same device, with new random parameters and reset batch norm statistics.

    Args:
        network: the network to copy, which may be pruned.
        generator: CPU generator from which all parameters are drawn.
    """
    device = network.mean.device
    reinitialised = copy.deepcopy(network).cpu()
    reinitialised.zero_grad(set_to_none=True)
    _initialise(reinitialised.body, generator)
    return reinitialised.to(device)


def rebuild_network(spec: NetworkSpec, tensors: Mapping[str, Tensor]) -> Network:
    """Rebuild a network from its description and its tensors, on the CPU and in training mode.

    Args:
        spec: description of the network.
        tensors: state dict of the network.

    Raises:
        NetworkError: spec and state dict do not match.
    """
    body = _empty_baseline(spec)
    for name in spec.removed_blocks:
        body.set_submodule(name, nn.Identity())
    shape_body(body, spec, tensors)
    network = Network(spec, body.to_empty(device="cpu"))
    check_that_layers_fit(body)
    try:
        copy_tensors(tensors, network.state_dict())
    except WeightsError as error:
        raise NetworkError(str(error)) from error
    return network


def load_network(path: str | PathLike[str]) -> Network:
    """Load the network from a folder that a store or ``export_network`` wrote.

    Args:
        path: path of the folder, which may begin with ``~`` and contains ``weights.safetensors`` and ``network.json``.

    Returns:
        The network in evaluation mode: a torch module from images (N, 3, H, W) in [0, 1] to logits (N, classes).

    Raises:
        NetworkError: a file is missing or unreadable, or the two files do not match; the message is one line.

    Example:
        >>> import torch
        >>> from prunesweep import load_network
        >>> network = load_network("store/networks/1d7dd2efeebe5378b28b4b3a2fc13ca0")
        >>> network(torch.zeros(1, 3, 16, 16)).shape
        torch.Size([1, 10])
    """
    folder = Path(expand_home(path))
    for name in (SPEC_NAME, WEIGHTS_NAME):
        if not (folder / name).is_file():
            raise NetworkError(f"{folder} contains no network: {name} is missing")
    try:
        description = json.loads((folder / SPEC_NAME).read_text(encoding="utf-8"))
        return rebuild_network(NetworkSpec.from_json(description), read_safetensors(folder / WEIGHTS_NAME)).eval()
    except (OSError, ValueError) as error:
        raise NetworkError(f"{folder}: {error}") from error


def _empty_baseline(spec: NetworkSpec) -> nn.Module:
    """Return the unpruned body of a spec's architecture on the meta device, where layers can still be resized.

    No random numbers are drawn.
    """
    with torch.device("meta"):
        return find_architecture(spec.architecture).build(spec.classes)


def _initialise(body: nn.Module, generator: torch.Generator) -> None:
    """Draw He normal weights (He et al., 2015; fan-in) for a body of any architecture, and reset its batch norms.

    The gain is √2 for convolutions, which are followed by ReLUs, and 1 for the classifier. Biases are zero.
    """
    with torch.no_grad():
        for module in body.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nonlinearity: Literal["relu", "linear"] = "relu" if isinstance(module, nn.Conv2d) else "linear"
                nn.init.kaiming_normal_(module.weight, nonlinearity=nonlinearity, generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
