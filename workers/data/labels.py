"""Labels of image-Parquet files: the types of label columns, and the matching of labels between files by class name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.class_names import UNKNOWN_CLASS, ClassNames, merge_class_names, renumber_labels
from prunesweep.sweeps.images.parquet_files import read_class_names
from prunesweep.sweeps.words import counted

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class FileLabels:
    """The labels of one Parquet file, numbered as in that file.

    Attributes:
        file: the path of the file.
        numbers: int64 (N,), the label of each row.
        names: the class names of the numbers 0, 1, …; empty if the file does not name its classes.
        text: whether the labels are stored as text. If they are, ``names`` is sorted.
    """

    file: str
    numbers: Labels
    names: ClassNames
    text: bool = False


@dataclass(frozen=True)
class SplitLabels:
    """The labels of both splits, with the same numbers for the same classes.

    Attributes:
        train: int64 (N,), the labels of the training images in the order of the files and their rows.
        test: int64 (M,), the labels of the test images in the order of the files and their rows.
        names: the class names; empty if no training file names its classes.
        notes: remarks for the user about how the labels were matched, one line each.
    """

    train: Labels
    test: Labels
    names: ClassNames
    notes: tuple[str, ...]


def parse_labels(file: str, name: str, column: pa.ChunkedArray) -> FileLabels:
    """Convert a column of labels (whole numbers, booleans or text) to int64 numbers with class names.

    Args:
        file: the path of the file, for messages and for the class names in its metadata.
        name: the name of the column.
        column: the column with all its rows.

    Raises:
        DataError: a label is missing or not a whole number, or the column is of another type.
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
    except pa.ArrowInvalid:  # a fraction, or larger than a signed 64-bit integer
        raise DataError(
            f"{file}: its column {name}, of type {type_}, holds a label that is not a whole number"
        ) from None
    return FileLabels(file, numbers.astype(np.int64), read_class_names(file))


def match_labels(train: Sequence[FileLabels], test: Sequence[FileLabels]) -> SplitLabels:
    """Renumber the labels of all files, so that the same number means the same class in every file.

    If a file names its classes, by text labels or in its metadata, and training files name theirs, its labels are
    matched by name. All other labels keep their numbers. If no training file names its classes, text labels of test
    files must be class numbers written as text.

    ``DataError`` is raised if text labels would otherwise have to be matched with numbers without names, and if a class
    of the test images is not among the training images.

    Args:
        train: the labels of each training file.
        test: the labels of each test file.
    """
    _check_matchable("dataset.train", train, train)
    _check_matchable("dataset.test", test, test)
    _check_matchable("dataset.test", train, test)
    names = _training_names(train)
    # If the training classes have no names, text labels of the test files may be the numbers of the classes.
    names_for_text = names or tuple(map(str, range(1 + max(int(labels.numbers.max(initial=-1)) for labels in train))))
    return SplitLabels(
        np.concatenate([_renumber(labels, names, "dataset.train") for labels in train]),
        np.concatenate(
            [_renumber(labels, names_for_text if labels.text else names, "dataset.test") for labels in test]
        ),
        names,
        tuple(_matching_notes(train, test, names)),
    )


def _training_names(train: Sequence[FileLabels]) -> ClassNames:
    """Return the class names of the training files.

    The names in the metadata of files come first, in the order of the metadata. The names that occur only as text
    labels follow, sorted.
    """
    from_metadata = merge_class_names({labels.file: labels.names for labels in train if not labels.text})
    text = sorted({name for labels in train if labels.text for name in labels.names})
    return tuple(dict.fromkeys([*from_metadata, *text])) if text else from_metadata


def _check_matchable(what: str, some: Sequence[FileLabels], others: Sequence[FileLabels]) -> None:
    """Check that no text labels have to be matched with numbers without class names, which is impossible.

    Args:
        what: the setting that names the files of ``others``, such as ``dataset.test``; the message begins with it.
        some: the labels of the files in which text is looked for.
        others: the labels of the files in which numbers without names are looked for.

    Raises:
        DataError: a file in ``some`` has text labels, and a file in ``others`` has numbers without names.
    """
    text = next((labels.file for labels in some if labels.text), None)
    unnamed = next((labels.file for labels in others if not labels.names and len(labels.numbers)), None)
    if text is not None and unnamed is not None:
        raise DataError(
            f"{what}: {unnamed}: its labels are numbers without names and those of {text} are text, so they cannot be "
            "matched"
        )


def _matching_notes(train: Sequence[FileLabels], test: Sequence[FileLabels], names: ClassNames) -> Iterator[str]:
    """Yield a remark for each split whose labels are matched by number although other files name their classes."""
    if names:
        for what, files in (("dataset.train", train), ("dataset.test", test)):
            unnamed = [labels.file for labels in files if not labels.names and len(labels.numbers)]
            if unnamed:
                subject = f"{unnamed[0]} has" if len(unnamed) == 1 else f"{counted(len(unnamed), 'file')} have"
                yield (
                    f"{what}: {subject} no class names: labels are matched by number with the named classes of "
                    "dataset.train"
                )
    elif any(labels.names and not labels.text for labels in test):
        yield "dataset.train: has no class names, but dataset.test has: labels are matched by number"


def _renumber(labels: FileLabels, classes: ClassNames, what: str) -> Labels:
    """Return the labels of a file as indices into ``classes``.

    Raises:
        DataError: a label has no class name in the file, or its class is not in ``classes``. The message begins with
            ``what``, the setting that names the file.
    """
    table = renumber_labels(labels.file, labels.names, classes)
    if table is None:
        return labels.numbers
    out_of_range = np.flatnonzero((labels.numbers < 0) | (labels.numbers >= len(table)))
    if len(out_of_range):
        row = int(out_of_range[0])
        raise DataError(
            f"{what}: {labels.file}: row {row} has label {labels.numbers[row]}; the file names "
            f"{counted(len(table), 'class', 'classes')}{missing_label_hint(int(labels.numbers[row]))}"
        )
    numbers: Labels = np.asarray(table, dtype=np.int64)[labels.numbers]
    unknown = np.flatnonzero(numbers == UNKNOWN_CLASS)
    if len(unknown):
        name = labels.names[labels.numbers[unknown[0]]]
        raise DataError(f"{what}: {labels.file}: class {name!r} is not in the training images")
    return numbers


def missing_label_hint(label: int) -> str:
    """Return the end of a message about an invalid label.

    For -1 it says that -1 marks images without a label. For all other labels it is empty.
    """
    if label != -1:
        return ""
    return "; -1 marks images without a label, as in Hugging Face's hidden test splits: use a split with labels"
