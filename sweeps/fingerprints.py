"""Fingerprints: hashes of the content of data sets and weights files, independent of their paths.

They are computed without decoding images, so that a plan quickly knows its trials' keys. Only images that earlier
versions may have decoded differently are opened (see ``decoding_marks``).

Reading the 150 GB of ``imagenet`` for every plan would take too long, so its fingerprint depends on the files' names
and sizes, and for Parquet shards also on their footers, which hold the number of rows and the sizes and statistics of
every column. Two things may therefore go unnoticed. The first is an image in a class folder that is overwritten by
another image of the same name and the same number of bytes. The second is that earlier versions decoded some images
differently: in a split of more than a thousand images only a thousand are checked for this, so such images may be
missed if they are fewer than about one in three hundred.
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
from prunesweep.sweeps.images.class_names import ClassNames, merge_class_names, needs_renumbering, renumber_labels
from prunesweep.sweeps.images.decoding_marks import (
    DECODED_SAMPLE,
    mark_if_changed,
    read_parquet_images,
    sample_parquet_images,
)
from prunesweep.sweeps.images.parquet_files import explain_unreadable_parquet, parquet_files, read_class_names
from prunesweep.sweeps.images.samples import sample_names
from prunesweep.sweeps.keys import key_of
from prunesweep.sweeps.pretrained import find_pretrained

# The MD5s of the archives that the authors publish; torchvision checks the unpacked files against MD5s of its own.
CIFAR10_MD5 = "c58f30108f718f92721af3b95e74349a"
CIFAR100_MD5 = "eb9058c3a382ffc7106e4002c42a8d85"
LIMIT_RULE = "evenly over the classes"


@dataclass(frozen=True)
class Fingerprints:
    """The fingerprints of a data set.

    Attributes:
        train: the fingerprint of the training images.
        test: the fingerprint of the test images.
    """

    train: str
    test: str


def data_fingerprints(settings: DatasetSettings) -> Fingerprints:
    """Return the fingerprints of a data set.

    A missing or unreadable file or folder raises ``DataError``.
    """
    entry = DATASETS[settings.name]
    train, test = resolve(entry.contents)(settings)
    limited = settings.train_limit is not None or settings.test_limit is not None
    sizes = resolve(entry.split_sizes)(settings) if limited and entry.split_sizes else (None, None)
    return Fingerprints(
        train=key_of("train", [settings.name, entry.version, train, *_limit_content(settings.train_limit, sizes[0])]),
        test=key_of("test", [settings.name, entry.version, test, *_limit_content(settings.test_limit, sizes[1])]),
    )


def _limit_content(limit: int | None, images: int | None) -> list[Any]:
    """Return what a limit on the number of images adds to the fingerprint of a split.

    It is the limit and, if images may be left out, the name of the rule that chooses the images to keep. That name
    keeps the fingerprint distinct from those of earlier versions, which kept the first images.

    Args:
        limit: the number of images to keep, or None for all.
        images: the number of images of the split, or None if unknown.
    """
    return [limit] if limit is None or (images is not None and images <= limit) else [limit, LIMIT_RULE]


def sample_fingerprint(test: str, images: int) -> str:
    """Return the fingerprint of a sample of the test images that is chosen in the same way as by ``test_limit``.

    Args:
        test: the fingerprint of all test images.
        images: the number of images in the sample.
    """
    return key_of("sample", [test, images, LIMIT_RULE])


def file_sha256(path: str, role: str) -> str:
    """Return the SHA-256 of a file's bytes.

    Args:
        path: the file's path.
        role: what the file is used for, such as the setting that names it; error messages begin with this text.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{role}: {path}: {error.strerror or error}") from None
    except ValueError as error:  # the path contains a null character
        raise DataError(f"{role}: {path!r}: {error}") from None


def weights_fingerprint(weights: str, key_path: str = "baseline.weights") -> str:
    """Return the fingerprint of baseline weights: a SHA-256, or the beginning of it that torchvision publishes.

    The whole SHA-256 is computed for a file; the beginning is known for a pretrained network. An unreadable file or an
    unknown name raises ``DataError``.

    Args:
        weights: the path of a weights file, or the name of a pretrained network.
        key_path: the setting that names the weights; error messages begin with this setting.
    """
    pretrained = find_pretrained(weights)
    return file_sha256(weights, key_path) if pretrained is None else pretrained.sha256_prefix


def digits_contents(settings: Digits) -> tuple[Any, Any]:
    """Return the side of the images for each split; the images themselves cannot change: they are in scikit-learn."""
    return settings.size, settings.size


def cifar10_contents(settings: Cifar10) -> tuple[Any, Any]:
    """Return the published MD5 of CIFAR-10's archive for each split."""
    return CIFAR10_MD5, CIFAR10_MD5


def cifar100_contents(settings: Cifar100) -> tuple[Any, Any]:
    """Return the published MD5 of CIFAR-100's archive for each split."""
    return CIFAR100_MD5, CIFAR100_MD5


def image_parquet_contents(settings: ImageParquet) -> tuple[Any, Any]:
    """Return for each split the setting ``classes``, the SHA-256 of every file in order, and any renumbering of labels.

    A mark is added if earlier versions decoded some of the images differently. A missing file, or class names that
    cannot be matched, raises ``DataError``.
    """
    train, test = parquet_files(settings.train, "dataset.train"), parquet_files(settings.test, "dataset.test")
    renumberings = _label_renumberings(train, test)

    def contents(files: Sequence[str], key_path: str, renumbering: list[Any]) -> Any:
        hashes = [file_sha256(path, key_path) for path in files]
        return [settings.classes, hashes, *renumbering, *mark_if_changed(read_parquet_images(files))]

    return contents(train, "dataset.train", renumberings[0]), contents(test, "dataset.test", renumberings[1])


