"""A data set as a trial uses it, and the checks that every reader shares."""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from prunesweep.sweeps.catalogue import DATASETS, resolve
from prunesweep.sweeps.datasets import MINIMUM_SIDE, DatasetSettings
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.words import counted, listed
from prunesweep.workers.data.decoding import OF_ANY_SIZE
from prunesweep.workers.data.labels import unlabelled
from prunesweep.workers.data.limits import ImageSubset, choose
from prunesweep.workers.data.overlap import check_paths_apart, check_pixels_apart
from prunesweep.workers.data.split import ChannelValues, LabelledImages, Split
from prunesweep.workers.data.variation import check_variation

__all__ = ["Dataset", "LabelledImages", "Split", "check_labels", "make_dataset"]


@dataclass(frozen=True)
class Dataset:
    """The training and the test images of ``len(classes)`` classes.

    ``settings`` are those of a data set that is streamed: other processes open it by them. ``notes``: what the user
    should know of it, a line each; they stay in this process.
    """

    name: str
    train: LabelledImages
    test: LabelledImages
    classes: tuple[str, ...]
    settings: DatasetSettings | None = None
    notes: tuple[str, ...] = ()

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

    def channel_statistics(self) -> tuple[ChannelValues, ChannelValues]:
        """Mean and standard deviation of each channel of the training images, in [0, 1], to normalise by."""
        return self.train.channel_statistics()

    def arrays(self) -> dict[str, Any]:
        """The data set as it goes to other processes: plain arrays, without a copy; where streamed, its settings."""
        if self.settings is not None:
            return {"settings": self.settings}
        splits = {"train": self.train, "test": self.test}
        pixels = {name: (split.read(slice(None)).numpy(), split.labels.numpy()) for name, split in splits.items()}
        chosen = {name: split.chosen for name, split in splits.items()}
        return {"name": self.name, "classes": self.classes, "chosen": chosen, **pixels}

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
            train, test = (_from_arrays(arrays[name], arrays["chosen"][name]) for name in ("train", "test"))
        return Dataset(arrays["name"], train, test, tuple(arrays["classes"]))


def _from_arrays(arrays: tuple[NDArray[np.uint8], NDArray[np.int64]], chosen: ImageSubset | None) -> Split:
    images, labels = map(torch.from_numpy, arrays)
    return Split(images, labels, chosen)


def make_dataset(
    settings: DatasetSettings,
    train: tuple[NDArray[np.uint8], NDArray[np.int64]],
    test: tuple[NDArray[np.uint8], NDArray[np.int64]],
    classes: Sequence[str],
    notes: Sequence[str] = (),
    paths: tuple[Iterable[str], Iterable[str]] = ((), ()),
) -> Dataset:
    """Checks what a reader read, (N, H, W, 3) pixels and (N,) labels, and makes the data set.

    ``notes``: what the reader has to tell the user, to which more are added. ``paths``: where the user's images of each
    split lie, the files that hold several and the folders.

    Raises:
        DataError: images that are not square, too small or of unequal sizes in train and test, or the same in both;
            labels out of range, or of classes that lack training images.
    """
    check_labels(settings.name, train[1], test[1], len(classes))
    for what, (images, _) in {"training": train, "test": test}.items():
        _check_images(settings.name, what, images)
    if train[0].shape[1:] != test[0].shape[1:]:
        raise DataError(
            f"{settings.name}: training images are {_size(train[0])} pixels and test images {_size(test[0])}; "
            f"all must be of one size; {OF_ANY_SIZE}"
        )
    of_classes = check_classes(settings, train[1], test[1], classes)
    check_paths_apart(settings, *paths)
    train_kept, test_kept = _limited(*train, settings.train_limit), _limited(*test, settings.test_limit)
    for what, images in (("training", train_kept[0]), ("test", test_kept[0])):
        check_variation(f"{settings.name}: {what} images", images)
    of_pixels = check_pixels_apart(settings, train_kept[0], test_kept[0])
    return Dataset(
        settings.name,
        _split(*train_kept),
        _split(*test_kept),
        tuple(classes),
        notes=(*notes, *of_classes, *of_pixels),
    )


