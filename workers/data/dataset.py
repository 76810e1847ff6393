"""A data set as a trial uses it: all pixels as one uint8 tensor on the trial's device."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sweeps.datasets import MINIMUM_SIDE, DatasetSettings
from sweeps.errors import DataError

# The halves are drawn once for each number of test images, and never again: see ``selection_half``.
_HALVES_SEED = 20210702


@dataclass(frozen=True)
class Split:
    """``images``: uint8 (N, 3, H, W) with H == W; ``labels``: int64 (N,) in [0, classes)."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: torch.device) -> "Split":
        return Split(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Dataset:
    """The training and the test images of ``len(classes)`` classes."""

    name: str
    train: Split
    test: Split
    classes: tuple[str, ...]

    @property
    def side(self) -> int:
        """Height and width of the images in pixels."""
        return int(self.train.images.shape[-1])

    @property
    def device(self) -> torch.device:
        return self.train.images.device

    def to(self, device: torch.device) -> "Dataset":
        """The same data set with its pixels on ``device``."""
        return Dataset(self.name, self.train.to(device), self.test.to(device), self.classes)

    def channel_statistics(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """Mean and standard deviation of each channel of the training images, in [0, 1], to four decimals.

        From the histogram of the levels, so that it is exact and the same everywhere.
        """
        levels = np.arange(256) / 255
        means, deviations = [], []
        for channel in range(3):
            pixels = self.train.images[:, channel].flatten().cpu().numpy()
            share = np.bincount(pixels, minlength=256) / pixels.size
            mean = float(share @ levels)
            means.append(round(mean, 4))
            deviations.append(max(round(float(np.sqrt(share @ (levels - mean) ** 2)), 4), 1e-4))
        return (means[0], means[1], means[2]), (deviations[0], deviations[1], deviations[2])

    def arrays(self) -> dict[str, Any]:
        """The data set as plain arrays, as they go to other processes without a copy."""
        splits = {"train": self.train, "test": self.test}
        pixels = {name: (split.images.numpy(), split.labels.numpy()) for name, split in splits.items()}
        return {"name": self.name, "classes": self.classes, **pixels}

    @staticmethod
    def from_arrays(arrays: Mapping[str, Any]) -> "Dataset":
        """What ``arrays`` gave; the pixels are shared and not copied."""
        with warnings.catch_warnings():  # shared memory is read-only, and nothing here writes to pixels
            warnings.filterwarnings("ignore", message=".*not writable.*")
            train, test = (Split(*(torch.from_numpy(array) for array in arrays[name])) for name in ("train", "test"))
        return Dataset(arrays["name"], train, test, tuple(arrays["classes"]))


def selection_half(images: int) -> NDArray[np.bool_]:
    """Which test images are for choosing, bool (images,); the others are for reporting.

    It depends on the number of test images alone: the same half for every trial, seed and sweep.
    """
    order = np.random.Generator(np.random.PCG64(_HALVES_SEED)).permutation(images)
    chosen = np.zeros(images, dtype=bool)
    chosen[order[: images // 2]] = True
    return chosen


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
    for what, (images, labels) in {"training": train, "test": test}.items():
        _check(settings.name, what, images, labels, len(classes))
    if len(classes) < 2:
        raise DataError(f"{settings.name}: there must be at least two classes, not {len(classes)}")
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


def _check(name: str, what: str, images: NDArray[Any], labels: NDArray[Any], classes: int) -> None:
    if len(images) < 2:
        raise DataError(f"{name}: {len(images)} {what} images; there must be at least two")
    height, width = images.shape[1:3]
    if height != width or height < MINIMUM_SIDE:
        raise DataError(f"{name}: {what} images are {_size(images)} pixels; squares from {MINIMUM_SIDE} up are needed")
    wrong = np.flatnonzero((labels < 0) | (labels >= classes))
    if len(wrong):
        raise DataError(
            f"{name}: {what} image {wrong[0]} has label {labels[wrong[0]]}; "
            f"with {classes} classes labels run from 0 to {classes - 1}"
        )


def _size(images: NDArray[Any]) -> str:
    return f"{images.shape[1]} × {images.shape[2]}"


def _split(pixels: tuple[NDArray[np.uint8], NDArray[np.int64]], limit: int | None) -> Split:
    images, labels = pixels
    return Split(
        torch.from_numpy(np.ascontiguousarray(images[:limit].transpose(0, 3, 1, 2))),
        torch.from_numpy(np.ascontiguousarray(labels[:limit], dtype=np.int64)),
    )
