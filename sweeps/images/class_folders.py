"""Which files below a folder of class folders are images: one rule for every reader of class folders.

Every folder directly in it, unless hidden, is a class, and every image in a class folder, at any depth, belongs to the
class. Files and folders whose names begin with a dot are hidden (``.ipynb_checkpoints``, ``._0000.png``), as are
the folders ``SYSTEM_FOLDERS``. Symbolic links are followed.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.parquet_files import SPLITS
from prunesweep.sweeps.words import listed

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff"})
SYSTEM_FOLDERS = frozenset({"__MACOSX", "@eaDir"})  # of macOS in archives, and of Synology's thumbnails
SPLIT_WORDS = frozenset(word for words in SPLITS.values() for word in words)
NO_IMAGE = "contains no image; it should contain one folder of images for each class"
_ImageEntry = tuple[tuple[str, ...], "os.DirEntry[str]"]
"""The parts of an image's path below its class folder, and its directory entry."""


def image_files(folder: str, key_path: str) -> list[tuple[str, Path]]:
    """Return (class name, path) of every image below ``folder``/CLASS, sorted by class and path.

    An unreadable folder or a broken link raises ``DataError`` too.

    Args:
        folder: the folder that holds the class folders.
        key_path: the setting that names the folder, such as ``dataset.train``; error messages begin with it.

    Raises:
        DataError: the folder is missing, or no class folder contains an image.
    """
    if not Path(folder).is_dir():
        raise DataError(f"{key_path}: {folder}: no such folder")
    no_image = f"{key_path}: {folder}: {NO_IMAGE}"
    classes = _classes(folder, key_path, no_image)
    files = [(name, Path(folder, name, *parts)) for name, images in classes for parts, _ in _in_order(images)]
    if not files:
        raise DataError(no_image)
    return files


def class_images(folder: str, key_path: str) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """Yield every class with its images, all sorted by name; class folders without an image are left out.

    Args:
        folder: the folder that holds the class folders.
        key_path: the setting that names the folder, such as ``dataset.train``; error messages begin with it.

    Yields:
        The class name, and for each image its path below the class folder (with ``/``) and its size in bytes.

    Raises:
        DataError: a folder is missing or cannot be read, a link is broken, or no class folder contains an image.
    """
    no_image = f"{key_path}: {folder}: {NO_IMAGE} (to use Parquet shards, give a glob)"
    is_empty = True
    for name, images in _classes(folder, key_path, no_image):
        is_empty = False
        try:
            yield name, [("/".join(parts), entry.stat().st_size) for parts, entry in _in_order(images)]
        except OSError as error:
            raise DataError(_unreadable(key_path, folder, error)) from None
    if is_empty:
        raise DataError(no_image)


def is_folder(paths: Sequence[str]) -> bool:
    """Return whether the paths of a split are one folder of class folders, as opposed to Parquet shards."""
    return len(paths) == 1 and Path(paths[0]).is_dir()


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name is ignored, together with everything in it."""
    return name.startswith(".") or name in SYSTEM_FOLDERS


def _in_order(images: list[_ImageEntry]) -> list[_ImageEntry]:
    """Return images sorted by their paths, which are compared part by part."""
    return sorted(images, key=lambda image: image[0])


def _classes(folder: str, key_path: str, no_image: str) -> Iterator[tuple[str, list[_ImageEntry]]]:
    """Yield the name and the images of each class folder that has any, sorted by class name.

    A broken link, or splits such as ``train`` and ``test`` in place of class folders, raises ``DataError`` too.

    Args:
        folder: the folder that holds the class folders.
        key_path: the setting that names the folder.
        no_image: the beginning of the error message for splits in place of class folders.

    Raises:
        DataError: a folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if not is_hidden(entry.name) and _is_folder(entry, key_path))
        listings = ((name, list(_images_below(os.path.join(folder, name), key_path, (folder,)))) for name in names)
        classes: Iterable[tuple[str, list[_ImageEntry]]] = ((name, images) for name, images in listings if images)
        if any(name.lower() in SPLIT_WORDS for name in names):  # rare; the check needs all classes in memory
            classes = list(classes)
            _check_no_splits(classes, no_image)
        yield from classes
    except OSError as error:
        raise DataError(_unreadable(key_path, folder, error)) from None


def _check_no_splits(classes: Sequence[tuple[str, list[_ImageEntry]]], no_image: str) -> None:
    """Check that the supposed classes are not the splits of a data set, with class folders inside.

    Raises:
        DataError: the classes are splits; the message begins with ``no_image``.
    """
    has_direct_images = any(len(parts) == 1 for _, images in classes for parts, _ in images)
    names = [name for name, _ in classes]
    if names and not has_direct_images and all(name.lower() in SPLIT_WORDS for name in names):
        splits = f"{listed(names)} in it {'is a split' if len(names) == 1 else 'are splits'}"
        raise DataError(f"{no_image}; {splits}: give the path of one split")


def _images_below(folder: str, key_path: str, ancestors: tuple[str, ...]) -> Iterator[_ImageEntry]:
    """Yield the images in a folder and in all folders below it.

    Args:
        folder: the folder to search.
        key_path: the setting that names the data set's folder.
        ancestors: the folders that the search has passed through to reach ``folder``.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if _is_folder(entry, key_path):
                if not _leads_back(entry, (*ancestors, folder)):
                    below = _images_below(entry.path, key_path, (*ancestors, folder))
                    yield from (((entry.name, *parts), image) for parts, image in below)
            elif _suffix(entry.name) in IMAGE_SUFFIXES and entry.is_file():
                yield (entry.name,), entry


def _is_folder(entry: "os.DirEntry[str]", key_path: str) -> bool:
    """Return whether an entry is a folder or a link to one.

    Raises:
        DataError: the entry is a broken link whose name has no suffix, like a folder, or the suffix of an image.
    """
    if entry.is_dir():
        return True
    if entry.is_symlink() and not os.path.exists(entry.path) and _suffix(entry.name) in {"", *IMAGE_SUFFIXES}:
        raise DataError(f"{key_path}: {entry.path}: is a broken link; repair it or remove it")
    return False


def _leads_back(entry: "os.DirEntry[str]", ancestors: tuple[str, ...]) -> bool:
    """Return whether a folder is a link to one of its ancestors, so that a search through it would never end."""
    return entry.is_symlink() and any(os.path.samefile(entry.path, folder) for folder in ancestors)


def _suffix(name: str) -> str:
    """Return the suffix of a file name, with its dot, in lower case."""
    return os.path.splitext(name)[1].lower()


def _unreadable(key_path: str, folder: str, error: OSError) -> str:
    """Return the error message for a file or folder below ``folder`` that cannot be read."""
    return f"{key_path}: {error.filename or folder}: {error.strerror or error}"
