"""Fingerprints: what a data set or a weights file holds, as a hash of its bytes, whatever its path is.

They are taken without decoding an image, so that a plan can name its trials at once.
"""

import glob
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeps.catalogue import DATASETS
from sweeps.datasets import Cifar10, DatasetSettings, Digits, ImageFolder, ImageParquet
from sweeps.errors import DataError
from sweeps.keys import key_of

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff"})
# The MD5 of CIFAR-10's archive, as its authors publish it; torchvision checks the unpacked files against theirs.
CIFAR10_MD5 = "c58f30108f718f92721af3b95e74349a"


@dataclass(frozen=True)
class Fingerprints:
    """One of the training and one of the test images."""

    train: str
    test: str


def data_fingerprints(settings: DatasetSettings) -> Fingerprints:
    """The fingerprints of a data set.

    Raises:
        DataError: a file or folder that it names is not there.
    """
    train, test = _CONTENTS[settings.name](settings)
    version = DATASETS[settings.name].version
    return Fingerprints(
        train=key_of("train", [settings.name, version, train, settings.train_limit]),
        test=key_of("test", [settings.name, version, test, settings.test_limit]),
    )


def file_sha256(path: str, what: str) -> str:
    """SHA-256 of a file's bytes. Raises: DataError with ``what`` the file should have been."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{what}: {path}: {error.strerror or error}") from None
    except ValueError as error:  # a null character
        raise DataError(f"{what}: {path!r}: {error}") from None


def parquet_files(patterns: Sequence[str], what: str) -> list[str]:
    """The files behind paths and globs, sorted. Raises: DataError where a pattern finds none."""
    found: list[str] = []
    for pattern in patterns:
        matches = sorted(glob.glob(pattern, recursive=True))
        if not matches:
            raise DataError(f"{what}: {pattern}: no such file")
        found += matches
    return found


def image_files(folder: str, what: str) -> list[tuple[str, Path]]:
    """(class, file) for every image below ``folder``/CLASS, sorted by class and path.

    Raises:
        DataError: there is no such folder, or no image in a class folder below it.
    """
    root = Path(folder)
    if not root.is_dir():
        raise DataError(f"{what}: {folder}: no such folder")
    classes = sorted(entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    found = [
        (entry.name, path)
        for entry in classes
        for path in sorted(entry.rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES
    ]
    if not found:
        raise DataError(f"{what}: {folder}: no image in it; it should hold a folder of images for each class")
    return found


def _digits(settings: Digits) -> tuple[Any, Any]:
    # Bundled with scikit-learn and never changed: size and split are all that can differ.
    return settings.size, settings.size


def _cifar10(settings: Cifar10) -> tuple[Any, Any]:
    return CIFAR10_MD5, CIFAR10_MD5


def _image_parquet(settings: ImageParquet) -> tuple[Any, Any]:
    def contents(patterns: Sequence[str], what: str) -> Any:
        return [settings.classes, [file_sha256(path, what) for path in parquet_files(patterns, what)]]

    return contents(settings.train, "dataset.train"), contents(settings.test, "dataset.test")


def _image_folder(settings: ImageFolder) -> tuple[Any, Any]:
    def contents(folder: str, what: str) -> Any:
        return _hash_images(image_files(folder, what), what)

    return contents(settings.train, "dataset.train"), contents(settings.test, "dataset.test")


def _hash_images(images: Iterable[tuple[str, Path]], what: str) -> str:
    return key_of("images", [[name, path.name, file_sha256(str(path), what)] for name, path in images])


_CONTENTS: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "digits": _digits,
    "cifar10": _cifar10,
    "image_parquet": _image_parquet,
    "image_folder": _image_folder,
}
