"""A temporary folder for the files that a run needs only while it lasts: Ray's sockets and logs, and Tune's files."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prunesweep.sweeps.errors import UserError

# The path of a Unix socket has at most 107 bytes, and Ray appends a subfolder and a file name to its temporary folder.
MAX_SOCKET_PATH_BYTES = 107
RAY_SUBPATH_BYTES = len("/prunesweep-abcdefgh/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store")
MIN_FREE_BYTES = 64 * 2**20  # logs alone take some space

_FALLBACK_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")


class ScratchError(UserError):
    """A machine without a folder for temporary files that a run can use."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Create a temporary folder with a path short enough for Ray's sockets, and delete it at the end of the context.

    The folder lies in ``$RAY_TMPDIR`` or ``$TMPDIR``, or elsewhere if these are not set or cannot be used.

    Raises:
        ScratchError: no folder can be used; the message gives the reason for each one.
    """
    problems: dict[str, str] = {}
    for parent in _candidate_folders():
        problem = _why_unusable(parent)
        if problem is None:
            with tempfile.TemporaryDirectory(prefix="prunesweep-", dir=parent, ignore_cleanup_errors=True) as folder:
                yield Path(folder)
            return
        problems[parent] = problem
    reasons = "; ".join(f"{folder}: {problem}" for folder, problem in problems.items())
    max_path = MAX_SOCKET_PATH_BYTES - RAY_SUBPATH_BYTES
    raise ScratchError(
        f"no folder for temporary files can be used ({reasons}); set TMPDIR to one that you may write to, with "
        f"{MIN_FREE_BYTES // 2**20} MiB free and a path of at most {max_path} characters"
    )


def _candidate_folders() -> list[str]:
    """Return the folders that the environment names for temporary files, then others such as ``/tmp``, each once."""
    named = [os.environ[name] for name in ("RAY_TMPDIR", "TMPDIR", "TEMP", "TMP") if os.environ.get(name)]
    return list(dict.fromkeys([*map(os.path.abspath, named), *_FALLBACK_FOLDERS]))


def _why_unusable(parent: str) -> str | None:
    """Return why a folder cannot hold the temporary folder, or None if it can."""
    if len(os.fsencode(parent)) + RAY_SUBPATH_BYTES > MAX_SOCKET_PATH_BYTES:
        return "its path is too long for Ray's sockets"
    try:
        with tempfile.NamedTemporaryFile(dir=parent, prefix=".prunesweep-"):
            free = shutil.disk_usage(parent).free
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return None if free >= MIN_FREE_BYTES else f"only {free // 2**20} MiB are free"
