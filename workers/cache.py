"""A cache of memory-mapped arrays that all trials and workers of a machine share.

Its folder is ``$PRUNESWEEP_CACHE`` (or ``~/.cache/prunesweep``). It can be deleted at any time: missing arrays are
computed again.
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
    """Return a tensor from the cache, on the CPU, after computing it if it is missing.

    The tensor must not be changed. A cache that cannot be read or written is a ``CacheError``.

    Args:
        kind: subfolder of the cache.
        key: file name without its suffix, derived from everything that the tensor depends on.
        compute: returns the tensor, on any device. The processes of a machine call it at most once for a key.
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
    """Turn an ``OSError`` into an error with a one-line message.

    Raises:
        CacheError: in place of the ``OSError``.
    """
    try:
        yield
    except OSError as error:
        raise CacheError(
            f"cache {path.parent}: {error.strerror or error}; $PRUNESWEEP_CACHE can name another folder"
        ) from None


def _read(path: Path) -> Tensor | None:
    """Return a cached array, or None if it is missing or was truncated by a crash of the machine."""
    with _os_errors_as_cache_errors(path):
        try:
            array = np.load(path, mmap_mode="r")
        except (FileNotFoundError, NotADirectoryError, EOFError, ValueError):
            return None
    with warnings.catch_warnings():  # the memory map is read-only, and so is our use of the tensor
        warnings.filterwarnings("ignore", message=".*not writable.*")
        return torch.from_numpy(array)


def cache_folder() -> Path:
    """Return the folder of the cache; for a user without a home folder, one in the folder of temporary files."""
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
    """Check that the cache is writable, with a temporary file; if it is not, that is a ``CacheError``."""
    folder = cache_folder()
    with _os_errors_as_cache_errors(folder / "any"):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".prunesweep-"):
            pass
