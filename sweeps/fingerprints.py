"""Fingerprints: what a data set or a weights file holds, as a hash of its bytes, whatever its path is.

They are taken without decoding an image, so that a plan can name its trials at once; only images that earlier versions
may have decoded otherwise are opened (``decoding_marks``). Reading the 150 GB of ``imagenet`` at every plan would take
too long: there, a fingerprint is taken of the files' names and sizes and, of Parquet shards, of their footers, which
hold the number of rows, the sizes and the statistics of every column. So an image in a class folder that is overwritten
by another of the same name and the same number of bytes is not noticed. Nor are images that earlier versions decoded
otherwise, where they are fewer than about one in three hundred of more than a thousand: that many are looked at.
"""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prunesweep.sweeps.catalogue import DATASETS, resolve
from prunesweep.sweeps.datasets import Cifar10, Cifar100, DatasetSettings, Digits, ImageFolder, Imagenet, ImageParquet
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.class_folders import class_images, image_files, is_folder
from prunesweep.sweeps.images.class_names import Names, differs, merge_names, renumbering
from prunesweep.sweeps.images.decoding_marks import DECODED_SAMPLE, marks, parquet_images, sampled_parquet_images
from prunesweep.sweeps.images.parquet_files import noted_names, parquet_files, why_no_parquet
from prunesweep.sweeps.images.samples import sampled
from prunesweep.sweeps.keys import key_of
from prunesweep.sweeps.pretrained import find_pretrained

# The MD5s of the archives, as their authors publish them; torchvision checks the unpacked files against theirs.
CIFAR10_MD5 = "c58f30108f718f92721af3b95e74349a"
CIFAR100_MD5 = "eb9058c3a382ffc7106e4002c42a8d85"
LIMIT_RULE = "evenly over the classes"


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
    entry = DATASETS[settings.name]
    train, test = resolve(entry.contents)(settings)
    limited = settings.train_limit is not None or settings.test_limit is not None
    images = resolve(entry.images)(settings) if limited and entry.images else (None, None)
    return Fingerprints(
        train=key_of("train", [settings.name, entry.version, train, *_limit(settings.train_limit, images[0])]),
        test=key_of("test", [settings.name, entry.version, test, *_limit(settings.test_limit, images[1])]),
    )


def _limit(limit: int | None, images: int | None) -> list[Any]:
    """A limit, and how it chooses where there may be more ``images``; earlier versions took the first ones."""
    return [limit] if limit is None or (images is not None and images <= limit) else [limit, LIMIT_RULE]


def sample_fingerprint(test: str, images: int) -> str:
    """The fingerprint of ``images`` of the test images with the fingerprint ``test``, chosen as a limit does."""
    return key_of("sample", [test, images, LIMIT_RULE])


def file_sha256(path: str, what: str) -> str:
    """SHA-256 of a file's bytes. Raises: DataError with ``what`` the file should have been."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{what}: {path}: {error.strerror or error}") from None
    except ValueError as error:  # a null character
        raise DataError(f"{what}: {path!r}: {error}") from None


def weights_fingerprint(weights: str, what: str = "baseline.weights") -> str:
    """SHA-256 of a weights file's bytes; of a pretrained network's name, the beginning of it that is published.

    Raises:
        DataError: the file cannot be read, with ``what`` it should have been; or the name is not known.
    """
    pretrained = find_pretrained(weights)
    return file_sha256(weights, what) if pretrained is None else pretrained.sha256_prefix


def digits_contents(settings: Digits) -> tuple[Any, Any]:
    """Return the images' size: they come with scikit-learn and never change."""
    return settings.size, settings.size


def cifar10_contents(settings: Cifar10) -> tuple[Any, Any]:
    """Return the published MD5 of CIFAR-10's archive."""
    return CIFAR10_MD5, CIFAR10_MD5


def cifar100_contents(settings: Cifar100) -> tuple[Any, Any]:
    """Return the published MD5 of CIFAR-100's archive."""
    return CIFAR100_MD5, CIFAR100_MD5


def image_parquet_contents(settings: ImageParquet) -> tuple[Any, Any]:
    """Return the SHA-256 of every file, in the order of their names, and how labels are renumbered where they are.

    Raises:
        DataError: a file is missing, or class names cannot be matched.
    """
    train, test = parquet_files(settings.train, "dataset.train"), parquet_files(settings.test, "dataset.test")
    names = _renumbered(train, test)

    def contents(files: Sequence[str], what: str, renumbered: list[Any]) -> Any:
        hashes = [file_sha256(path, what) for path in files]
        return [settings.classes, hashes, *renumbered, *marks(parquet_images(files))]

    return contents(train, "dataset.train", names[0]), contents(test, "dataset.test", names[1])


