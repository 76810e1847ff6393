"""Phrases of messages: counts with their noun, and lists of names."""

from collections.abc import Iterable


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: ``1 trial``, ``1,200 trials``.

    Args:
        number: the number.
        noun: the noun in the singular.
        plural: the plural if it is not the singular with an "s", such as ``sets of scores``.
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(names: Iterable[str], last: str = "and") -> str:
    """Return names as a list in a sentence: ``a``, ``a and b``, ``a, b and c``.

    Args:
        names: one or more names, in the order of the list.
        last: the word before the last name.
    """
    *before, final = names
    return f"{', '.join(before)} {last} {final}" if before else final
