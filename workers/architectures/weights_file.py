"""Reading a weights file and copying its tensors into a network."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from prunesweep.sweeps.errors import DataError

SAFETENSORS = ".safetensors"
NESTED_UNDER = "state_dict"
PARALLEL_PREFIX = "module."
NETWORK_PREFIX = "body."
COUNTER = "num_batches_tracked"


class WeightsError(DataError, ValueError):
    """A weights file that cannot be read, or whose tensors are not those of the network."""


def read_weights_file(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` file, or of one that ``torch.save`` wrote, on the CPU by name.

    A ``{"state_dict": …}`` around them and the ``module.`` of a data-parallel network before their names are
    taken off. Nothing but tensors and plain containers is unpickled. Raises WeightsError.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path}: there is no such weights file")
    tensors = read_safetensors(path) if path.suffix == SAFETENSORS else _read_saved_by_torch(path)
    return {name.removeprefix(PARALLEL_PREFIX): tensor for name, tensor in tensors.items()}


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file on the CPU by name; raises WeightsError if it is not one."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path} cannot be read as safetensors: {error}") from error


def load_weights(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copies into ``network`` the tensors of a body or of a whole network, all or, when one does not fit,
    none.

    Batch norms' counters of batches may be absent (files older than PyTorch 0.4.1); they then start at zero.
    Raises WeightsError that names the first tensor which does not fit and says why.
    """
    state = network.state_dict()
    named = {
        name if name.startswith(NETWORK_PREFIX) else NETWORK_PREFIX + name: tensor for name, tensor in tensors.items()
    }
    counters = {name: torch.zeros_like(target) for name, target in state.items() if name.endswith(COUNTER)}
    copy_tensors(counters | named, state)


def copy_tensors(tensors: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> None:
    """Copies tensors into those of a state dict, in place; raises WeightsError, before any, if one does not
    fit.
    """
    for name, target in state.items():
        if name not in tensors:
            raise WeightsError(f"{name} is missing")
        if tensors[name].shape != target.shape:
            found, wanted = tuple(tensors[name].shape), tuple(target.shape)
            raise WeightsError(f"{name} has shape {found} where the network has {wanted}")
        if not torch.isfinite(tensors[name]).all():
            raise WeightsError(f"{name} holds values that are no numbers")
    for name in tensors:
        if name not in state:
            raise WeightsError(f"{name} is unexpected: the network has no such tensor")
    with torch.no_grad():
        for name, target in state.items():
            target.copy_(tensors[name])


def _read_saved_by_torch(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load fails in many ways, each with its own exception
        raise WeightsError(f"{path} cannot be read as weights: {str(error).splitlines()[0]}") from error
    if isinstance(content, Mapping):
        content = content.get(NESTED_UNDER, content)
    if not _is_tensors_by_name(content):
        raise WeightsError(f"{path} holds no tensors by name, alone or under {NESTED_UNDER!r}")
    return dict(content)


def _is_tensors_by_name(content: Any) -> bool:
    return isinstance(content, Mapping) and all(
        isinstance(name, str) and isinstance(tensor, Tensor) for name, tensor in content.items()
    )
