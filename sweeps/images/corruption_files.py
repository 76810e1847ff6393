"""The official corruption files, CIFAR-10-C's and ImageNet-C's: where they lie, and what they hold as a hash.

The files are gigabytes, and a plan must name its trials at once. So the fingerprints read samples: a file that is
damaged or changed in between goes unnoticed, another release or other kinds of images do not.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.class_folders import is_hidden
from prunesweep.sweeps.keys import key_of

LABELS_NAME = "labels.npy"
CORRUPTED_IMAGE_SUFFIXES = (".jpeg", ".jpg", ".png")
HASHED_BYTES = 2**20  # bytes at either end of a large file
WHERE = "attacks.corruptions.root"


def cifar10_c_file(root: str, name: str) -> Path:
    """The array ``name``, a kind or ``labels``. Raises: DataError where it is not there."""
    path = Path(root, f"{name}.npy")
    if not path.is_file():
        raise DataError(f"{WHERE}: {path}: no such file; CIFAR-10-C has {LABELS_NAME} and an array for each kind")
    return path


def imagenet_c_classes(root: str, kind: str, severity: int) -> list[str]:
    """The class folders of one kind and severity, sorted. Raises: DataError where there are none."""
    folder = imagenet_c_folder(root, kind, severity)
    if not folder.is_dir():
        raise DataError(f"{WHERE}: {folder}: no such folder; ImageNet-C has KIND/SEVERITY/CLASS/*.JPEG")
    with os.scandir(folder) as entries:
        classes = sorted(entry.name for entry in entries if entry.is_dir() and not is_hidden(entry.name))
    if not classes:
        raise DataError(f"{WHERE}: {folder}: no class folder in it")
    return classes


def imagenet_c_folder(root: str, kind: str, severity: int) -> Path:
    """Where the class folders of one kind and severity should lie."""
    return Path(root, kind, str(severity))


def images_in(folder: Path) -> list[str]:
    """The names of the images in a class folder, sorted. Raises: DataError where there are none."""
    try:
        names = sorted(
            name
            for name in os.listdir(folder)
            if name.lower().endswith(CORRUPTED_IMAGE_SUFFIXES) and not is_hidden(name)
        )
    except OSError as error:
        raise _unreadable(folder, error) from None
    if not names:
        raise DataError(f"{WHERE}: {folder}: no image in it")
    return names


def cifar10_c_fingerprint(root: str, kinds: Sequence[str]) -> str:
    """Of the labels all bytes, of each kind's array its length and a MiB from either end.

    Raises:
        DataError: a file is not there or cannot be read.
    """
    return key_of("CIFAR-10-C", [_sampled(cifar10_c_file(root, name)) for name in ("labels", *kinds)])


def imagenet_c_fingerprint(root: str, kinds: Sequence[str], severities: Iterable[int]) -> str:
    """Of each kind and severity the classes, the first and last class's files with their sizes, and two of these.

    Raises:
        DataError: a folder is not there or empty, or a file cannot be read.
    """
    severities = tuple(severities)
    return key_of("ImageNet-C", [[k, s, _folder_content(root, k, s)] for k in kinds for s in severities])


def _folder_content(root: str, kind: str, severity: int) -> Any:
    folder, classes = imagenet_c_folder(root, kind, severity), imagenet_c_classes(root, kind, severity)
    first, last = ([folder / name / image for image in images_in(folder / name)] for name in (classes[0], classes[-1]))
    try:
        sizes = [[path.name, path.stat().st_size] for path in (*first, *last)]
    except OSError as error:
        raise _unreadable(error.filename, error) from None
    return [classes, sizes, _sampled(first[0]), _sampled(last[-1])]


def _sampled(path: Path) -> Any:
    """The length of a file and the SHA-256 of its first and last MiB: of all of it up to two."""
    try:
        with open(path, "rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(0)
            content = hashlib.sha256(file.read(HASHED_BYTES))
            file.seek(max(HASHED_BYTES, length - HASHED_BYTES))
            content.update(file.read())
    except OSError as error:
        raise _unreadable(path, error) from None
    return [length, content.hexdigest()]


def _unreadable(path: str | Path, error: OSError) -> DataError:
    return DataError(f"{WHERE}: {path}: {error.strerror or error}")
