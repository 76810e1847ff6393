"""Typed access to submodules."""

from typing import TypeVar

from torch import nn

_Module = TypeVar("_Module", bound=nn.Module)


def module_at(body: nn.Module, path: str, kind: type[_Module]) -> _Module:
    """Return the submodule at a path inside a body, after checking the submodule's class.

    A path without a module raises ``AttributeError``.

    Args:
        body: the module that contains the submodule.
        path: module path of the submodule inside ``body``.
        kind: expected class of the submodule.

    Raises:
        TypeError: the submodule is of another class.
    """
    module = body.get_submodule(path)
    if not isinstance(module, kind):
        raise TypeError(f"{path} is a {type(module).__name__}, not a {kind.__name__}")
    return module
