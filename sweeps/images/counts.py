"""The numbers of training and test images of each data set, as far as they are known without opening an image."""

from collections.abc import Sequence

from prunesweep.sweeps.datasets import DatasetSettings, ImageFolder, Imagenet, ImageParquet
from prunesweep.sweeps.images.class_folders import class_images, image_files, is_folder
from prunesweep.sweeps.images.parquet_files import count_rows, parquet_files

SplitSizes = tuple[int | None, int | None]
"""The number of training images and the number of test images; each is None if it is unknown."""


def digits_sizes(settings: DatasetSettings) -> SplitSizes:
    """Return the split sizes of scikit-learn's digits; a fifth of the 1,797 images are test images."""
    return 1437, 360


def cifar_sizes(settings: DatasetSettings) -> SplitSizes:
    """Return the split sizes of CIFAR-10 and CIFAR-100."""
    return 50_000, 10_000


def image_parquet_sizes(settings: ImageParquet) -> SplitSizes:
    """Return the split sizes of image-Parquet files, from their footers."""
    return _count_parquet_images(settings.train, "dataset.train"), _count_parquet_images(settings.test, "dataset.test")


def image_folder_sizes(settings: ImageFolder) -> SplitSizes:
    """Return the split sizes of class folders, by counting files."""
    return len(image_files(settings.train, "dataset.train")), len(image_files(settings.test, "dataset.test"))


def imagenet_sizes(settings: Imagenet) -> SplitSizes:
    """Return the size of each split that has a limit, by counting files or from the footers of shards.

    Files are counted only until there are more than the limit, so a size above the limit is a lower bound. The size of
    a split without a limit is None.
    """
    train = _count_up_to_limit(settings.train, "dataset.train", settings.train_limit)
    return train, _count_up_to_limit(settings.test, "dataset.test", settings.test_limit)


def _count_up_to_limit(paths: Sequence[str], key_path: str, limit: int | None) -> int | None:
    """Count the images of a split; None without a limit. In class folders, counting stops once it exceeds ``limit``."""
    if limit is None:
        return None
    if not is_folder(paths):
        return _count_parquet_images(paths, key_path)
    count = 0
    for _, images in class_images(paths[0], key_path):
        count += len(images)
        if count > limit:  # there may be over a million
            break
    return count


def _count_parquet_images(paths: Sequence[str], key_path: str) -> int | None:
    """Count the rows of the Parquet files of a split; None if a file's footer cannot be read."""
    return count_rows(parquet_files(paths, key_path))
