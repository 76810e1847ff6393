"""Images in folders, a folder a class."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prunesweep.sweeps.datasets import ImageFolder
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.class_folders import image_files
from prunesweep.workers.data.dataset import Dataset, make_dataset
from prunesweep.workers.data.decoding import decode_images


def load(settings: ImageFolder) -> Dataset:
    """The images below ``train`` and ``test``; the classes are the folders of ``train`` by name.

    Raises:
        DataError: a folder is missing or empty, the test images have a class of their own, an image does not decode.
    """
    train, test = image_files(settings.train, "dataset.train"), image_files(settings.test, "dataset.test")
    classes = sorted({name for name, _ in train})
    unknown = sorted({name for name, _ in test} - set(classes))
    if unknown:
        raise DataError(f"dataset.test: {settings.test}: class {unknown[0]!r} is not in the training images")
    places = _places(train), _places(test)
    return make_dataset(settings, _read(train, classes), _read(test, classes), classes, paths=places)


def _places(files: list[tuple[str, Path]]) -> list[str]:
    """The folders that images lie in, and the images."""
    return [*sorted({str(path.parent) for _, path in files}), *(str(path) for _, path in files)]


def _read(files: list[tuple[str, Path]], classes: list[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    number = {name: index for index, name in enumerate(classes)}
    images = decode_images((str(path), path.read_bytes()) for _, path in files)
    return images, np.asarray([number[name] for name, _ in files], dtype=np.int64)
