"""Data sets in image-Parquet files, as Hugging Face writes them: their splits, classes and image sizes."""

import glob
import io
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunesweep.orchestrator.initialization.found_data import FoundData, ImageSize, reader_settings
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.class_names import merge_class_names
from prunesweep.sweeps.images.decoding_marks import sample_parquet_images
from prunesweep.sweeps.images.parquet_files import (
    count_rows,
    explain_unreadable_parquet,
    label_column,
    parquet_files,
    read_class_names,
)
from prunesweep.sweeps.words import listed

HIDDEN_LABEL = -1  # of test images whose labels their authors keep
LISTED_FILES = 4  # files that a sweep file names one by one


@dataclass(frozen=True)
class ParquetSplit:
    """The Parquet files of one split.

    Attributes:
        name: ``train``, ``test`` or ``validation``.
        files: the paths of the files.
        images: the number of images.
        labels: the distinct labels, whole numbers or text.
    """

    name: str
    files: tuple[str, ...]
    images: int
    labels: frozenset[Any]


def find_parquet(folder: Path, name: str) -> FoundData | None:
    """Return the data set in the Parquet files below a folder, or None if none is named after a split.

    Test images whose labels are hidden, as those of ImageNet are, do not count.

    Args:
        folder: the folder.
        name: a short name for the data set.

    Raises:
        DataError: a file cannot be read, or there is only one of the two splits.
    """
    files = {split: found for split in ("train", "test", "validation") if (found := _split_files(folder, split))}
    if not files or files.get("train") == files.get("test"):  # without names of splits, all files are those of each
        return None
    splits = {split: _read_split(split, of_split) for split, of_split in files.items()}
    labelled = {split: read for split, read in splits.items() if read.labels != {HIDDEN_LABEL}}
    train, test = labelled.get("train"), labelled.get("test") or labelled.get("validation")
    if train is None or test is None:
        missing = "training" if train is None else "test"
        raise DataError(
            f"{folder}: has Parquet files for {listed(files)}, but none with {missing} images and their labels; name "
            "the files of both splits in the sweep file: dataset.train and dataset.test"
        )
    sizes = list(_image_sizes(folder, [*train.files, *test.files]))
    if not sizes:
        raise DataError(f"{train.files[0]}: has no column of images, {{bytes, path}} or bytes alone")
    settings, side = reader_settings("image_parquet", sizes, train.images + test.images)
    paths = {"train": _paths_of(folder, train), "test": _paths_of(folder, test)}
    return FoundData(
        name=name,
        settings={**settings, **paths},
        train_images=train.images,
        test_images=test.images,
        classes=_count_classes(train),
        side=side,
        kind=f"Parquet files in {folder}",
        notes=_notes(splits, test),
    )


def _split_files(folder: Path, split: str) -> tuple[str, ...]:
    """Return the Parquet files of one split below a folder; empty if there are none."""
    with suppress(DataError):
        return tuple(parquet_files([str(folder)], f"dataset.{split}"))
    return ()


def _read_split(split: str, files: tuple[str, ...]) -> ParquetSplit:
    """Read the footers and the labels of the files of one split.

    Raises:
        DataError: a file is damaged, is not a Parquet file or has no column of labels.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    labels: set[Any] = set()
    for file in files:
        try:
            column = label_column(pq.read_schema(file))
            if column is None:
                raise DataError(f"{file}: has no column of labels")
            labels |= set(pq.read_table(file, columns=[column]).column(0).unique().to_pylist())
        except (pa.ArrowException, OSError):
            raise DataError(f"{file}: {explain_unreadable_parquet(file)}") from None
    return ParquetSplit(split, files, count_rows(files) or 0, frozenset(labels))


def _count_classes(train: ParquetSplit) -> int:
    """Return the number of classes: of the names in the files, or else of the labels of the training images."""
    names = merge_class_names({file: read_class_names(file) for file in train.files})
    numbers = [label for label in train.labels if isinstance(label, int)]
    return len(names) or (max(numbers) + 1 if numbers else len(train.labels))


def _image_sizes(folder: Path, files: Sequence[str]) -> Iterator[ImageSize]:
    """Yield the sizes of a sample of the images in files below a folder; only headers are decoded.

    Raises:
        DataError: an image cannot be decoded.
    """
    from PIL import Image

    for content in sample_parquet_images(files):
        try:
            with Image.open(io.BytesIO(content)) as image:
                yield image.size
        except OSError as error:
            raise DataError(f"{folder}: an image in the Parquet files cannot be decoded: {error}") from None


def _paths_of(folder: Path, split: ParquetSplit) -> str | list[str]:
    """Return how a sweep file names the files of a split: one path, a glob, a list of a few paths, or the folder."""
    if len(split.files) == 1:
        return split.files[0]
    parents = {Path(file).parent for file in split.files}
    if len(parents) == 1:
        word = Path(split.files[0]).name.partition("-")[0]
        pattern = str(parents.pop() / f"{word}-*.parquet")
        if sorted(glob.glob(pattern)) == sorted(split.files):
            return pattern
    is_named_by_folder = _split_files(folder, split.name) == split.files and split.name != "validation"
    return str(folder) if is_named_by_folder and len(split.files) > LISTED_FILES else list(split.files)


def _notes(splits: dict[str, ParquetSplit], test: ParquetSplit) -> tuple[str, ...]:
    """Return a sentence about the split that is not used, if there is one."""
    if "test" in splits and splits["test"] is not test:
        return ("The labels of the test images are hidden, so the images for validation are the test images.",)
    if "validation" in splits and splits["validation"] is not test:
        return ("The images for validation are not used: networks are chosen on half of the test images.",)
    return ()
