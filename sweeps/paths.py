"""Paths as users write them: ``~`` and ``~USER`` are home folders, in sweep files, options and arguments alike.

Variables such as ``$HOME`` are left as they stand: on a command line the shell replaces them, and elsewhere a ``$`` is
part of a name.
"""

import os
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field


def expanded(path: str | os.PathLike[str]) -> str:
    """Return a path with ``~`` or ``~USER`` at its beginning replaced by that home folder, else as it is."""
    return os.path.expanduser(os.fspath(path))


def _as_text(value: Any) -> Any:
    if value is None:
        raise ValueError("is null, which is how YAML reads a ~ alone; for your home folder write ~/")
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _as_tuple(value: Any) -> Any:
    return (value,) if value is None or isinstance(value, str | os.PathLike) else value


UserPath = Annotated[str, BeforeValidator(_as_text), AfterValidator(expanded)]
"""The path of a file or folder, or a glob."""

UserPaths = Annotated[tuple[UserPath, ...], BeforeValidator(_as_tuple), Field(min_length=1)]
"""One or more of them."""
