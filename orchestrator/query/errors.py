"""The error of queries and selections, with a suggestion for misspelt names."""

from collections.abc import Iterable

from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.names import nearest_name


class SelectionError(UserError, ValueError):
    """A query, selection or comparison that cannot be made as requested; its message is one line for the user."""


def unknown_name_error(what: str, name: str, allowed: Iterable[str]) -> SelectionError:
    """Return the error for a name that is not allowed; it suggests the nearest allowed name and lists all.

    Args:
        what: What the name was meant to be, such as ``objective``.
        name: The name as the user wrote it.
        allowed: All names that are right.
    """
    names = sorted(allowed)
    meant = nearest_name(name, names)
    guess = f", did you mean {meant}? Allowed:" if meant else "; allowed:"
    return SelectionError(f'unknown {what} "{name}"{guess} {", ".join(names)}')
