"""Checks that no test image is among the training images, which would make the test accuracy meaningless."""

import filecmp
import hashlib
import os
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from prunesweep.sweeps.datasets import DatasetSettings
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.parquet_files import file_identity
from prunesweep.sweeps.words import counted

MAX_OVERLAP = 0.01  # as a share of the test images; not 0, because real data sets have a few duplicates
OVERLAP_HINT = "use other images, or set dataset.allow_overlap: true"


def check_paths_apart(settings: DatasetSettings, train: Iterable[str], test: Iterable[str]) -> None:
    """Check that no file or folder is in both splits, not even under different paths.

    ``DataError`` is raised if one is, unless ``settings.allow_overlap`` is set.

    Args:
        settings: the settings of the data set.
        train: the paths of the files with training images, and of the folders that contain training images.
        test: the paths of the files with test images, and of the folders that contain test images.
    """
    if settings.allow_overlap:
        return
    training_paths = {file_identity(path): path for path in train}
    for path in test:
        training_path = training_paths.get(file_identity(path))
        if training_path is not None:
            _refuse(path, training_path)


def check_links_apart(settings: DatasetSettings, train: Iterable[str], test: Iterable[str]) -> None:
    """Check that no image file is in both splits through a symbolic or hard link.

    The images of the two splits must be in different folders. A file can then be in both splits only through a link,
    so the files are compared only if some of them are links. ``DataError`` is raised if a file is in both splits,
    unless ``settings.allow_overlap`` is set.

    Args:
        settings: the settings of the data set.
        train: the paths of the training images.
        test: the paths of the test images.
    """
    if settings.allow_overlap:
        return
    train, test = list(train), list(test)
    if any(_is_linked(path) for path in test) or any(os.path.islink(path) for path in train):
        check_paths_apart(settings, train, test)


def _is_linked(path: str) -> bool:
    """Return whether a file is a symbolic link or has more than one hard link."""
    return os.path.islink(path) or os.stat(path).st_nlink > 1


def check_copies_apart(settings: DatasetSettings, train: Sequence[str], test: Sequence[str]) -> None:
    """Check that no test file is a byte-for-byte copy of a training file.

    Only files of the same size are read. ``DataError`` is raised if a test file is a copy, unless
    ``settings.allow_overlap`` is set.

    Args:
        settings: the settings of the data set.
        train: the paths of the training files.
        test: the paths of the test files.
    """
    if settings.allow_overlap:
        return
    for path in test:
        same_size = (other for other in train if os.path.getsize(other) == os.path.getsize(path))
        original = next((other for other in same_size if filecmp.cmp(path, other, shallow=False)), None)
        if original is not None:
            _refuse(path, original)


def _refuse(test_path: str, training_path: str) -> None:
    alias = "" if training_path == test_path else f", as {training_path}"
    raise DataError(f"dataset.test: {test_path}: is among the training images too{alias}; {OVERLAP_HINT}")


def check_pixels_apart(settings: DatasetSettings, train: NDArray[np.uint8], test: NDArray[np.uint8]) -> list[str]:
    """Count the test images whose pixels equal those of a training image.

    Args:
        settings: the settings of the data set. If ``allow_overlap`` is set, or if the split was published with the data
            set, any number of equal images is only reported.
        train: uint8 (N, H, W, 3), the training images.
        test: uint8 (M, H, W, 3), the test images.

    Returns:
        One line for the user, which says how many test images are among the training images; an empty list if none is.

    Raises:
        DataError: the share of such test images is above ``MAX_OVERLAP``, unless equal images are only reported (see
            ``settings``).
    """
    training_digests = {_digest(image) for image in train}
    shared = [index for index, image in enumerate(test) if _digest(image) in training_digests]
    if not shared:
        return []
    verb = "is" if len(shared) == 1 else "are"
    note = f"{len(shared):,} of {counted(len(test), 'test image')} {verb} among the training images, pixel for pixel"
    if len(shared) > MAX_OVERLAP * len(test) and not (settings.allow_overlap or settings.has_published_split):
        raise DataError(f"{settings.name}: {note}; test image {shared[0]} is the first one: {OVERLAP_HINT}")
    return [note]


def _digest(image: NDArray[np.uint8]) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