def check_labels(name: str, train: NDArray[Any], test: NDArray[Any], classes: int) -> None:
    """Checks the labels (N,) of both splits.

    Raises:
        DataError: fewer than two images or classes, or a label that is not in [0, ``classes``).
    """
    for what, labels in {"training": train, "test": test}.items():
        if len(labels) < 2:
            raise DataError(f"{name}: {counted(len(labels), f'{what} image')}; there must be at least two")
        wrong = np.flatnonzero((labels < 0) | (labels >= classes))
        if len(wrong):
            label = int(labels[wrong[0]])
            raise DataError(
                f"{name}: {what} image {wrong[0]} has label {label}; with {counted(classes, 'class', 'classes')} "
                f"labels run from 0 to {classes - 1}{unlabelled(label)}"
            )
    if classes < 2:
        raise DataError(f"{name}: there must be at least two classes, not {classes}")


def check_classes(
    settings: DatasetSettings, train: NDArray[np.int64], test: NDArray[np.int64], classes: Sequence[str]
) -> list[str]:
    """Checks which classes the whole splits, by their labels (N,), have images of, and what limits leave of them.

    Returns:
        What the user should know, a line each.

    Raises:
        DataError: all training images are of one class, or test images are of a class that has no training image.
    """
    counts = [np.bincount(labels, minlength=len(classes)) for labels in (train, test)]
    if np.count_nonzero(counts[0]) == 1:
        only = classes[int(counts[0].argmax())]
        raise DataError(f"{settings.name}: all {len(train):,} training images are of class {only!r}; give two or more")
    unknown = np.flatnonzero((counts[0] == 0) & (counts[1] > 0))
    if len(unknown):
        raise DataError(
            f"{settings.name}: {counted(int(counts[1][unknown].sum()), 'test image')} of "
            f"{_names(classes, unknown)}, of which there is no training image"
        )
    notes = []
    for what, labels, limit in (("training", train, settings.train_limit), ("test", test, settings.test_limit)):
        chosen = choose(labels, limit)
        kept = labels if chosen is None else labels[chosen.places]
        missing = np.flatnonzero(np.bincount(kept, minlength=len(classes)) == 0)
        if len(missing):
            setting = "dataset.train_limit" if what == "training" else "dataset.test_limit"
            none = f"no {what} image" if chosen is None else f"none of the {limit:,} {what} images of {setting}"
            notes.append(f"{settings.name}: {none} is of {_names(classes, missing)}")
    return notes


def _names(classes: Sequence[str], numbers: NDArray[np.int64], most: int = 5) -> str:
    """``class 'cat'``; ``classes 'cat', 'dog' and 3 more``."""
    names = [repr(classes[number]) for number in numbers[:most]]
    more = [f"{len(numbers) - most:,} more"] if len(numbers) > most else []
    return f"{'class' if len(numbers) == 1 else 'classes'} {listed([*names, *more])}"


def _check_images(name: str, what: str, images: NDArray[Any]) -> None:
    height, width = images.shape[1:3]
    if height != width or height < MINIMUM_SIDE:
        raise DataError(
            f"{name}: {what} images are {_size(images)} pixels; squares from {MINIMUM_SIDE} up are needed; "
            f"{OF_ANY_SIZE}"
        )


def _size(images: NDArray[Any]) -> str:
    return f"{images.shape[1]} × {images.shape[2]}"


def _limited(
    images: NDArray[np.uint8], labels: NDArray[np.int64], limit: int | None
) -> tuple[NDArray[np.uint8], NDArray[np.int64], ImageSubset | None]:
    chosen = choose(labels, limit)
    return (images, labels, None) if chosen is None else (images[chosen.places], labels[chosen.places], chosen)


def _split(images: NDArray[np.uint8], labels: NDArray[np.int64], chosen: ImageSubset | None) -> Split:
    return Split(
        torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))),
        torch.from_numpy(np.ascontiguousarray(labels, dtype=np.int64)),
        chosen,
    )
