"""A cache of memory-mapped arrays that all trials and workers of a machine share.

The folder of the cache is ``$PRUNESWEEP_CACHE``, or ``~/.cache/prunesweep`` by default. This folder can be deleted at
any time, because missing arrays are computed again.
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

from prunesweep.results_store.objects import atomic_writer
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.paths import expand_home


class CacheError(UserError):
    """A cache folder that cannot be read or written."""


def cached_tensor(kind: str, key: str, compute: Callable[[], Tensor]) -> Tensor:
    """Return a tensor from the cache, on the CPU, after computing and storing the tensor if it is missing.

    The tensor must not be changed. A cache that cannot be read or written raises ``CacheError``.

    Args:
        kind: subfolder of the cache.
        key: file name without its suffix, derived from everything that the tensor depends on.
        compute: returns the tensor, on any device. It is called only if the tensor is missing; other processes that
            need the same tensor wait for the one that computes it.
    """
    path = cache_folder() / kind / f"{key}.npy"
    cached = _read(path)
    if cached is None:
        lock = FileLock(path.with_suffix(".lock"))  # a second worker waits for the first, and then reads its file
        with _os_errors_as_cache_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        try:
            cached = _read(path)
            if cached is None:
                array = compute().cpu().numpy()
                with _os_errors_as_cache_errors(path), atomic_writer(path) as file:
                    np.save(file, array)
                cached = _read(path)
        finally:
            lock.release()
    assert cached is not None, "a file that was just written is readable"
    return cached


@contextmanager
def _os_errors_as_cache_errors(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` within the context into a ``CacheError`` with a one-line message.

    Raises:
        CacheError: an ``OSError`` was raised within the context.
    """
    try:
        yield
    except OSError as error:
        raise CacheError(
            f"cache {path.parent}: {error.strerror or error}; $PRUNESWEEP_CACHE can name another folder"
        ) from None


def _read(path: Path) -> Tensor | None:
    """Return the tensor in a file, or None if the file is missing or was truncated by a crash of the machine."""
    with _os_errors_as_cache_errors(path):
        try:
            array = np.load(path, mmap_mode="r")
        except (FileNotFoundError, NotADirectoryError, EOFError, ValueError):
            return None
    with warnings.catch_warnings():  # the memory map is read-only, and so is our use of the tensor
        warnings.filterwarnings("ignore", message=".*not writable.*")
        return torch.from_numpy(array)


def cache_folder() -> Path:
    """Return the folder of the cache.

    It is ``$PRUNESWEEP_CACHE``, else ``$XDG_CACHE_HOME/prunesweep``, else ``~/.cache/prunesweep``. For a user without a
    home folder, the last one is replaced by a folder of the user's own in the folder of temporary files.
    """
    chosen, xdg_cache = os.environ.get("PRUNESWEEP_CACHE"), os.environ.get("XDG_CACHE_HOME")
    if chosen:
        return Path(expand_home(chosen))
    if xdg_cache:
        return Path(expand_home(xdg_cache)) / "prunesweep"
    try:
        return Path.home() / ".cache" / "prunesweep"
    except RuntimeError:
        return Path(tempfile.gettempdir()) / f"prunesweep-cache-{os.getuid()}"


def check_cache() -> None:
    """Check that the cache is writable, by creating a temporary file in it.

    A cache that is not writable raises ``CacheError``.
    """
    folder = cache_folder()
    with _os_errors_as_cache_errors(folder / "any"):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".prunesweep-"):
            pass
