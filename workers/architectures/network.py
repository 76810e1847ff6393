"""A network: an architecture's body with the normalisation inside, how one is made and how one is loaded."""

import copy
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn

from prunesweep.sweeps.paths import expanded
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
    """Images (N, 3, H, W) in [0, 1] to logits (N, classes).

    ``spec`` says what it is. The state dict holds the body's tensors alone, under "body."; the normalisation
    comes from the spec.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, spec: NetworkSpec, body: nn.Module) -> None:
        super().__init__()
        self.spec = spec
        self.body = body
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(spec.std).view(1, 3, 1, 1), persistent=False)

    @property
    def architecture(self) -> Architecture:
        """The architecture that the body is an instance, or a pruned instance, of."""
        return find_architecture(self.spec.architecture)

    def normalise(self, images: Tensor) -> Tensor:
        """What the body sees of images (N, 3, H, W) in [0, 1]."""
        return (images - self.mean) / self.std

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.body(self.normalise(images))
        return logits


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Puts a network into eval mode and turns gradients off; leaves every module's mode as it was."""
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
    """A baseline with random parameters on the CPU, in training mode.

    They are drawn from ``generator`` (on the CPU) and from nothing else; global random states stay as they
    are.
    """
    spec = NetworkSpec(architecture, classes, image_size, mean, std)
    body = _empty_baseline(spec).to_empty(device="cpu")
    _initialise(body, generator)
    return Network(spec, body)


def reinitialise(network: Network, generator: torch.Generator) -> Network:
    """A network of the same shape, on the same device, with fresh parameters and batch norm statistics."""
    device = network.mean.device
    fresh = copy.deepcopy(network).cpu()
    fresh.zero_grad(set_to_none=True)
    _initialise(fresh.body, generator)
    return fresh.to(device)


def rebuild_network(spec: NetworkSpec, tensors: Mapping[str, Tensor]) -> Network:
    """The network that has this spec and this state dict, on the CPU in training mode.

    Raises NetworkError when the two do not fit each other.
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
    """Return the network of a folder that a store or ``export_network`` wrote.

    Args:
        path: of the folder, which may begin with ``~``; it holds ``weights.safetensors`` and ``network.json``.

    Returns:
        A torch module in evaluation mode: images (N, 3, H, W) in [0, 1] to logits (N, classes).

    Raises:
        NetworkError: something is missing, unreadable or does not fit, in one line.

    Example:
        >>> import torch
        >>> from prunesweep import load_network
        >>> network = load_network("store/networks/1d7dd2efeebe5378b28b4b3a2fc13ca0")
        >>> network(torch.zeros(1, 3, 16, 16)).shape
        torch.Size([1, 10])
    """
    folder = Path(expanded(path))
    for name in (SPEC_NAME, WEIGHTS_NAME):
        if not (folder / name).is_file():
            raise NetworkError(f"{folder} holds no network: {name} is missing")
    try:
        stated = json.loads((folder / SPEC_NAME).read_text(encoding="utf-8"))
        return rebuild_network(NetworkSpec.from_json(stated), read_safetensors(folder / WEIGHTS_NAME)).eval()
    except (OSError, ValueError) as error:
        raise NetworkError(f"{folder}: {error}") from error


def _empty_baseline(spec: NetworkSpec) -> nn.Module:
    """The baseline's body without storage: nothing is drawn, and shapes are free to change."""
    with torch.device("meta"):
        return find_architecture(spec.architecture).build(spec.classes)


def _initialise(body: nn.Module, generator: torch.Generator) -> None:
    """He normal weights (He et al., 2015; fan-in) and fresh batch norms, one rule for all architectures.

    The gain is √2 for convolutions, which ReLUs follow, and 1 for the classifier; biases are zero.
    """
    with torch.no_grad():
        for module in body.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                follows: Literal["relu", "linear"] = "relu" if isinstance(module, nn.Conv2d) else "linear"
                nn.init.kaiming_normal_(module.weight, nonlinearity=follows, generator=generator)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.BatchNorm2d):
                module.reset_parameters()
