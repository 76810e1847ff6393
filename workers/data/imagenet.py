"""ImageNet (Deng et al. 2009; ILSVRC 2012), from class folders or Parquet shards, streamed."""

import os
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from prunesweep.sweeps.datasets import Imagenet
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.class_folders import is_folder
from prunesweep.sweeps.images.parquet_files import parquet_files
from prunesweep.sweeps.pretrained import IMAGENET_MEAN, IMAGENET_STD
from prunesweep.workers.data.class_folders import ClassFolders
from prunesweep.workers.data.dataset import Dataset, check_classes, check_labels
from prunesweep.workers.data.image_parquet import name_classes, read_labels
from prunesweep.workers.data.labels import match_labels
from prunesweep.workers.data.overlap import check_copies_apart, check_links_apart, check_paths_apart
from prunesweep.workers.data.shards import Shards
from prunesweep.workers.data.streaming import Source, StreamedSplit
from prunesweep.workers.data.views import View


def load(settings: Imagenet) -> Dataset:
    """The images of both splits, in the order of their classes and names, or of the shards and their rows.

    Labels and names are read; pixels only when they are asked for.

    Raises:
        DataError: a file or folder is missing, damaged or without images; one split lies in class folders and the other
            in shards; labels do not fit the classes.
    """
    settings = _placed(settings)
    if is_folder(settings.train) != is_folder(settings.test):
        raise DataError("imagenet: dataset.train and dataset.test must both be folders, or both Parquet shards")
    train, test, classes, notes = _folders(settings) if is_folder(settings.train) else _shards(settings)
    # As networks are published with; measured anew they would need all images read.
    view, statistics = View(settings.size, settings.resized), (IMAGENET_MEAN, IMAGENET_STD)
    return Dataset(
        settings.name,
        StreamedSplit(train, view, statistics),
        StreamedSplit(test, view, statistics),
        tuple(classes),
        settings=settings,
        notes=notes,
    )


SplitSources = tuple[Source, Source, Sequence[str], tuple[str, ...]]
"""The training and the test images, the names of the classes, and what to tell the user."""


def _folders(settings: Imagenet) -> SplitSources:
    train = ClassFolders(settings.train[0], "dataset.train", settings.train_limit)
    test = ClassFolders(settings.test[0], "dataset.test", settings.test_limit, train.classes)
    if settings.classes not in (None, len(train.classes)):
        raise DataError(
            f"imagenet: dataset.classes is {settings.classes}, but {settings.train[0]} holds {len(train.classes)} "
            "folders of images"
        )
    notes = _checked(settings, train.all_labels, test.all_labels, train.classes)
    check_paths_apart(settings, sorted(train.folders), sorted(test.folders))
    check_links_apart(settings, train.paths(), test.paths())
    return train, test, train.classes, notes


def _shards(settings: Imagenet) -> SplitSources:
    files = parquet_files(settings.train, "dataset.train"), parquet_files(settings.test, "dataset.test")
    labels = match_labels(*([read_labels(file) for file in of_split] for of_split in files))
    classes = name_classes(settings, labels.names, labels.train)
    notes = _checked(settings, labels.train, labels.test, classes)
    check_paths_apart(settings, *files)
    check_copies_apart(settings, *files)
    train = Shards(files[0], settings.train_limit, settings.shuffle_window, labels.train)
    test = Shards(files[1], settings.test_limit, settings.shuffle_window, labels.test)
    return train, test, classes, (*labels.notes, *notes)


def _checked(
    settings: Imagenet, train: NDArray[np.int64], test: NDArray[np.int64], classes: Sequence[str]
) -> tuple[str, ...]:
    check_labels(settings.name, train, test, len(classes))
    return tuple(check_classes(settings, train, test, classes))


def _placed(settings: Imagenet) -> Imagenet:
    """The settings with absolute paths, for what is opened later, and by workers that run in other folders."""
    paths = {name: tuple(map(os.path.abspath, getattr(settings, name))) for name in ("train", "test")}
    return settings.model_copy(update=paths)