def _renumbered(train: Sequence[str], test: Sequence[str]) -> tuple[list[Any], list[Any]]:
    """What is noted of each split's labels: nothing where no file numbers its classes otherwise than the first one."""
    noted = [{file: noted_names(file) for file in files} for files in (train, test)]
    classes = merge_names(noted[0])
    tables = [[_table(file, names, classes) for file, names in of_split.items()] for of_split in noted]
    of_train, of_test = ([{"labels": found}] if any(found) else [] for found in tables)
    return of_train, of_test


def _table(file: str, names: Names, classes: Names) -> list[int] | None:
    return renumbering(file, names, classes) if differs(names, classes) else None


def image_folder_contents(settings: ImageFolder) -> tuple[Any, Any]:
    """Return a hash of every image's class, name and bytes. Raises: DataError where a folder holds no image."""

    def contents(folder: str, what: str) -> Any:
        return _hash_images(image_files(folder, what), what)

    return contents(settings.train, "dataset.train"), contents(settings.test, "dataset.test")


def _hash_images(images: Iterable[tuple[str, Path]], what: str) -> str:
    return key_of("images", [[name, path.name, *_content(path, what)] for name, path in images])


def _content(path: Path, what: str) -> list[Any]:
    """SHA-256 of an image's bytes, and a mark where earlier versions decoded it otherwise."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{what}: {path}: {error.strerror or error}") from None
    return [hashlib.sha256(content).hexdigest(), *marks([content])]


def imagenet_contents(settings: Imagenet) -> tuple[Any, Any]:
    """Return a hash of names, sizes and Parquet footers: the images themselves would take too long to read."""
    view = [settings.size, settings.resized]
    train, test = _outline(settings.train, "dataset.train"), _outline(settings.test, "dataset.test")
    if is_folder(settings.train):  # whose images are mixed as a whole, and whose number of classes is that of folders
        return [*view, *train], [*view, *test]
    names: tuple[list[Any], list[Any]] = ([], [])
    if not is_folder(settings.test):
        files = ((settings.train, "dataset.train"), (settings.test, "dataset.test"))
        names = _renumbered(*(parquet_files(paths, what) for paths, what in files))
    train_contents = [settings.classes, *view, settings.shuffle_window, *train, *names[0]]
    return train_contents, [settings.classes, *view, *test, *names[1]]


def _outline(paths: Sequence[str], what: str) -> list[Any]:
    """A hash of what can be known without reading the images; a mark where earlier versions decoded some otherwise."""
    if is_folder(paths):
        return _folder_outline(paths[0], what)
    files = parquet_files(paths, what)
    digest = hashlib.sha256()
    for path in files:
        digest.update(key_of("files", _shard_outline(path, what)).encode())
    return [digest.hexdigest(), *marks(sampled_parquet_images(files))]


def _folder_outline(folder: str, what: str) -> list[Any]:
    digest = hashlib.sha256()

    def names() -> Iterator[str]:
        for part in class_images(folder, what):  # a class at a time: there are over a million images
            digest.update(key_of("files", part).encode())
            yield from (f"{part[0]}/{image}" for image, _ in part[1])

    looked_at = sampled(names(), DECODED_SAMPLE)
    return [digest.hexdigest(), *marks(_contents(folder, looked_at))]


def _contents(folder: str, names: Iterable[str]) -> Iterator[bytes]:
    for name in names:
        with suppress(OSError):  # the reader says what is wrong with it
            yield Path(folder, name).read_bytes()


def _shard_outline(path: str, what: str) -> list[Any]:
    """A Parquet file's name, its bytes, and the SHA-256 of its footer: its last bytes are the length and ``PAR1``."""
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            file.seek(max(0, size - 8))
            length, magic = int.from_bytes(file.read(4), "little"), file.read(4)
            if magic != b"PAR1" or length + 12 > size:
                raise DataError(f"{what}: {path}: {why_no_parquet(path)}")
            file.seek(size - 8 - length)
            footer = file.read(length)
    except OSError as error:
        raise DataError(f"{what}: {path}: {error.strerror or error}") from None
    return [os.path.basename(path), size, hashlib.sha256(footer).hexdigest()]
