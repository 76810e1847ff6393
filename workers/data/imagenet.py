"""ImageNet (Deng et al. 2009; ILSVRC 2012), streamed from class folders or Parquet shards."""

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
from prunesweep.workers.data.streaming import ImageSource, StreamedSplit
from prunesweep.workers.data.views import ImageTransforms


def load(settings: Imagenet) -> Dataset:
    """Open the training and the test images, either in class folders or in Parquet shards.

    Images in class folders are sorted by class and file name. Images in shards keep the order of the shards and their
    rows. Only labels and file names are read here; pixels are read when a trial needs them.

    Raises:
        DataError: a file or folder is missing, damaged or without images; one split is in class folders and the other
            in shards; a label is out of range, or test images are of a class without training images; or a file is in
            both splits.
    """
    settings = _with_absolute_paths(settings)
    if is_folder(settings.train) != is_folder(settings.test):
        raise DataError("imagenet: dataset.train and dataset.test must both be folders, or both Parquet shards")
    train, test, classes, notes = _open_folders(settings) if is_folder(settings.train) else _open_shards(settings)
    # The statistics that published networks use: measuring them would take a pass over all images.
    transforms, statistics = ImageTransforms(settings.size, settings.resized_side), (IMAGENET_MEAN, IMAGENET_STD)
    return Dataset(
        settings.name,
        StreamedSplit(train, transforms, statistics),
        StreamedSplit(test, transforms, statistics),
        tuple(classes),
        settings=settings,
        notes=notes,
    )


SplitSources = tuple[ImageSource, ImageSource, Sequence[str], tuple[str, ...]]
"""The training and the test images, the class names, and the remarks for the user."""


def _open_folders(settings: Imagenet) -> SplitSources:
    """Open both splits from class folders, and check them.

    Raises:
        DataError: a folder is missing or has no images, there are not ``settings.classes`` class folders of training
            images, test images are of a class without training images, or an image file is in both splits.
    """
    train = ClassFolders(settings.train[0], "dataset.train", settings.train_limit)
    test = ClassFolders(settings.test[0], "dataset.test", settings.test_limit, train.classes)
    if settings.classes not in (None, len(train.classes)):
        raise DataError(
            f"imagenet: dataset.classes is {settings.classes}, but {settings.train[0]} holds {len(train.classes)} "
            "folders of images"
        )
    notes = _check_labels_and_classes(settings, train.all_labels, test.all_labels, train.classes)
    check_paths_apart(settings, sorted(train.folders), sorted(test.folders))
    check_links_apart(settings, train.paths(), test.paths())
    return train, test, train.classes, notes


def _open_shards(settings: Imagenet) -> SplitSources:
    """Open both splits from Parquet shards, and check them."""
    train_files, test_files = (
        parquet_files(settings.train, "dataset.train"),
        parquet_files(settings.test, "dataset.test"),
    )
    labels = match_labels(*([read_labels(file) for file in files] for files in (train_files, test_files)))
    classes = name_classes(settings, labels.names, labels.train)
    notes = _check_labels_and_classes(settings, labels.train, labels.test, classes)
    check_paths_apart(settings, train_files, test_files)
    check_copies_apart(settings, train_files, test_files)
    train = Shards(train_files, settings.train_limit, settings.shuffle_window, labels.train)
    test = Shards(test_files, settings.test_limit, settings.shuffle_window, labels.test)
    return train, test, classes, (*labels.notes, *notes)


def _check_labels_and_classes(
    settings: Imagenet, train: NDArray[np.int64], test: NDArray[np.int64], classes: Sequence[str]
) -> tuple[str, ...]:
    """Check the labels of both splits, and return remarks for the user about classes without images.

    Args:
        settings: the settings of the data set.
        train: int64 (N,), the labels of all training images.
        test: int64 (M,), the labels of all test images.
        classes: the class names, indexed by label.
    """
    check_labels(settings.name, train, test, len(classes))
    return tuple(check_classes(settings, train, test, classes))


def _with_absolute_paths(settings: Imagenet) -> Imagenet:
    """Return the settings with absolute paths, because workers open the files later from other working directories."""
    paths = {name: tuple(map(os.path.abspath, getattr(settings, name))) for name in ("train", "test")}
    return settings.model_copy(update=paths)
