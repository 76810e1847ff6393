"""A data set as a trial uses it, and the checks that every reader shares."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from prunesweep.sweeps.catalogue import DATASETS, resolve
from prunesweep.sweeps.datasets import MINIMUM_SIDE, DatasetSettings
from prunesweep.sweeps.errors import DataError
from prunesweep.workers.data.split import Channels, LabelledImages, Split

__all__ = ["Dataset", "LabelledImages", "Split", "check_labels", "make_dataset"]


@dataclass(frozen=True)
class Dataset:
    """The training and the test images of ``len(classes)`` classes.

    ``settings`` are those of a data set that is streamed: other processes open it by them.
    """

    name: str
    train: LabelledImages
    test: LabelledImages
    classes: tuple[str, ...]
    settings: DatasetSettings | None = None

    @property
    def side(self) -> int:
        """Height and width of the images in pixels."""
        return self.train.side

    @property
    def device(self) -> torch.device:
        return self.train.device

    def to(self, device: torch.device) -> "Dataset":
        """The same data set with its pixels on ``device``."""
        return replace(self, train=self.train.to(device), test=self.test.to(device))

    def channel_statistics(self) -> tuple[Channels, Channels]:
        """Mean and standard deviation of each channel of the training images, in [0, 1], to normalise by."""
        return self.train.channel_statistics()

    def arrays(self) -> dict[str, Any]:
        """The data set as it goes to other processes: plain arrays, without a copy; where streamed, its settings."""
        if self.settings is not None:
            return {"settings": self.settings}
        splits = {"train": self.train, "test": self.test}
        pixels = {name: (split.read(slice(None)).numpy(), split.labels.numpy()) for name, split in splits.items()}
        return {"name": self.name, "classes": self.classes, **pixels}

    @staticmethod
    def from_arrays(arrays: Mapping[str, Any]) -> "Dataset":
        """What ``arrays`` gave; the pixels are shared and not copied.

        Raises:
            DataError: a streamed data set does not lie on this machine, or not where it lay on the first.
        """
        if "settings" in arrays:
            settings: DatasetSettings = arrays["settings"]
            opened: Dataset = resolve(DATASETS[settings.name].code)(settings)
            return opened
        with warnings.catch_warnings():  # shared memory is read-only, and nothing here writes to pixels
            warnings.filterwarnings("ignore", message=".*not writable.*")
            train, test = (Split(*(torch.from_numpy(array) for array in arrays[name])) for name in ("train", "test"))
        return Dataset(arrays["name"], train, test, tuple(arrays["classes"]))


def make_dataset(
    settings: DatasetSettings,
    train: tuple[NDArray[np.uint8], NDArray[np.int64]],
    test: tuple[NDArray[np.uint8], NDArray[np.int64]],
    classes: Sequence[str],
) -> Dataset:
    """Checks what a reader read, (N, H, W, 3) pixels and (N,) labels, and makes the data set.

    Raises:
        DataError: images that are not square, too small or of unequal sizes in train and test; labels out of range.
    """
    check_labels(settings.name, train[1], test[1], len(classes))
    for what, (images, _) in {"training": train, "test": test}.items():
        _check_images(settings.name, what, images)
    if train[0].shape[1:] != test[0].shape[1:]:
        raise DataError(
            f"{settings.name}: training images are {_size(train[0])} pixels and test images {_size(test[0])}; "
            "all must be of one size"
        )
    return Dataset(
        settings.name,
        _split(train, settings.train_limit),
        _split(test, settings.test_limit),
        tuple(classes),
    )


def check_labels(name: str, train: NDArray[Any], test: NDArray[Any], classes: int) -> None:
    """Checks the labels (N,) of both splits.

    Raises:
        DataError: fewer than two images or classes, or a label that is not in [0, ``classes``).
    """
    for what, labels in {"training": train, "test": test}.items():
        if len(labels) < 2:
            raise DataError(f"{name}: {len(labels)} {what} images; there must be at least two")
        wrong = np.flatnonzero((labels < 0) | (labels >= classes))
        if len(wrong):
            raise DataError(
                f"{name}: {what} image {wrong[0]} has label {labels[wrong[0]]}; "
                f"with {classes} classes labels run from 0 to {classes - 1}"
            )
    if classes < 2:
        raise DataError(f"{name}: there must be at least two classes, not {classes}")


def _check_images(name: str, what: str, images: NDArray[Any]) -> None:
    height, width = images.shape[1:3]
    if height != width or height < MINIMUM_SIDE:
        raise DataError(f"{name}: {what} images are {_size(images)} pixels; squares from {MINIMUM_SIDE} up are needed")


def _size(images: NDArray[Any]) -> str:
    return f"{images.shape[1]} × {images.shape[2]}"


def _split(pixels: tuple[NDArray[np.uint8], NDArray[np.int64]], limit: int | None) -> Split:
    images, labels = pixels
    return Split(
        torch.from_numpy(np.ascontiguousarray(images[:limit].transpose(0, 3, 1, 2))),
        torch.from_numpy(np.ascontiguousarray(labels[:limit], dtype=np.int64)),
    )
