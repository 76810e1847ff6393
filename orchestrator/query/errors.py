"""The error of queries and selections, with a suggestion for misspelt names."""

from collections.abc import Iterable

from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.names import nearest_name


class SelectionError(UserError, ValueError):
    """A query, selection or comparison that cannot be made as requested; its message is one line for the user."""


def unknown_name_error(what: str, name: str, allowed: Iterable[str]) -> SelectionError:
    """Return an error for an unknown name; its message suggests the nearest allowed name and lists all of them.

    Args:
        what: what the name was meant to be, such as ``objective``.
        name: the name as the user wrote it.
        allowed: all allowed names.
    """
    names = sorted(allowed)
    meant = nearest_name(name, names)
    guess = f", did you mean {meant}? Allowed:" if meant else "; allowed:"
    return SelectionError(f'unknown {what} "{name}"{guess} {", ".join(names)}')
