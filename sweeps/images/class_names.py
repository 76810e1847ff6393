"""Classes by their names: how the labels of one file are numbered among the classes of all training files."""

from collections import Counter
from collections.abc import Mapping, Sequence

from prunesweep.sweeps.errors import DataError

Names = tuple[str, ...]
"""What the labels 0, 1, … of a file are called; empty where nothing tells."""
UNKNOWN = -1


def merge_names(noted: Mapping[str, Names]) -> Names:
    """The classes of several files: those of the first one that names any, then what others add, in their order.

    Args:
        noted: file -> the names of its labels.

    Raises:
        DataError: files name their classes in different ways, and one of them uses a name twice.
    """
    named = {file: names for file, names in noted.items() if names}
    if len(set(named.values())) > 1:
        for file, names in named.items():
            _check_distinct(file, names)
    first = next(iter(named.values()), ())
    return (
        first if len(set(named.values())) <= 1 else tuple(dict.fromkeys(n for names in named.values() for n in names))
    )


def renumbering(file: str, names: Names, classes: Names) -> list[int] | None:
    """Which number each label of a file has among the classes: ``UNKNOWN`` where these lack its name.

    Returns:
        None where names are known of one side alone, so that labels are what they are.

    Raises:
        DataError: they are numbered differently, and a name stands for two classes.
    """
    if not names or not classes:
        return None
    if not differs(names, classes):
        return [number if number < len(classes) else UNKNOWN for number in range(len(names))]
    _check_distinct(file, names)
    _check_distinct("the training images", classes)
    number_of = {name: number for number, name in enumerate(classes)}
    return [number_of.get(name, UNKNOWN) for name in names]


def differs(names: Names, classes: Names) -> bool:
    """Whether labels that these names are noted for have other numbers among the classes."""
    both = min(len(names), len(classes))
    return names[:both] != classes[:both]


def _check_distinct(where: str, names: Sequence[str]) -> None:
    twice = next((name for name, count in Counter(names).items() if count > 1), None)
    if twice is not None:
        raise DataError(
            f"{where}: class {twice!r} is noted twice, so that labels cannot be matched by name with those of files "
            "that note other names"
        )
