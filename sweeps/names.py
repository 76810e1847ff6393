"""Names that users type: which are allowed, and which one was probably meant."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any


def nearest_name(name: str, allowed: Iterable[str]) -> str | None:
    """Return the allowed name that is most similar to ``name``, or None if none is similar."""
    matches = get_close_matches(name, list(allowed), n=1, cutoff=0.5)
    return matches[0] if matches else None


def unknown_name(name: object, kind: str, allowed: Iterable[str]) -> str:
    """Return the error message for an unknown name: ``'l2' is not a criterion; did you mean 'l1'? Allowed: l1, …``.

    Args:
        name: the unknown name.
        kind: what the name should stand for, with an article, such as ``a criterion``.
        allowed: the allowed names.
    """
    names = list(allowed)
    guess = nearest_name(str(name), names)
    hint = f"; did you mean {guess!r}?" if guess else "."
    return f"{name!r} is not {kind}{hint} Allowed: {', '.join(names)}"


@dataclass(frozen=True)
class NamesValidator:
    """A pydantic validator that accepts only allowed names.

    Attributes:
        kind: what each name stands for, with an article, for messages.
        allowed: the allowed names.
    """

    kind: str
    allowed: tuple[str, ...]

    def __call__(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Check that all names are allowed, and return them unchanged.

        Raises:
            ValueError: a name is not allowed.
        """
        for name in names:
            if name not in self.allowed:
                raise ValueError(unknown_name(name, self.kind, self.allowed))
        return names


def null_to_none(value: Any) -> Any:
    """Return ``none`` for YAML's null, because a user who writes null probably means it, and other values unchanged."""
    return "none" if value is None else value
