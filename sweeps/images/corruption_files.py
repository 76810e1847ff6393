"""The official files of CIFAR-10-C and ImageNet-C: their paths, and fingerprints of their content.

The files are gigabytes, and a plan must compute its trials' keys quickly, so a fingerprint reads samples only. It
detects another release or other corruption kinds, but not a file that was damaged or changed between the samples.
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
HASHED_BYTES = 2**20  # bytes that are hashed at the beginning and at the end of a large file
ROOT_KEY_PATH = "attacks.corruptions.root"


def cifar10_c_file(root: str, name: str) -> Path:
    """Return the path of one array of CIFAR-10-C.

    Args:
        root: the folder of the arrays.
        name: a corruption kind, or ``labels``.

    Raises:
        DataError: the file is missing.
    """
    path = Path(root, f"{name}.npy")
    if not path.is_file():
        raise DataError(
            f"{ROOT_KEY_PATH}: {path}: no such file; CIFAR-10-C has {LABELS_NAME} and an array for each kind"
        )
    return path


def imagenet_c_classes(root: str, kind: str, severity: int) -> list[str]:
    """Return the names of ImageNet-C's class folders of one kind and severity, sorted.

    Raises:
        DataError: the folder of the kind and severity is missing or contains no class folder.
    """
    folder = imagenet_c_folder(root, kind, severity)
    if not folder.is_dir():
        raise DataError(f"{ROOT_KEY_PATH}: {folder}: no such folder; ImageNet-C has KIND/SEVERITY/CLASS/*.JPEG")
    with os.scandir(folder) as entries:
        classes = sorted(entry.name for entry in entries if entry.is_dir() and not is_hidden(entry.name))
    if not classes:
        raise DataError(f"{ROOT_KEY_PATH}: {folder}: contains no class folder")
    return classes


def imagenet_c_folder(root: str, kind: str, severity: int) -> Path:
    """Return the path of the folder that holds the class folders of one kind and severity."""
    return Path(root, kind, str(severity))


def list_image_names(folder: Path) -> list[str]:
    """Return the file names of the images in a class folder, sorted.

    Raises:
        DataError: the folder cannot be read or contains no image.
    """
    try:
        names = sorted(
            name
            for name in os.listdir(folder)
            if name.lower().endswith(CORRUPTED_IMAGE_SUFFIXES) and not is_hidden(name)
        )
    except OSError as error:
        raise DataError(_unreadable(folder, error)) from None
    if not names:
        raise DataError(f"{ROOT_KEY_PATH}: {folder}: contains no image")
    return names


def cifar10_c_fingerprint(root: str, kinds: Sequence[str]) -> str:
    """Return a fingerprint of CIFAR-10-C's files: their lengths, and 1 MiB from the beginning and end of each.

    The file of labels is shorter than 1 MiB, so all of its bytes are hashed. A missing or unreadable file raises
    ``DataError``.

    Args:
        root: the folder of the arrays.
        kinds: the corruption kinds to include.
    """
    return key_of("CIFAR-10-C", [_sampled_content(cifar10_c_file(root, name)) for name in ("labels", *kinds)])


def imagenet_c_fingerprint(root: str, kinds: Sequence[str], severities: Iterable[int]) -> str:
    """Return a fingerprint of ImageNet-C's folders.

    For each kind and severity, the fingerprint depends on the names of the classes, on the names and sizes of the files
    of the first and the last class, and on the content of the first and the last of these files. A missing or empty
    folder, or an unreadable file, raises ``DataError``.

    Args:
        root: the folder of the kinds' folders.
        kinds: the corruption kinds to include.
        severities: the severities to include, 1 to 5.
    """
    severities = tuple(severities)
    return key_of("ImageNet-C", [[k, s, _folder_content(root, k, s)] for k in kinds for s in severities])


def _folder_content(root: str, kind: str, severity: int) -> Any:
    """Return the part of the fingerprint for one kind and severity, as JSON values.

    Raises:
        DataError: a file cannot be read.
    """
    folder, classes = imagenet_c_folder(root, kind, severity), imagenet_c_classes(root, kind, severity)
    first, last = (
        [folder / name / image for image in list_image_names(folder / name)] for name in (classes[0], classes[-1])
    )
    try:
        sizes = [[path.name, path.stat().st_size] for path in (*first, *last)]
    except OSError as error:
        raise DataError(_unreadable(error.filename, error)) from None
    return [classes, sizes, _sampled_content(first[0]), _sampled_content(last[-1])]


def _sampled_content(path: Path) -> Any:
    """Return the length of a file in bytes and the SHA-256 of its first and last MiB.

    If a file has at most two MiB, all of its bytes are hashed.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            length = file.seek(0, os.SEEK_END)
            file.seek(0)
            content = hashlib.sha256(file.read(HASHED_BYTES))
            file.seek(max(HASHED_BYTES, length - HASHED_BYTES))
            content.update(file.read())
    except OSError as error:
        raise DataError(_unreadable(path, error)) from None
    return [length, content.hexdigest()]


def _unreadable(path: str | Path, error: OSError) -> str:
    """Return the error message for a file or folder that cannot be read."""
    return f"{ROOT_KEY_PATH}: {path}: {error.strerror or error}"
