"""Labels of image-Parquet files: of which types they may be, and how they are matched by name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.class_names import UNKNOWN, Names, merge_names, renumbering
from prunesweep.sweeps.images.parquet_files import noted_names
from prunesweep.sweeps.words import counted

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class FileLabels:
    """The labels of one file.

    Attributes:
        file: where they are.
        numbers: int64 (N,).
        names: what 0, 1, … are called; empty where nothing tells.
        text: whether the file holds the names themselves; then they are sorted.
    """

    file: str
    numbers: Labels
    names: Names
    text: bool = False


@dataclass(frozen=True)
class SplitLabels:
    """The labels of both splits, numbered alike.

    Attributes:
        train, test: int64 (N,), in the order of the files and their rows.
        names: of the classes; empty where nothing tells.
        notes: what the user should know of how they were matched, a line each.
    """

    train: Labels
    test: Labels
    names: Names
    notes: tuple[str, ...]


def file_labels(file: str, name: str, column: pa.ChunkedArray) -> FileLabels:
    """Read a column of labels: whole numbers, booleans, or text.

    Args:
        file: for messages, and for the names that its metadata note.
        name: of the column.
        column: whole.

    Raises:
        DataError: a label is missing or no whole number, or the column is of another type.
    """
    if isinstance(column.type, pa.DictionaryType):
        column = column.cast(column.type.value_type)
    type_ = column.type
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise DataError(f"{file}: has rows without a label; row {row} is the first one")
    if pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        text = column.cast(pa.large_string())
        names = sorted(text.unique().to_pylist())
        numbers = pc.index_in(text, value_set=pa.array(names, pa.large_string())).to_numpy()
        return FileLabels(file, numbers.astype(np.int64), tuple(names), text=True)
    if not (pa.types.is_integer(type_) or pa.types.is_boolean(type_) or pa.types.is_floating(type_)):
        raise DataError(f"{file}: its column {name} is of type {type_}; labels are whole numbers or text")
    try:
        numbers = pc.cast(column, pa.int64()).to_numpy()
    except pa.ArrowInvalid:  # a fraction, or above what 64 bits with a sign hold
        raise DataError(f"{file}: its column {name}, of type {type_}, holds a label that is no whole number") from None
    return FileLabels(file, numbers.astype(np.int64), noted_names(file))


def match_labels(train: Sequence[FileLabels], test: Sequence[FileLabels]) -> SplitLabels:
    """Number the labels of all files alike: by name where names are known, else as they are.

    Raises:
        DataError: names are known of some files and cannot be of others, or a class is not in the training images.
    """
    _check_one_kind("dataset.train", train, train)
    _check_one_kind("dataset.test", test, test)
    _check_one_kind("dataset.test", train, test)
    names = _training_names(train)
    # Classes without names are called by their numbers, which text may hold.
    named = names or tuple(map(str, range(1 + max(int(each.numbers.max(initial=-1)) for each in train))))
    return SplitLabels(
        np.concatenate([_numbered(labels, names, "dataset.train") for labels in train]),
        np.concatenate([_numbered(each, named if each.text else names, "dataset.test") for each in test]),
        names,
        tuple(_notes(train, test, names)),
    )


def _training_names(train: Sequence[FileLabels]) -> Names:
    """The classes: those that files note, in their order; then what only text names, sorted."""
    noted = merge_names({labels.file: labels.names for labels in train if not labels.text})
    text = sorted({name for labels in train if labels.text for name in labels.names})
    return tuple(dict.fromkeys([*noted, *text])) if text else noted


def _check_one_kind(what: str, some: Sequence[FileLabels], others: Sequence[FileLabels]) -> None:
    """Raises: DataError where labels are text in some files and numbers without names in others."""
    text = next((labels.file for labels in some if labels.text), None)
    unnamed = next((labels.file for labels in others if not labels.names and len(labels.numbers)), None)
    if text is not None and unnamed is not None:
        raise DataError(
            f"{what}: {unnamed}: its labels are numbers without names and those of {text} are text, so that they "
            "cannot be matched"
        )


def _notes(train: Sequence[FileLabels], test: Sequence[FileLabels], names: Names) -> Iterator[str]:
    """A line for each split whose labels are matched by number although names are known elsewhere."""
    if names:
        for what, files in (("dataset.train", train), ("dataset.test", test)):
            unnamed = [labels.file for labels in files if not labels.names and len(labels.numbers)]
            if unnamed:
                which = unnamed[0] if len(unnamed) == 1 else counted(len(unnamed), "file")
                yield (
                    f"{what}: {which} without names of classes: labels are matched by number with those of "
                    "dataset.train that have names"
                )
    elif any(labels.names and not labels.text for labels in test):
        yield "dataset.train: no names of classes, as dataset.test has them: labels are matched by number"


def _numbered(labels: FileLabels, classes: Names, what: str) -> Labels:
    """The labels as numbers of the classes. Raises: DataError where these lack one."""
    table = renumbering(labels.file, labels.names, classes)
    if table is None:
        return labels.numbers
    beyond = np.flatnonzero((labels.numbers < 0) | (labels.numbers >= len(table)))
    if len(beyond):
        row = int(beyond[0])
        raise DataError(
            f"{what}: {labels.file}: row {row} has label {labels.numbers[row]}; the file notes "
            f"{counted(len(table), 'name')} of classes{unlabelled(int(labels.numbers[row]))}"
        )
    numbers: Labels = np.asarray(table, dtype=np.int64)[labels.numbers]
    unknown = np.flatnonzero(numbers == UNKNOWN)
    if len(unknown):
        name = labels.names[labels.numbers[unknown[0]]]
        raise DataError(f"{what}: {labels.file}: class {name!r} is not in the training images")
    return numbers


def unlabelled(label: int) -> str:
    """What is added to a message where a label says that there is none."""
    if label != -1:
        return ""
    return "; -1 marks images without a label, as in Hugging Face's hidden test splits: give a split with labels"
