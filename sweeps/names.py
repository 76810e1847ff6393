"""Names as users type them: which are allowed, and which was probably meant."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any


def nearest(name: str, allowed: Iterable[str]) -> str | None:
    """The allowed name most like ``name``, or None where none is."""
    matches = get_close_matches(name, list(allowed), n=1, cutoff=0.5)
    return matches[0] if matches else None


def unknown_name(name: object, kind: str, allowed: Iterable[str]) -> str:
    """One line: ``'l2' is not a criterion; did you mean 'l1'? Allowed: l1, …``."""
    names = list(allowed)
    guess = nearest(str(name), names)
    hint = f"; did you mean {guess!r}?" if guess else "."
    return f"{name!r} is not {kind}{hint} Allowed: {', '.join(names)}"


def each_one_of(kind: str, allowed: tuple[str, ...]) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    """A validator that lets only ``allowed`` names pass."""

    def check(names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in allowed:
                raise ValueError(unknown_name(name, kind, allowed))
        return names

    return check


def null_is_none(value: Any) -> Any:
    """YAML's null, as the name ``none`` that it was probably meant to be."""
    return "none" if value is None else value
