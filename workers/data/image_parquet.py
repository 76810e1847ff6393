"""Images in Parquet as Hugging Face lays them out: a column of ``{bytes, path}`` and one of labels."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from prunesweep.sweeps.datasets import Imagenet, ImageParquet
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.class_names import Names
from prunesweep.sweeps.images.parquet_files import (
    IMAGE_COLUMNS,
    LABEL_COLUMNS,
    image_column,
    label_column,
    parquet_files,
    why_no_parquet,
)
from prunesweep.sweeps.words import counted, listed
from prunesweep.workers.data.dataset import Dataset, make_dataset
from prunesweep.workers.data.decoding import decode_images
from prunesweep.workers.data.labels import FileLabels, file_labels, match_labels


def load(settings: ImageParquet) -> Dataset:
    """The images of all files of each split, in the order of the files.

    Raises:
        DataError: a file is missing, is no Parquet, is in both splits, or does not have the two columns; class names
            cannot be matched; an image does not decode.
    """
    train, of_train = _labelled(settings.train, "dataset.train")
    test, of_test = _labelled(settings.test, "dataset.test")
    labels = match_labels(of_train, of_test)
    classes = name_classes(settings, labels.names, labels.train)
    images = _images(train), _images(test)
    return make_dataset(
        settings, (images[0], labels.train), (images[1], labels.test), classes, labels.notes, (train, test)
    )


def _labelled(patterns: Sequence[str], what: str) -> tuple[list[str], list[FileLabels]]:
    """The files of a split, and their labels."""
    files = parquet_files(patterns, what)
    return files, [read_labels(file) for file in files]


def name_classes(settings: ImageParquet | Imagenet, names: Names, labels: NDArray[np.int64]) -> list[str]:
    """The names of the classes; where none are known, or not as many as there are, their numbers.

    Raises:
        DataError: neither the settings nor names say how many there are, and the largest of ``labels`` cannot.
    """
    count = settings.classes or len(names) or _count_classes(settings.name, labels)
    return list(names) if len(names) == count else [str(label) for label in range(count)]


def _count_classes(name: str, labels: NDArray[np.int64]) -> int:
    """One more than the largest label. Raises: DataError where that is more than there are images."""
    largest = int(labels.max(initial=0))
    if largest >= max(len(labels), 1):
        raise DataError(f"{name}: label {largest} among {counted(len(labels), 'training image')}; set dataset.classes")
    return largest + 1


def _images(files: Sequence[str]) -> NDArray[np.uint8]:
    return decode_images(pair for file in files for pair in _encoded(file))


def find_columns(file: str) -> tuple[str, str]:
    """The path of a file's column of encoded images, and the name of its column of labels.

    Raises:
        DataError: it is no Parquet file, or does not have both.
    """
    try:
        schema = pq.read_schema(file)
    except (pa.ArrowException, OSError):
        raise DataError(f"{file}: {why_no_parquet(file)}") from None
    image, label = image_column(file, schema), label_column(schema)
    columns = f"its columns are {', '.join(schema.names)}"
    if image is None:
        named = [f"{name} is of type {schema.field(name).type}" for name in IMAGE_COLUMNS if name in schema.names]
        found = f": {listed(named)}" if named else ""
        raise DataError(f"{file}: has no column of images ({{bytes, path}}, or bytes alone){found}; {columns}")
    if label is None:
        raise DataError(f"{file}: has no column of labels, named {listed(LABEL_COLUMNS, 'or')}; {columns}")
    return image, label


def read_labels(file: str) -> FileLabels:
    """The labels of one file. Raises: DataError where it is damaged, or holds none."""
    _, label = find_columns(file)
    return file_labels(file, label, _read_column(file, label))


def _read_column(file: str, path: str) -> pa.ChunkedArray:
    """One column of a file, whole. Raises: DataError where it is damaged."""
    try:
        return pq.read_table(file, columns=[path]).column(0)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file}: is damaged: {' '.join(str(error).split())}") from None


def contents_of(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """The encoded images of a column, be they bytes or ``{bytes, path}``."""
    return pc.struct_field(column, "bytes") if pa.types.is_struct(column.type) else column


def _encoded(file: str) -> Iterator[tuple[str, bytes]]:
    image, _ = find_columns(file)
    for row, content in enumerate(contents_of(_read_column(file, image))):
        if not content.is_valid:
            raise DataError(f"{file}: row {row} holds no image bytes")
        yield f"{file}, row {row}", content.as_py()
