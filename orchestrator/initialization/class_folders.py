"""Data sets in class folders: a folder with one folder per split, each with one folder of images per class."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prunesweep.orchestrator.initialization.found_data import FoundData, ImageSize, reader_settings
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.class_folders import NO_IMAGE, class_images, is_hidden
from prunesweep.sweeps.images.parquet_files import SPLITS
from prunesweep.sweeps.images.samples import sample_evenly, sample_names

SAMPLED_IMAGES, SAMPLED_PER_CLASS = 200, 20  # images whose size is read


@dataclass(frozen=True)
class ClassFolderSplit:
    """The images of one split.

    Attributes:
        folder: the folder with the class folders.
        classes: the names of the classes.
        images: the number of images.
        sample: the paths of some images of every class.
    """

    folder: Path
    classes: frozenset[str]
    images: int
    sample: tuple[str, ...]


def find_class_folders(folder: Path, name: str) -> FoundData | None:
    """Return the data set whose splits are folders directly in a folder, or None if there are none.

    A folder ``test`` without class folders, as that of ImageNet, does not count, because its labels are unknown.

    Args:
        folder: the folder that may have the folders of the splits.
        name: a short name for the data set.

    Raises:
        DataError: there is only one of the two splits, or test images are of a class without training images.
    """
    splits = {split: read for split, path in _split_folders(folder) if (read := _read_split(path)) is not None}
    if not splits:
        return None
    train, test = splits.get("train"), splits.get("test") or splits.get("validation")
    if train is None or test is None:
        present = next(iter(splits.values())).folder
        missing = "training images in a folder train" if train is None else "test images in a folder test or val"
        raise DataError(f"{folder}: has class folders in {present.name}, but no {missing}")
    unknown = sorted(test.classes - train.classes)
    if unknown:
        raise DataError(f"{test.folder}: class {unknown[0]!r} is not in the training images ({train.folder})")
    sizes = list(_image_sizes(sample_names([*train.sample, *test.sample], SAMPLED_IMAGES)))
    settings, side = reader_settings("image_folder", sizes, train.images + test.images)
    return FoundData(
        name=name,
        settings={**settings, "train": str(train.folder), "test": str(test.folder)},
        train_images=train.images,
        test_images=test.images,
        classes=len(train.classes),
        side=side,
        kind=f"class folders in {train.folder} and {test.folder}",
        notes=_notes(splits, test),
    )


def _notes(splits: dict[str, ClassFolderSplit], test: ClassFolderSplit) -> tuple[str, ...]:
    """Return a sentence about the split that is not used, if there is one."""
    validation = splits.get("validation")
    if validation is None or validation is test:
        return ()
    return (f"{validation.folder} is not used: networks are chosen on half of the test images.",)


def _split_folders(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the split and the path of each folder that is named like a split: ``train``, ``test``, ``validation``."""
    for path in sorted(folder.iterdir()):
        for split, words in SPLITS.items():
            if path.name.lower() in words and path.is_dir() and not is_hidden(path.name):
                yield split, path


def _read_split(folder: Path) -> ClassFolderSplit | None:
    """List the images of a split; None if it has no class folder with an image.

    Raises:
        DataError: a folder cannot be read, or a link is broken.
    """
    classes: set[str] = set()
    images, sample = 0, []
    try:
        for class_name, listing in class_images(str(folder), str(folder)):
            classes.add(class_name)
            images += len(listing)
            sample += [str(folder / class_name / path) for path, _ in sample_evenly(listing, SAMPLED_PER_CLASS)]
    except DataError as error:
        if NO_IMAGE in str(error):
            return None
        raise
    return ClassFolderSplit(folder, frozenset(classes), images, tuple(sample))


def _image_sizes(paths: list[str]) -> Iterator[ImageSize]:
    """Yield the size of each image, of which only the header is read.

    Raises:
        DataError: a file is not an image.
    """
    from PIL import Image

    for path in paths:
        try:
            with Image.open(path) as image:
                yield image.size
        except OSError as error:
            raise DataError(f"{path}: cannot be decoded: {error}") from None
