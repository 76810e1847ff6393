"""Images in Parquet as Hugging Face lays them out: a column of ``{bytes, path}`` and one of integer labels."""

import json
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from prunesweep.sweeps.datasets import Imagenet, ImageParquet
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.fingerprints import parquet_files
from prunesweep.workers.data.dataset import Dataset, make_dataset
from prunesweep.workers.data.decoding import decode_images

LABEL_NAMES = ("label", "labels", "fine_label")


def load(settings: ImageParquet) -> Dataset:
    """The images of all files of each split, in the order of the files.

    Raises:
        DataError: a file is missing, is no Parquet, or does not have the two columns; an image does not decode.
    """
    train_files = parquet_files(settings.train, "dataset.train")
    train = _read(train_files)
    test = _read(parquet_files(settings.test, "dataset.test"))
    return make_dataset(settings, train, test, name_classes(settings, train_files[0], train[1]))


def name_classes(settings: ImageParquet | Imagenet, file: str, labels: NDArray[np.int64]) -> list[str]:
    """The names of the classes that a training file notes; where it notes none, or not as many, their numbers.

    Raises:
        DataError: neither the settings nor the file say how many there are, and the largest of ``labels`` cannot.
    """
    names = _noted_names(file)
    count = settings.classes or len(names) or _count_classes(settings.name, labels)
    return names if len(names) == count else [str(label) for label in range(count)]


def _count_classes(name: str, labels: NDArray[np.int64]) -> int:
    """One more than the largest label. Raises: DataError where that is more than there are images."""
    largest = int(labels.max(initial=0))
    if largest >= max(len(labels), 1):
        raise DataError(f"{name}: label {largest} among {len(labels)} training images; set dataset.classes")
    return largest + 1


def _read(files: Sequence[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    tables = [(file, *_columns(file)) for file in files]
    images = decode_images(pair for file, pictures, _ in tables for pair in _encoded(file, pictures))
    labels = np.concatenate([np.asarray(labels, dtype=np.int64) for _, _, labels in tables])
    return images, labels


def _columns(file: str) -> tuple[pa.ChunkedArray, NDArray[np.int64]]:
    """The image column and the labels of one file."""
    image, label = find_columns(file)
    table = read_columns(file, [image, label])
    return table.column(image), labels_of(file, table.column(label))


def find_columns(file: str) -> tuple[str, str]:
    """The names of a file's column of images and of its column of labels.

    Raises:
        DataError: it is no Parquet file, or does not have both.
    """
    try:
        schema = pq.read_schema(file)
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{file}: is no Parquet file: {error}") from None
    image = next((field.name for field in schema if _holds_images(field.type)), None)
    label = next((name for name in LABEL_NAMES if name in schema.names), None)
    if image is None or label is None or not pa.types.is_integer(schema.field(label).type):
        raise DataError(
            f"{file}: has no column of images ({{bytes, path}}) or none of integer labels ({', '.join(LABEL_NAMES)}); "
            f"its columns are {', '.join(schema.names)}"
        )
    return image, label


def read_columns(file: str, names: Sequence[str]) -> pa.Table:
    """These columns of a file, whole. Raises: DataError where it is damaged."""
    try:
        return pq.read_table(file, columns=list(names))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file}: is damaged: {error}") from None


def labels_of(file: str, column: pa.ChunkedArray) -> NDArray[np.int64]:
    """A column of labels as numbers. Raises: DataError where one is missing."""
    if column.null_count:
        raise DataError(f"{file}: has rows without a label")
    labels: NDArray[np.int64] = column.to_numpy().astype(np.int64)
    return labels


def _holds_images(type_: pa.DataType) -> bool:
    if not pa.types.is_struct(type_) or type_.get_field_index("bytes") < 0:
        return False
    content = type_.field("bytes").type
    return bool(pa.types.is_binary(content) or pa.types.is_large_binary(content))


def _encoded(file: str, pictures: pa.ChunkedArray) -> Iterator[tuple[str, bytes]]:
    row = 0
    for chunk in pictures.chunks:
        for content in chunk.field("bytes"):
            if not content.is_valid:
                raise DataError(f"{file}: row {row} holds no image bytes")
            yield f"{file}, row {row}", content.as_py()
            row += 1


def _noted_names(file: str) -> list[str]:
    """The class names that Hugging Face notes in a file's metadata, or none."""
    metadata = pq.read_schema(file).metadata or {}
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return []
    if not isinstance(features, dict):
        return []
    for name in LABEL_NAMES:
        names = features.get(name, {}).get("names") if isinstance(features.get(name), dict) else None
        if isinstance(names, list):
            return [str(entry) for entry in names]
    return []
