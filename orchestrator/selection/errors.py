"""The one error that choosing raises, and how it points at the name that was meant."""

import difflib
from collections.abc import Iterable


class SelectionError(ValueError):
    """A choice that cannot be made as asked; its message is one line for the user."""


def unknown(what: str, name: str, allowed: Iterable[str]) -> SelectionError:
    """The error for a ``name`` that is not among the ``allowed``: the nearest of them first, then all."""
    names = sorted(allowed)
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    guess = f", did you mean {nearest[0]}? Allowed:" if nearest else "; allowed:"
    return SelectionError(f'unknown {what} "{name}"{guess} {", ".join(names)}')
