"""Words for people: counts with their noun, and lists of names."""

from collections.abc import Iterable


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """Return a number with its noun: ``1 trial``, ``1,200 trials``.

    Args:
        number: how many.
        noun: in the singular.
        plural: where it is more than an added "s": ``sets of scores``.
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listed(names: Iterable[str], last: str = "and") -> str:
    """Return names as a sentence lists them: ``a``, ``a and b``, ``a, b and c``.

    Args:
        names: in their order.
        last: the word before the last name.
    """
    *before, final = names
    return f"{', '.join(before)} {last} {final}" if before else final
