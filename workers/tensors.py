"""Conversion between tensors and the arrays of the store."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


def to_arrays(tensors: Mapping[str, Tensor]) -> dict[str, NDArray[Any]]:
    """Copy tensors to arrays."""
    return {name: tensor.detach().cpu().numpy().copy() for name, tensor in tensors.items()}


def to_tensors(arrays: Mapping[str, NDArray[Any]]) -> dict[str, Tensor]:
    """Copy arrays to tensors on the CPU."""
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}


def state_arrays(network: nn.Module) -> dict[str, NDArray[Any]]:
    """Copy the parameters and buffers of a network to arrays."""
    return to_arrays(network.state_dict())
