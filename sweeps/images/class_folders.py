"""Which files below a folder of class folders are images: one rule for every reader of class folders.

Every folder in it that is not hidden is a class, and every image below that, at any depth, is of the class. What begins
with a dot is hidden, files and folders alike (``.ipynb_checkpoints``, ``._0000.png``), and so are two folders that
systems make. Links are followed.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.parquet_files import SPLITS
from prunesweep.sweeps.words import listed

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff"})
SYSTEM_FOLDERS = frozenset({"__MACOSX", "@eaDir"})  # macOS's in archives, and thumbnails of Synology's disks
SPLIT_WORDS = frozenset(word for words in SPLITS.values() for word in words)
NO_IMAGE = "no image in it; it should hold a folder of images for each class"
_Found = tuple[tuple[str, ...], "os.DirEntry[str]"]
"""A file, and its path below the folder that was searched, a part a name."""


def image_files(folder: str, what: str) -> list[tuple[str, Path]]:
    """Return (class, file) for every image below ``folder``/CLASS, sorted by class and path.

    Raises:
        DataError: there is no such folder, a folder in it cannot be read, a link leads nowhere, or there is no image in
            a class folder.
    """
    if not Path(folder).is_dir():
        raise DataError(f"{what}: {folder}: no such folder")
    missing = f"{what}: {folder}: {NO_IMAGE}"
    classes = _classes(folder, what, missing)
    found = [(name, Path(folder, name, *parts)) for name, images in classes for parts, _ in _in_order(images)]
    if not found:
        raise DataError(missing)
    return found


def class_images(folder: str, what: str) -> Iterator[tuple[str, list[tuple[str, int]]]]:
    """Yield (class, its images) for every folder ``folder``/CLASS with images, all sorted by name.

    Yields:
        The class's name, and (path below its folder with ``/``, bytes) of each image.

    Raises:
        DataError: as ``image_files`` does.
    """
    missing = f"{what}: {folder}: {NO_IMAGE} (Parquet shards are named by a glob)"
    found = False
    for name, images in _classes(folder, what, missing):
        found = True
        try:
            yield name, [("/".join(parts), entry.stat().st_size) for parts, entry in _in_order(images)]
        except OSError as error:
            raise _unreadable(what, folder, error) from None
    if not found:
        raise DataError(missing)


def is_folder(paths: Sequence[str]) -> bool:
    """Return whether the paths of one split are a folder of class folders, and not Parquet shards."""
    return len(paths) == 1 and Path(paths[0]).is_dir()


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name is left out with all that lies in it."""
    return name.startswith(".") or name in SYSTEM_FOLDERS


def _in_order(images: list[_Found]) -> list[_Found]:
    """Return files in the order of their paths, compared part by part."""
    return sorted(images, key=lambda found: found[0])


def _classes(folder: str, what: str, missing: str) -> Iterator[tuple[str, list[_Found]]]:
    """Yield each class folder's name and images, of those that have any, sorted by name.

    Raises:
        DataError: a folder cannot be read, or, with the line ``missing``, folders are splits in place of classes.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if not is_hidden(entry.name) and _is_folder(entry, what))
        images = ((name, list(_images_below(os.path.join(folder, name), what, (folder,)))) for name in names)
        classes: Iterable[tuple[str, list[_Found]]] = ((name, found) for name, found in images if found)
        if any(name.lower() in SPLIT_WORDS for name in names):  # rarely: then all are held to look at them
            classes = list(classes)
            _check_no_splits(classes, missing)
        yield from classes
    except OSError as error:
        raise _unreadable(what, folder, error) from None


def _check_no_splits(classes: Sequence[tuple[str, list[_Found]]], missing: str) -> None:
    """Check that these are not the splits of a data set, each with class folders in it. Raises: DataError."""
    direct = any(len(parts) == 1 for _, images in classes for parts, _ in images)
    names = [name for name, _ in classes]
    if names and not direct and all(name.lower() in SPLIT_WORDS for name in names):
        raise DataError(
            f"{missing}; {listed(names)} in it {'is a split' if len(names) == 1 else 'are splits'}: name one of them"
        )


def _images_below(folder: str, what: str, above: tuple[str, ...]) -> Iterator[_Found]:
    """Yield the images in a folder and in those in it. ``above``: the folders that it lies in."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if _is_folder(entry, what):
                if not _leads_back(entry, (*above, folder)):
                    below = _images_below(entry.path, what, (*above, folder))
                    yield from (((entry.name, *parts), image) for parts, image in below)
            elif _suffix(entry.name) in IMAGE_SUFFIXES and entry.is_file():
                yield (entry.name,), entry


def _is_folder(entry: "os.DirEntry[str]", what: str) -> bool:
    """Return whether it is a folder. Raises: DataError where it is a link that leads nowhere."""
    if entry.is_dir():
        return True
    if entry.is_symlink() and not os.path.exists(entry.path) and _suffix(entry.name) in {"", *IMAGE_SUFFIXES}:
        raise DataError(f"{what}: {entry.path}: is a link to what is not there; mend it or remove it")
    return False


def _leads_back(entry: "os.DirEntry[str]", above: tuple[str, ...]) -> bool:
    """Return whether a folder is a link to one that it lies in, whose images would have no end."""
    return entry.is_symlink() and any(os.path.samefile(entry.path, folder) for folder in above)


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()


def _unreadable(what: str, folder: str, error: OSError) -> DataError:
    return DataError(f"{what}: {error.filename or folder}: {error.strerror or error}")
