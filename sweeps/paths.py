"""Paths that users write: ``~`` and ``~USER`` stand for home folders in sweep files, options and arguments.

Variables such as ``$HOME`` are not expanded: on a command line the shell replaces them, and elsewhere a ``$`` is part
of a name.
"""

import os
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema

from prunesweep.sweeps.frozen_model import LIST_OR_SINGLE


def expand_home(path: str | os.PathLike[str]) -> str:
    """Return a path with ``~`` or ``~USER`` at its beginning replaced by that home folder, other paths unchanged."""
    return os.path.expanduser(os.fspath(path))


def _path_to_text(value: Any) -> Any:
    """Return a path object as text, and any other value unchanged.

    Raises:
        ValueError: the value is None.
    """
    if value is None:
        raise ValueError("is null, which is how YAML reads a ~ alone; for your home folder write ~/")
    return os.fspath(value) if isinstance(value, os.PathLike) else value


UserPath = Annotated[
    str,
    BeforeValidator(_path_to_text),
    AfterValidator(expand_home),
    WithJsonSchema({"type": "string", "format": "path"}),
]
"""The path of a file or folder, or a glob."""

UserPaths = Annotated[tuple[UserPath, ...], LIST_OR_SINGLE, Field(min_length=1)]
"""One or more paths or globs."""
