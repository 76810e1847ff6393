"""Arrays that are made once and then shared by all trials and workers of a machine, memory-mapped.

They lie below ``$PRUNESWEEP_CACHE`` (or ``~/.cache/prunesweep``). The folder is a cache: it can be deleted at any
time, and what is missing is made again.
"""

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock
from torch import Tensor

from prunesweep.results_store.objects import replacing
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.paths import expanded


class CacheError(UserError):
    """The cache of a machine cannot be used."""


def kept_tensor(kind: str, key: str, make: Callable[[], Tensor]) -> Tensor:
    """What ``make`` makes, on the CPU and not to be changed; made where the cache does not hold it yet.

    Args:
        kind: the folder of the cache.
        key: names the tensor by what it is made from.
        make: called at most once by all processes of a machine; its tensor may lie on any device.

    Raises:
        CacheError: the cache cannot be read or written.
    """
    path = cache_folder() / kind / f"{key}.npy"
    kept = _read(path)
    if kept is None:
        lock = FileLock(path.with_suffix(".lock"))  # a second worker waits for the first and makes nothing
        with _in_one_line(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        try:
            kept = _read(path)
            if kept is None:
                made = make().cpu().numpy()
                with _in_one_line(path), replacing(path) as file:
                    np.save(file, made)
                kept = _read(path)
        finally:
            lock.release()
    assert kept is not None, "what was just written can be read"
    return kept


@contextmanager
def _in_one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CacheError(
            f"cache {path.parent}: {error.strerror or error}; $PRUNESWEEP_CACHE can name another folder"
        ) from None


def _read(path: Path) -> Tensor | None:
    """A kept array; None where there is none, or one that a crash of the machine cut short."""
    with _in_one_line(path):
        try:
            array = np.load(path, mmap_mode="r")
        except (FileNotFoundError, NotADirectoryError, EOFError, ValueError):
            return None
    with warnings.catch_warnings():  # the map is read-only, and nothing here writes to pixels
        warnings.filterwarnings("ignore", message=".*not writable.*")
        return torch.from_numpy(array)


def cache_folder() -> Path:
    """Where things are kept that can be made again; a user without a home has them among the temporary files."""
    chosen, base = os.environ.get("PRUNESWEEP_CACHE"), os.environ.get("XDG_CACHE_HOME")
    if chosen:
        return Path(expanded(chosen))
    if base:
        return Path(expanded(base)) / "prunesweep"
    try:
        return Path.home() / ".cache" / "prunesweep"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"prunesweep-cache-{os.getuid()}"


def check_cache() -> None:
    """Write nothing that stays. Raises: CacheError where the cache cannot be written."""
    folder = cache_folder()
    with _in_one_line(folder / "any"):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".prunesweep-"):
            pass
