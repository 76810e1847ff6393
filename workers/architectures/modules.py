"""Modules by their paths inside a body, as what they are known to be."""

from typing import TypeVar

from torch import nn

_Module = TypeVar("_Module", bound=nn.Module)


def module_at(body: nn.Module, path: str, kind: type[_Module]) -> _Module:
    """The module at ``path`` inside ``body``, which is of that kind.

    Raises:
        AttributeError: there is none.
        TypeError: it is of another kind.
    """
    module = body.get_submodule(path)
    if not isinstance(module, kind):
        raise TypeError(f"{path} is a {type(module).__name__} and no {kind.__name__}")
    return module
