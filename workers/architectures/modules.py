"""Typed access to submodules."""

from typing import TypeVar

from torch import nn

_Module = TypeVar("_Module", bound=nn.Module)


def module_at(body: nn.Module, path: str, kind: type[_Module]) -> _Module:
    """Return the submodule of a body at a path, with its type checked.

    A missing module is an ``AttributeError``.

    Args:
        body: the module that contains it.
        path: its module path inside ``body``.
        kind: its expected class.

    Raises:
        TypeError: the module is of another class.
    """
    module = body.get_submodule(path)
    if not isinstance(module, kind):
        raise TypeError(f"{path} is a {type(module).__name__}, not a {kind.__name__}")
    return module
