"""Test images that are among the training images: an accuracy on them tells nothing."""

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

MOST = 0.01  # of the test images: real data sets have a few duplicates
ALLOW = "give other images, or set dataset.allow_overlap: true"


def check_paths_apart(settings: DatasetSettings, train: Iterable[str], test: Iterable[str]) -> None:
    """Check that no file, and no folder with images in it, is on both sides, whatever its paths are.

    Raises:
        DataError: one is, and ``settings`` do not allow it.
    """
    if settings.allow_overlap:
        return
    trained_on = {file_identity(path): path for path in train}
    for path in test:
        same = trained_on.get(file_identity(path))
        if same is not None:
            _refuse(path, same)


def check_links_apart(settings: DatasetSettings, train: Iterable[str], test: Iterable[str]) -> None:
    """Check that no image file is on both sides by a link: by its name, each is in its own folder.

    Only where there are links at all, the files are compared.

    Raises:
        DataError: one is, and ``settings`` do not allow it.
    """
    if settings.allow_overlap:
        return
    train, test = list(train), list(test)
    if any(_is_linked(path) for path in test) or any(os.path.islink(path) for path in train):
        check_paths_apart(settings, train, test)


def _is_linked(path: str) -> bool:
    """Whether a file is a link, or has another name as well."""
    return os.path.islink(path) or os.stat(path).st_nlink > 1


def check_copies_apart(settings: DatasetSettings, train: Sequence[str], test: Sequence[str]) -> None:
    """Check that no file's bytes are those of a file on the other side; only files of one size are read.

    Raises:
        DataError: some are, and ``settings`` do not allow it.
    """
    if settings.allow_overlap:
        return
    for path in test:
        of_size = (other for other in train if os.path.getsize(other) == os.path.getsize(path))
        same = next((other for other in of_size if filecmp.cmp(path, other, shallow=False)), None)
        if same is not None:
            _refuse(path, same)


def _refuse(path: str, same: str) -> None:
    other = "" if same == path else f", as {same}"
    raise DataError(f"dataset.test: {path}: is among the training images too{other}; {ALLOW}")


def check_pixels_apart(settings: DatasetSettings, train: NDArray[np.uint8], test: NDArray[np.uint8]) -> list[str]:
    """Count the test images whose pixels are those of a training image.

    Args:
        settings: data sets as their authors published them, and ``allow_overlap``, are told and never refused.
        train, test: (N, H, W, 3), of one size.

    Returns:
        A line that tells how many, where there are some.

    Raises:
        DataError: there are more than one in a hundred.
    """
    trained_on = {_digest(image) for image in train}
    shared = [place for place, image in enumerate(test) if _digest(image) in trained_on]
    if not shared:
        return []
    verb = "is" if len(shared) == 1 else "are"
    said = f"{len(shared):,} of {counted(len(test), 'test image')} {verb} among the training images, pixel for pixel"
    if len(shared) > MOST * len(test) and not (settings.allow_overlap or settings.published):
        raise DataError(f"{settings.name}: {said}; test image {shared[0]} is the first one: {ALLOW}")
    return [said]


def _digest(image: NDArray[np.uint8]) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()
