"""Images in Parquet files as Hugging Face stores them: a column of ``{bytes, path}`` structs and a column of labels."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from prunesweep.sweeps.datasets import Imagenet, ImageParquet
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.class_names import ClassNames
from prunesweep.sweeps.images.parquet_files import (
    IMAGE_COLUMNS,
    LABEL_COLUMNS,
    explain_unreadable_parquet,
    image_column,
    label_column,
    parquet_files,
)
from prunesweep.sweeps.words import counted, listed
from prunesweep.workers.data.dataset import Dataset, make_dataset
from prunesweep.workers.data.decoding import decode_images
from prunesweep.workers.data.labels import FileLabels, match_labels, parse_labels


def load(settings: ImageParquet) -> Dataset:
    """Load the images of all files of each split, in the order of the files.

    ``DataError`` is raised if a file is missing, is not a Parquet file, is in both splits, or has no column of images
    or of labels; if the classes of different files cannot be matched; and if an image cannot be decoded.
    """
    train, train_labels = _read_split_labels(settings.train, "dataset.train")
    test, test_labels = _read_split_labels(settings.test, "dataset.test")
    labels = match_labels(train_labels, test_labels)
    classes = name_classes(settings, labels.names, labels.train)
    images = _decode_files(train), _decode_files(test)
    return make_dataset(
        settings, (images[0], labels.train), (images[1], labels.test), classes, labels.notes, (train, test)
    )


def _read_split_labels(patterns: Sequence[str], what: str) -> tuple[list[str], list[FileLabels]]:
    """Return the files of a split, and the labels in each of them."""
    files = parquet_files(patterns, what)
    return files, [read_labels(file) for file in files]


def name_classes(settings: ImageParquet | Imagenet, names: ClassNames, labels: NDArray[np.int64]) -> list[str]:
    """Return the class names if there is exactly one for each class, else the class numbers as text.

    The number of classes is the one in ``settings`` if it is set, else the number of ``names``, and without names one
    more than the largest label. In this last case, ``DataError`` is raised if the largest label is not below the number
    of training images.

    Args:
        settings: the settings of the data set, which may set the number of classes.
        names: the class names found in the files; empty if there are none.
        labels: int64 (N,), the labels of the training images.
    """
    count = settings.classes or len(names) or _count_classes(settings.name, labels)
    return list(names) if len(names) == count else [str(label) for label in range(count)]


def _count_classes(name: str, labels: NDArray[np.int64]) -> int:
    """Return the number of classes that the labels imply: one more than the largest label.

    Raises:
        DataError: there are fewer images than that.
    """
    largest = int(labels.max(initial=0))
    if largest >= max(len(labels), 1):
        raise DataError(
            f"{name}: label {largest} is too large for {counted(len(labels), 'training image')}; set dataset.classes "
            "to the number of classes"
        )
    return largest + 1


def _decode_files(files: Sequence[str]) -> NDArray[np.uint8]:
    return decode_images(pair for file in files for pair in _encoded_images(file))


def find_columns(file: str) -> tuple[str, str]:
    """Return the path of a file's column of encoded images, such as ``image.bytes``, and the name of its label column.

    Raises:
        DataError: the file is not a Parquet file, or one of the columns is missing.
    """
    try:
        schema = pq.read_schema(file)
    except (pa.ArrowException, OSError):
        raise DataError(f"{file}: {explain_unreadable_parquet(file)}") from None
    image, label = image_column(file, schema), label_column(schema)
    columns = f"its columns are {', '.join(schema.names)}"
    if image is None:
        candidates = [f"{name} is of type {schema.field(name).type}" for name in IMAGE_COLUMNS if name in schema.names]
        types = f": {listed(candidates)}" if candidates else ""
        raise DataError(f"{file}: has no column of images ({{bytes, path}}, or bytes alone){types}; {columns}")
    if label is None:
        raise DataError(f"{file}: has no column of labels, named {listed(LABEL_COLUMNS, 'or')}; {columns}")
    return image, label


def read_labels(file: str) -> FileLabels:
    """Read the labels of a Parquet file.

    ``DataError`` is raised if the file is damaged, or if a label in it is missing or invalid.
    """
    _, label = find_columns(file)
    return parse_labels(file, label, _read_column(file, label))


def _read_column(file: str, path: str) -> pa.ChunkedArray:
    """Read all rows of one column of a Parquet file.

    Raises:
        DataError: the file is damaged.
    """
    try:
        return pq.read_table(file, columns=[path]).column(0)
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file}: is damaged: {' '.join(str(error).split())}") from None


def image_contents(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the encoded images of a column of bytes or of ``{bytes, path}`` structs."""
    return pc.struct_field(column, "bytes") if pa.types.is_struct(column.type) else column


def _encoded_images(file: str) -> Iterator[tuple[str, bytes]]:
    """Yield, for every image in a file, a name for messages and the encoded content.

    Raises:
        DataError: a row has no image, or the file is damaged.
    """
    image, _ = find_columns(file)
    for row, content in enumerate(image_contents(_read_column(file, image))):
        if not content.is_valid:
            raise DataError(f"{file}: row {row} holds no image bytes")
        yield f"{file}, row {row}", content.as_py()
