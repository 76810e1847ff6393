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
from prunesweep.workers.architectures.file_kinds import fault_of_kind, is_safetensors

NESTED_UNDER = (
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
"""Below which names a file may hold the tensors: of several, the first in this order."""

PREFIXES = ("module.", "_orig_mod.", "model.", "net.")
"""What data-parallel, compiled and wrapped networks put before all names, in any combination."""

NETWORK_PREFIX = "body."
COUNTER = "num_batches_tracked"
AVERAGED = "n_averaged"  # the counter of torch.optim.swa_utils.AveragedModel
_SHOWN = 3  # names in a message

_PATHS = ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
# What training scripts save beside the tensors and what does nothing but hold values when it is read. torch reads
# these, and nothing else but tensors and plain containers.
_READS_NUMBER, _READS_ARRAY = np.float64(0).__reduce__()[0], np.zeros(0).__reduce__()[0]
_HARMLESS: list[Any] = [
    argparse.Namespace,
    np.dtype,
    np.ndarray,
    *{type(np.dtype(letter)) for letter in "?bBhHiIlLqQefdFDSU"},
    (codecs.encode, "_codecs.encode"),
    *((_READS_NUMBER, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")),  # the former before numpy 2
    *((_READS_ARRAY, f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")),
    *((PurePath, f"{module}.{name}") for module in ("pathlib", "pathlib._local") for name in _PATHS),
]


class WeightsError(DataError, ValueError):
    """A weights file that cannot be read, or whose tensors are not those of the network."""


class FileTensors(dict[str, Tensor]):
    """The tensors of a weights file by name, without what stands before all names.

    Attributes:
        prefix: what stood there, so that messages use the file's own names.
    """

    def __init__(self, tensors: Mapping[str, Tensor], prefix: str = "") -> None:
        super().__init__(tensors)
        self.prefix = prefix


def read_weights_file(path: str | Path) -> FileTensors:
    """Return the tensors of a safetensors file, or of one that ``torch.save`` wrote, on the CPU by name.

    They may lie below one of ``NESTED_UNDER``, and their names behind any of ``PREFIXES``. Nothing is unpickled but
    tensors, plain containers and what holds values alone, such as the options of a training script.

    Raises:
        WeightsError: one line says what the file is instead.
    """
    path = Path(path).expanduser()
    if not path.exists():
        raise WeightsError(f"{path}: there is no such weights file")
    try:
        fault = None if path.is_file() and is_safetensors(path) else fault_of_kind(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read: {error.strerror or error}") from None
    if fault is not None:
        raise WeightsError(f"{path}: {fault}")
    content = read_safetensors(path) if is_safetensors(path) else _read_saved_by_torch(path)
    tensors = _find_tensors(content)
    if tensors is None:
        raise WeightsError(
            f"{path}: holds no tensors by name, alone or below {', '.join(NESTED_UNDER[:5])} …; {_contents(content)}"
        )
    return _without_prefixes(tensors)


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a safetensors file on the CPU by name. Raises: WeightsError where it is none."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: cannot be read as safetensors; it is damaged or cut short") from error


def load_weights(network: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy into ``network`` the tensors of a body or of a whole network: all or, where one does not fit, none.

    Batch norms' counters of batches may be absent (files older than PyTorch 0.4.1); they then start at zero.

    Raises:
        WeightsError: one line says, in the file's own names, what is missing, what is too much and what has another
            shape.
    """
    state = network.state_dict()
    own = {name.removeprefix(NETWORK_PREFIX): target for name, target in state.items()}
    given = {name.removeprefix(NETWORK_PREFIX): tensor for name, tensor in tensors.items()}
    counters = {name: torch.zeros_like(target) for name, target in own.items() if name.endswith(COUNTER)}
    prefix = tensors.prefix if isinstance(tensors, FileTensors) else ""
    prefix += NETWORK_PREFIX if all(name.startswith(NETWORK_PREFIX) for name in tensors) else ""
    fault = _fault_of(counters | given, own, prefix)
    if fault is not None:
        raise WeightsError(fault)
    _copy({NETWORK_PREFIX + name: tensor for name, tensor in (counters | given).items()}, state)


def _fault_of(given: Mapping[str, Tensor], own: Mapping[str, Tensor], prefix: str) -> str | None:
    """Why the tensors of a file are not those of a network, in the file's own names; None where they are."""
    missing = [prefix + name for name in own if name not in given]
    extra = [prefix + name for name in given if name not in own]
    if missing or extra:
        lacks = f"it lacks {_names(missing)}" if missing else ""
        holds = f"it holds {_names(extra)}, which the network has not" if extra else ""
        return "; ".join(filter(None, (lacks, holds)))
    for name, target in own.items():
        found, wanted = tuple(given[name].shape), tuple(target.shape)
        if found != wanted:
            return f"{prefix}{name} has shape {found} where the network has {wanted}{_classes(found, wanted)}"
        if not torch.isfinite(given[name]).all():
            return f"{prefix}{name} holds values that are no numbers"
    return None


def _classes(found: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """What shapes that differ in the first number alone may say: the last layer has a row a class."""
    if len(found) == len(wanted) <= 2 and found[1:] == wanted[1:]:
        return f": the file may be of {counted(found[0], 'class', 'classes')}, and the data has {wanted[0]}"
    return ""


def _names(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more:,} more" if more > 0 else "")


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
    _copy(tensors, state)


def _copy(tensors: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> None:
    with torch.no_grad():
        for name, target in state.items():
            target.copy_(tensors[name])


def _read_saved_by_torch(path: Path) -> Any:
    try:
        # An open file, because of a path torch believes the name.
        with open(path, "rb") as file, torch.serialization.safe_globals(_HARMLESS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle's newer protocols
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load fails in many ways, each with its own exception
        raise WeightsError(f"{path}: {_why(error)}") from error


def _why(error: Exception) -> str:
    """What torch's many lines on a file that it does not read come down to."""
    blocked = re.search(r"GLOBAL (\S+)", str(error))
    if blocked is not None:
        return (
            f"holds objects of Python beside tensors ({blocked[1].rstrip('.')}), which are not read, because reading "
            "them can run any code; where it was made, save the tensors alone: torch.save(model.state_dict(), FILE)"
        )
    return "is no weights file that torch.save wrote, or it is damaged; download or save it again"


def _find_tensors(content: Any, depth: int = 2) -> dict[str, Tensor] | None:
    """The tensors by name, at the top or below one of the usual names; None where there are none."""
    if not isinstance(content, Mapping):
        return None
    for name in NESTED_UNDER if depth else ():
        found = _find_tensors(content.get(name), depth - 1)
        if found is not None:
            return found
    tensors = {name: value for name, value in content.items() if isinstance(name, str) and isinstance(value, Tensor)}
    return {name: tensor.detach() for name, tensor in tensors.items()} or None


def _contents(content: Any) -> str:
    """What a file holds instead, in words."""
    if not isinstance(content, Mapping):
        return f"it holds one {type(content).__name__}"
    return f"it holds {_names([str(name) for name in content])}" if content else "it holds nothing"


def _without_prefixes(tensors: Mapping[str, Tensor]) -> FileTensors:
    """The tensors without what stands before all of their names, and without the counter of an average."""
    tensors = {name: tensor for name, tensor in tensors.items() if name.rpartition(".")[2] != AVERAGED}
    taken_off = ""
    while (prefix := _shared_prefix(tensors)) is not None:
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
        taken_off += prefix
    return FileTensors(tensors, taken_off)


def _shared_prefix(names: Iterable[str]) -> str | None:
    names = list(names)
    return next((prefix for prefix in PREFIXES if names and all(name.startswith(prefix) for name in names)), None)
