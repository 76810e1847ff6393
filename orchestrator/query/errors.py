"""The one error that choosing raises, and how it points at the name that was meant."""

from collections.abc import Iterable

from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.names import nearest


class SelectionError(UserError, ValueError):
    """A choice that cannot be made as asked; its message is one line for the user."""


def unknown(what: str, name: str, allowed: Iterable[str]) -> SelectionError:
    """The error for a ``name`` that is not among the ``allowed``: the nearest of them first, then all."""
    names = sorted(allowed)
    meant = nearest(name, names)
    guess = f", did you mean {meant}? Allowed:" if meant else "; allowed:"
    return SelectionError(f'unknown {what} "{name}"{guess} {", ".join(names)}')
