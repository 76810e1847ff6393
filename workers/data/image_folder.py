"""Images in class folders, read into memory."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from prunesweep.sweeps.datasets import ImageFolder
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.class_folders import image_files
from prunesweep.workers.data.dataset import Dataset, make_dataset
from prunesweep.workers.data.decoding import decode_images


def load(settings: ImageFolder) -> Dataset:
    """Load the images of both splits from class folders; the folders in ``settings.train`` name the classes.

    Raises:
        DataError: a folder is missing or contains no images, a class of the test images has no training images, or an
            image cannot be decoded.
    """
    train, test = image_files(settings.train, "dataset.train"), image_files(settings.test, "dataset.test")
    classes = sorted({name for name, _ in train})
    unknown = sorted({name for name, _ in test} - set(classes))
    if unknown:
        raise DataError(f"dataset.test: {settings.test}: class {unknown[0]!r} is not in the training images")
    paths = _folders_and_images(train), _folders_and_images(test)
    return make_dataset(settings, _read(train, classes), _read(test, classes), classes, paths=paths)


def _folders_and_images(files: list[tuple[str, Path]]) -> list[str]:
    """Return the paths of the folders that directly contain images, followed by the paths of the images.

    Args:
        files: (class name, path) of each image.
    """
    return [*sorted({str(path.parent) for _, path in files}), *(str(path) for _, path in files)]


def _read(files: list[tuple[str, Path]], classes: list[str]) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read image files, and return their pixels, uint8 (N, H, W, 3), and their labels, int64 (N,).

    Args:
        files: (class name, path) of each image.
        classes: the class names, indexed by label.
    """
    label_of = {name: label for label, name in enumerate(classes)}
    images = decode_images((str(path), path.read_bytes()) for _, path in files)
    return images, np.asarray([label_of[name] for name, _ in files], dtype=np.int64)
