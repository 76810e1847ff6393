"""Arrays that are made once and then shared by all trials and workers of a machine, memory-mapped.

They lie below ``$PRUNESWEEP_CACHE`` (or ``~/.cache/prunesweep``). The folder is a cache: it can be deleted at any
time, and what is missing is made again.
"""

import os
import uuid
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor


def kept_tensor(kind: str, key: str, make: Callable[[], Tensor]) -> Tensor:
    """What ``make`` makes, on the CPU and not to be changed; made where the cache does not hold it yet.

    Args:
        kind: the folder of the cache.
        key: names the tensor by what it is made from.
        make: called at most once by all processes of a machine; its tensor may lie on any device.
    """
    path = cache_folder() / kind / f"{key}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):  # a second worker waits for the first and makes nothing
            if not path.exists():
                _write(path, make())
    with warnings.catch_warnings():  # the map is read-only, and nothing here writes to pixels
        warnings.filterwarnings("ignore", message=".*not writable.*")
        return torch.from_numpy(np.load(path, mmap_mode="r"))


def cache_folder() -> Path:
    """Where things are kept that can be made again."""
    chosen = os.environ.get("PRUNESWEEP_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) if chosen else Path(base) / "prunesweep"


def _write(path: Path, made: Tensor) -> None:
    temporary = path.with_suffix(f".{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "wb") as file:
            np.save(file, made.cpu().numpy())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