def _label_renumberings(train: Sequence[str], test: Sequence[str]) -> tuple[list[Any], list[Any]]:
    """Return the part of each split's fingerprint that depends on how its labels are renumbered.

    Args:
        train: the Parquet files of the training images.
        test: the Parquet files of the test images.

    Returns:
        For each split a list, which is empty unless some file numbers its classes differently from the data set.
        Otherwise it holds the new class numbers of every file.
    """
    names_by_file = [{file: read_class_names(file) for file in files} for files in (train, test)]
    classes = merge_class_names(names_by_file[0])
    tables = [[_renumbering(file, names, classes) for file, names in split.items()] for split in names_by_file]
    of_train, of_test = ([{"labels": of_files}] if any(of_files) else [] for of_files in tables)
    return of_train, of_test


def _renumbering(file: str, names: ClassNames, classes: ClassNames) -> list[int] | None:
    """Return the class number of each label of a file, or None if its labels need no renumbering."""
    return renumber_labels(file, names, classes) if needs_renumbering(names, classes) else None


def image_folder_contents(settings: ImageFolder) -> tuple[Any, Any]:
    """Return for each split a hash of the class, the name and the bytes of every image.

    A missing folder, or a folder without images, raises ``DataError``.
    """

    def contents(folder: str, key_path: str) -> Any:
        return _hash_images(image_files(folder, key_path), key_path)

    return contents(settings.train, "dataset.train"), contents(settings.test, "dataset.test")


def _hash_images(images: Iterable[tuple[str, Path]], key_path: str) -> str:
    """Return a hash of the class names, file names and contents of images, which are given as (class name, path)."""
    return key_of("images", [[name, path.name, *_image_content(path, key_path)] for name, path in images])


def _image_content(path: Path, key_path: str) -> list[Any]:
    """Return the SHA-256 of an image's bytes, and a mark if earlier versions decoded the image differently.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{key_path}: {path}: {error.strerror or error}") from None
    return [hashlib.sha256(content).hexdigest(), *mark_if_changed([content])]


def imagenet_contents(settings: Imagenet) -> tuple[Any, Any]:
    """Return for each split a hash of file names, file sizes and Parquet footers, with the settings that matter.

    Reading all images for every plan would take too long.
    """
    view = [settings.size, settings.resized_side]
    train, test = _split_outline(settings.train, "dataset.train"), _split_outline(settings.test, "dataset.test")
    if is_folder(settings.train):  # folders are shuffled without a window, and their names are the classes
        return [*view, *train], [*view, *test]
    renumberings: tuple[list[Any], list[Any]] = ([], [])
    if not is_folder(settings.test):
        files = ((settings.train, "dataset.train"), (settings.test, "dataset.test"))
        renumberings = _label_renumberings(*(parquet_files(paths, key_path) for paths, key_path in files))
    train_contents = [settings.classes, *view, settings.shuffle_window, *train, *renumberings[0]]
    return train_contents, [settings.classes, *view, *test, *renumberings[1]]


def _split_outline(paths: Sequence[str], key_path: str) -> list[Any]:
    """Return a hash of the names and sizes of a split's files and, for Parquet shards, of their footers.

    A mark follows the hash if earlier versions decoded some images of the split differently; only a sample is checked.
    """
    if is_folder(paths):
        return _folder_outline(paths[0], key_path)
    files = parquet_files(paths, key_path)
    digest = hashlib.sha256()
    for path in files:
        digest.update(key_of("files", _shard_outline(path, key_path)).encode())
    return [digest.hexdigest(), *mark_if_changed(sample_parquet_images(files))]


def _folder_outline(folder: str, key_path: str) -> list[Any]:
    """Return a hash of the names and sizes of the images in class folders, then any mark as in ``_split_outline``."""
    digest = hashlib.sha256()

    def names() -> Iterator[str]:
        for class_listing in class_images(folder, key_path):  # one class at a time: there are over a million images
            digest.update(key_of("files", class_listing).encode())
            class_name, images = class_listing
            yield from (f"{class_name}/{image}" for image, _ in images)

    sample = sample_names(names(), DECODED_SAMPLE)
    return [digest.hexdigest(), *mark_if_changed(_read_files(folder, sample))]


def _read_files(folder: str, names: Iterable[str]) -> Iterator[bytes]:
    """Yield the content of files in a folder; files that cannot be read are skipped."""
    for name in names:
        with suppress(OSError):  # the data set's reader reports what is wrong with the file
            yield Path(folder, name).read_bytes()


def _shard_outline(path: str, key_path: str) -> list[Any]:
    """Return a Parquet file's name, its size in bytes and the SHA-256 of its footer.

    The file's last 8 bytes are the length of the footer (4 bytes) and ``PAR1``.

    Raises:
        DataError: the file cannot be read or is not a Parquet file.
    """
    try:
        size = os.path.getsize(path)
        with open(path, "rb") as file:
            file.seek(max(0, size - 8))
            length, magic = int.from_bytes(file.read(4), "little"), file.read(4)
            if magic != b"PAR1" or length + 12 > size:
                raise DataError(f"{key_path}: {path}: {explain_unreadable_parquet(path)}")
            file.seek(size - 8 - length)
            footer = file.read(length)
    except OSError as error:
        raise DataError(f"{key_path}: {path}: {error.strerror or error}") from None
    return [os.path.basename(path), size, hashlib.sha256(footer).hexdigest()]
