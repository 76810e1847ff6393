"""A folder for what a run leaves behind for the moment: Ray's sockets and logs, and Tune's own files."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prunesweep.sweeps.errors import UserError

# The name of a Unix socket has at most 107 bytes, and Ray adds a folder and a name to where it may write.
LONGEST_SOCKET = 107
RAY_ADDS = len("/prunesweep-abcdefgh/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store")
LEAST_FREE = 64 * 2**20  # bytes: logs alone take some

_ELSEWHERE = ("/tmp", "/var/tmp", "/dev/shm")


class ScratchError(UserError):
    """There is no folder for temporary files that a run can use."""


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder that goes at the end, with a path short enough for Ray's sockets.

    It lies where ``$RAY_TMPDIR`` or ``$TMPDIR`` says, and elsewhere where that is of no use.

    Raises:
        ScratchError: none can be used; one line says why.
    """
    faults: dict[str, str] = {}
    for parent in _places():
        fault = _fault_of(parent)
        if fault is None:
            with tempfile.TemporaryDirectory(prefix="prunesweep-", dir=parent, ignore_cleanup_errors=True) as folder:
                yield Path(folder)
            return
        faults[parent] = fault
    why = "; ".join(f"{place}: {fault}" for place, fault in faults.items())
    most = LONGEST_SOCKET - RAY_ADDS
    raise ScratchError(
        f"no folder for temporary files can be used ({why}); set TMPDIR to one that you may write to, with "
        f"{LEAST_FREE // 2**20} MiB free and a path of at most {most} characters"
    )


def _places() -> list[str]:
    named = [os.environ[name] for name in ("RAY_TMPDIR", "TMPDIR", "TEMP", "TMP") if os.environ.get(name)]
    return list(dict.fromkeys([*map(os.path.abspath, named), *_ELSEWHERE]))


def _fault_of(parent: str) -> str | None:
    """Why a folder cannot be used; None where it can."""
    if len(os.fsencode(parent)) + RAY_ADDS > LONGEST_SOCKET:
        return "its path is too long for Ray's sockets"
    try:
        with tempfile.NamedTemporaryFile(dir=parent, prefix=".prunesweep-"):
            free = shutil.disk_usage(parent).free
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return None if free >= LEAST_FREE else f"{free // 2**20} MiB are free"
