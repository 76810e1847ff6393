"""One numbering of the classes for files whose lists of class names differ."""

from collections import Counter
from collections.abc import Mapping, Sequence

from prunesweep.sweeps.errors import DataError

ClassNames = tuple[str, ...]
"""The class names of the labels 0, 1, … of a file; empty if the file does not name them."""
UNKNOWN_CLASS = -1


def merge_class_names(names_by_file: Mapping[str, ClassNames]) -> ClassNames:
    """Return the class names of several files in one order.

    The names of the first file that has class names come first, followed by the names that only later files have. If
    the lists of the files differ and one of them repeats a name, ``DataError`` is raised.

    Args:
        names_by_file: the class names of each file.
    """
    named_files = {file: names for file, names in names_by_file.items() if names}
    all_equal = len(set(named_files.values())) <= 1
    if not all_equal:
        for file, names in named_files.items():
            _check_distinct(file, names)
    first = next(iter(named_files.values()), ())
    return first if all_equal else tuple(dict.fromkeys(name for names in named_files.values() for name in names))


def renumber_labels(file: str, names: ClassNames, classes: ClassNames) -> list[int] | None:
    """Return the class number in the whole data set for each label of a file.

    If the file numbers its classes differently and a name stands for two classes, ``DataError`` is raised.

    Args:
        file: the file's name, for messages.
        names: the file's own class names.
        classes: the class names of the whole data set.

    Returns:
        The number among ``classes`` of each label 0, 1, …, or ``UNKNOWN_CLASS`` if its name is not among them. None if
        the file or the data set has no class names; then the labels are the class numbers.
    """
    if not names or not classes:
        return None
    if not needs_renumbering(names, classes):
        return [number if number < len(classes) else UNKNOWN_CLASS for number in range(len(names))]
    _check_distinct(file, names)
    _check_distinct("the training images", classes)
    number_of = {name: number for number, name in enumerate(classes)}
    return [number_of.get(name, UNKNOWN_CLASS) for name in names]


def needs_renumbering(names: ClassNames, classes: ClassNames) -> bool:
    """Return whether a file with these class names numbers its classes differently from ``classes``.

    Only the numbers that both lists have are compared.
    """
    both = min(len(names), len(classes))
    return names[:both] != classes[:both]


def _check_distinct(where: str, names: Sequence[str]) -> None:
    """Check that no class name is repeated.

    Args:
        where: the file or the images that the class names belong to, for the message.
        names: the class names.

    Raises:
        DataError: a name is repeated.
    """
    repeated = next((name for name, count in Counter(names).items() if count > 1), None)
    if repeated is not None:
        raise DataError(
            f"{where}: class name {repeated!r} appears twice, so labels cannot be matched by name with files that have "
            "other class names"
        )
