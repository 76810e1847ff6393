"""Reading a weights file and copying its tensors into a network."""

import argparse
import codecs
import re
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.words import counted
from prunesweep.workers.architectures.file_kinds import describe_wrong_kind, is_safetensors
from prunesweep.workers.architectures.rebuilding import BODY_PREFIX

STATE_DICT_KEYS = (
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "params",
    "ema",
    "model_ema",
    "ema_state_dict",
    "state_dict_ema",
)
"""Keys under which a file may store its state dict; if several are present, the first in this order is read."""

NAME_PREFIXES = ("module.", "_orig_mod.", "model.", "net.")
"""Prefixes that data-parallel, compiled and wrapped networks add to all names, in any combination."""

BATCH_COUNTER = "num_batches_tracked"  # of batch norms
AVERAGE_COUNTER = "n_averaged"  # of torch.optim.swa_utils.AveragedModel
_LISTED_NAMES = 3  # names that a message lists at most

_PATHS = ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
# Classes and functions in the files of training scripts that are safe to unpickle, because they only create values.
# torch.load accepts them in addition to tensors and built-in containers.
_NUMBER_CONSTRUCTOR, _ARRAY_CONSTRUCTOR = np.float64(0).__reduce__()[0], np.zeros(0).__reduce__()[0]
_SAFE_GLOBALS: list[Any] = [
    argparse.Namespace,
    np.dtype,
    np.ndarray,
    *{type(np.dtype(letter)) for letter in "?bBhHiIlLqQefdFDSU"},
    (codecs.encode, "_codecs.encode"),
    *((_NUMBER_CONSTRUCTOR, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),  # "core" before NumPy 2
    *((_ARRAY_CONSTRUCTOR, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    *((PurePath, f"{module}.{name}") for module in ("pathlib", "pathlib._local") for name in _PATHS),
]


class WeightsError(DataError, ValueError):
    """A weights file that cannot be read, or whose tensors do not match the network."""


class FileTensors(dict[str, Tensor]):
    """The tensors of a weights file by name, without the prefix that all names in the file share.

    Attributes:
        prefix: the removed prefix, so that messages can use the names in the file.
    """

    def __init__(self, tensors: Mapping[str, Tensor], prefix: str = "") -> None:
        """Copy a mapping of tensors.

        Args:
            tensors: tensors by name.
            prefix: the prefix that was removed from all names.
        """
        super().__init__(tensors)
        self.prefix = prefix


def read_weights_file(path: str | Path) -> FileTensors:
    """Return the tensors of a safetensors file or of a file written by ``torch.save``, by name on the CPU.

    The state dict may be nested under one of ``STATE_DICT_KEYS``. Prefixes in ``NAME_PREFIXES`` that all its
    names share are removed. Only tensors, built-in containers and classes that merely contain values, such as the
    options of a training script, are unpickled.

    Args:
        path: path of the file, which may begin with ``~``.

    Raises:
        WeightsError: the file is missing or is not a weights file; the message is one line and says what the file is.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise WeightsError(f"{path}: there is no such weights file")
    try:
        problem = None if path.is_file() and is_safetensors(path) else describe_wrong_kind(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from None
    if problem is not None:
        raise WeightsError(f"{path}: {problem}")
    content = read_safetensors(path) if is_safetensors(path) else _read_saved_by_torch(path)
    tensors = _find_tensors(content)
    if tensors is None:
        raise WeightsError(
            f"{path}: contains no named tensors, at the top level or under {', '.join(STATE_DICT_KEYS[:5])} …; "
            f"it contains {_describe_content(content)}"
        )
    return _strip_prefixes(tensors)


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file by name, on the CPU.

    Args:
        path: path of the file.

    Raises:
        WeightsError: the file is not a safetensors file, or it is damaged.
    """
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: cannot be read as safetensors; it is damaged or cut short") from error


def load_weights(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy the tensors of a body or of a whole network into a network.

    If any tensor does not match the network, none is copied. Files from before PyTorch 0.4.1 lack the batch counters of
    batch norms, so missing counters start at zero.

    Args:
        network: the network, changed in place.
        tensors: tensors by name, of a body or of a whole network.

    Raises:
        WeightsError: tensors are missing, unexpected, of another shape or not finite; the message is one line and names
            the tensors as the file does.
    """
    state = network.state_dict()
    expected = {name.removeprefix(BODY_PREFIX): target for name, target in state.items()}
    given = {name.removeprefix(BODY_PREFIX): tensor for name, tensor in tensors.items()}
    counters = {name: torch.zeros_like(target) for name, target in expected.items() if name.endswith(BATCH_COUNTER)}
    prefix = tensors.prefix if isinstance(tensors, FileTensors) else ""
    prefix += BODY_PREFIX if all(name.startswith(BODY_PREFIX) for name in tensors) else ""
    mismatch = _describe_mismatch(counters | given, expected, prefix)
    if mismatch is not None:
        raise WeightsError(mismatch)
    _copy({BODY_PREFIX + name: tensor for name, tensor in (counters | given).items()}, state)


def _describe_mismatch(given: Mapping[str, Tensor], expected: Mapping[str, Tensor], prefix: str) -> str | None:
    """Return which tensors of a file do not match a network, named as in the file, or None if all tensors match."""
    missing = [prefix + name for name in expected if name not in given]
    unexpected = [prefix + name for name in given if name not in expected]
    if missing or unexpected:
        of_missing = f"the file has no {_join_names(missing)}" if missing else ""
        of_unexpected = f"the network has no {_join_names(unexpected)}" if unexpected else ""
        return "; ".join(filter(None, (of_missing, of_unexpected)))
    for name, target in expected.items():
        shape, expected_shape = tuple(given[name].shape), tuple(target.shape)
        if shape != expected_shape:
            hint = _class_count_hint(shape, expected_shape)
            return f"{prefix}{name} has shape {shape} where the network has {expected_shape}{hint}"
        if not torch.isfinite(given[name]).all():
            return f"{prefix}{name} contains values that are not finite"
    return None


def _class_count_hint(shape: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """Return a hint that the file may be for another number of classes, if two shapes differ only in their first size.

    The weight and the bias of a classifier differ in this way. For other differences, the hint is empty.
    """
    if len(shape) == len(expected) <= 2 and shape[1:] == expected[1:]:
        return f": the file may be for {counted(shape[0], 'class', 'classes')}, but the data has {expected[0]}"
    return ""


def _join_names(names: list[str]) -> str:
    more = len(names) - _LISTED_NAMES
    return ", ".join(names[:_LISTED_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def copy_tensors(tensors: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> None:
    """Copy tensors into those of a state dict, in place.

    If any tensor does not match the state dict, none is copied.

    Args:
        tensors: tensors by name.
        state: the state dict, which must have the same names and shapes.

    Raises:
        WeightsError: a tensor is missing, unexpected, of another shape or not finite.
    """
    for name, target in state.items():
        if name not in tensors:
            raise WeightsError(f"{name} is missing")
        if tensors[name].shape != target.shape:
            shape, expected = tuple(tensors[name].shape), tuple(target.shape)
            raise WeightsError(f"{name} has shape {shape} where the network has {expected}")
        if not torch.isfinite(tensors[name]).all():
            raise WeightsError(f"{name} contains values that are not finite")
    for name in tensors:
        if name not in state:
            raise WeightsError(f"{name} is unexpected: the network has no such tensor")
    _copy(tensors, state)


def _copy(tensors: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, target in state.items():
            target.copy_(tensors[name])


def _read_saved_by_torch(path: Path) -> Any:
    try:
        # An open file, because torch.load would choose the format of a path by its name.
        with open(path, "rb") as file, torch.serialization.safe_globals(_SAFE_GLOBALS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about newer pickle protocols
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load fails in many ways, each with its own exception
        raise WeightsError(f"{path}: {_explain_load_error(error)}") from error


def _explain_load_error(error: Exception) -> str:
    """Summarise a multi-line error of ``torch.load`` in one line."""
    blocked = re.search(r"GLOBAL (\S+)", str(error))
    if blocked is not None:
        return (
            f"contains Python objects besides tensors ({blocked[1].rstrip('.')}), which are not loaded because "
            "unpickling can run any code; save only the tensors where the file was made: "
            "torch.save(model.state_dict(), FILE)"
        )
    return "was not written by torch.save, or it is damaged; download or save it again"


def _find_tensors(content: Any, depth: int = 2) -> dict[str, Tensor] | None:
    """Return the tensors by name at the top level or under one of ``STATE_DICT_KEYS``, or None if there are none."""
    if not isinstance(content, Mapping):
        return None
    for name in STATE_DICT_KEYS if depth else ():
        nested = _find_tensors(content.get(name), depth - 1)
        if nested is not None:
            return nested
    tensors = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
    return {name: tensor.detach() for name, tensor in tensors.items()} or None


def _describe_content(content: Any) -> str:
    """Return in words what the content of a file without a state dict is."""
    if not isinstance(content, Mapping):
        return f"one object of type {type(content).__name__}"
    return _join_names([str(name) for name in content]) if content else "nothing"


def _strip_prefixes(tensors: Mapping[str, Tensor]) -> FileTensors:
    """Remove the prefixes that all tensor names share from the names, and drop the counter of ``AveragedModel``."""
    tensors = {name: tensor for name, tensor in tensors.items() if name.rpartition(".")[2] != AVERAGE_COUNTER}
    removed = ""
    while (prefix := _shared_prefix(tensors)) is not None:
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
        removed += prefix
    return FileTensors(tensors, removed)


def _shared_prefix(names: Iterable[str]) -> str | None:
    names = list(names)
    return next((prefix for prefix in NAME_PREFIXES if names and all(name.startswith(prefix) for name in names)), None)
