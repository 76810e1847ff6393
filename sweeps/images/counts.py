"""How many images a split holds, as far as that is known without opening one; None where it is not."""

from collections.abc import Sequence

from prunesweep.sweeps.datasets import DatasetSettings, ImageFolder, Imagenet, ImageParquet
from prunesweep.sweeps.images.class_folders import class_images, image_files, is_folder
from prunesweep.sweeps.images.parquet_files import parquet_files, rows_of

SplitSizes = tuple[int | None, int | None]
"""Of training and of test images."""


def digits(settings: DatasetSettings) -> SplitSizes:
    """Return those of scikit-learn's digits, a fifth of which are test images."""
    return 1437, 360


def cifar(settings: DatasetSettings) -> SplitSizes:
    """Return those of CIFAR-10 and CIFAR-100."""
    return 50_000, 10_000


def image_parquet(settings: ImageParquet) -> SplitSizes:
    """Return what the files' footers say."""
    return _rows(settings.train, "dataset.train"), _rows(settings.test, "dataset.test")


def image_folder(settings: ImageFolder) -> SplitSizes:
    """Return the numbers of files."""
    return len(image_files(settings.train, "dataset.train")), len(image_files(settings.test, "dataset.test"))


def imagenet(settings: Imagenet) -> SplitSizes:
    """Return the numbers of files, or what the shards' footers say; of folders, one more than a limit is enough."""
    train = _outlined(settings.train, "dataset.train", settings.train_limit)
    return train, _outlined(settings.test, "dataset.test", settings.test_limit)


def _outlined(paths: Sequence[str], what: str, limit: int | None) -> int | None:
    if limit is None:
        return None
    if not is_folder(paths):
        return _rows(paths, what)
    count = 0
    for _, images in class_images(paths[0], what):
        count += len(images)
        if count > limit:  # there may be over a million
            break
    return count


def _rows(paths: Sequence[str], what: str) -> int | None:
    return rows_of(parquet_files(paths, what))
