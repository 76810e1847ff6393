"""ImageNet (Deng et al. 2009; ILSVRC 2012), from class folders or Parquet shards, streamed."""

import os
from collections.abc import Sequence

from prunesweep.sweeps.datasets import Imagenet
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.fingerprints import is_folder, parquet_files
from prunesweep.sweeps.pretrained import IMAGENET_MEAN, IMAGENET_STD
from prunesweep.workers.data.class_folders import ClassFolders
from prunesweep.workers.data.dataset import Dataset, check_labels
from prunesweep.workers.data.image_parquet import name_classes
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
    train, test, classes = _folders(settings) if is_folder(settings.train) else _shards(settings)
    check_labels(settings.name, train.labels, test.labels, len(classes))
    # As networks are published with; measured anew they would need all images read.
    view, statistics = View(settings.size, settings.resized), (IMAGENET_MEAN, IMAGENET_STD)
    return Dataset(
        settings.name,
        StreamedSplit(train, view, statistics),
        StreamedSplit(test, view, statistics),
        tuple(classes),
        settings=settings,
    )


def _folders(settings: Imagenet) -> tuple[Source, Source, Sequence[str]]:
    train = ClassFolders(settings.train[0], "dataset.train", settings.train_limit)
    test = ClassFolders(settings.test[0], "dataset.test", settings.test_limit, train.classes)
    if settings.classes not in (None, len(train.classes)):
        raise DataError(
            f"imagenet: dataset.classes is {settings.classes}, but {settings.train[0]} holds {len(train.classes)} "
            "folders of images"
        )
    return train, test, train.classes


def _shards(settings: Imagenet) -> tuple[Source, Source, Sequence[str]]:
    files = parquet_files(settings.train, "dataset.train")
    train = Shards(files, settings.train_limit, settings.shuffle_window)
    test = Shards(parquet_files(settings.test, "dataset.test"), settings.test_limit, settings.shuffle_window)
    return train, test, name_classes(settings, files[0], train.all_labels)


def _placed(settings: Imagenet) -> Imagenet:
    """The settings with absolute paths, for what is opened later, and by workers that run in other folders."""
    paths = {name: tuple(map(os.path.abspath, getattr(settings, name))) for name in ("train", "test")}
    return settings.model_copy(update=paths)
