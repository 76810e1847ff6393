"""The data set of a trial, and the checks that the readers of all data sets share."""

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
from prunesweep.workers.data.decoding import RESIZE_HINT
from prunesweep.workers.data.labels import missing_label_hint
from prunesweep.workers.data.limits import ImageSubset, sample_images
from prunesweep.workers.data.overlap import check_paths_apart, check_pixels_apart
from prunesweep.workers.data.split import ChannelValues, LabelledImages, Split
from prunesweep.workers.data.variation import check_variation

__all__ = ["Dataset", "LabelledImages", "Split", "check_labels", "make_dataset"]


@dataclass(frozen=True)
class Dataset:
    """The training and the test images of ``len(classes)`` classes.

    Attributes:
        name: the name of the data set's reader, such as ``cifar10``.
        train: the training images.
        test: the test images.
        classes: the class names, indexed by label.
        settings: the settings of a streamed data set (its images are read from files when needed), from which other
            processes open the data set again; None if the images are in memory.
        notes: remarks about the data for the user, one line each; they are not passed on to other processes.
    """

    name: str
    train: LabelledImages
    test: LabelledImages
    classes: tuple[str, ...]
    settings: DatasetSettings | None = None
    notes: tuple[str, ...] = ()

    @property
    def side(self) -> int:
        """Return the height and width of the images in pixels."""
        return self.train.side

    @property
    def device(self) -> torch.device:
        """Return the device of the labels and of all batches."""
        return self.train.device

    def to(self, device: torch.device) -> "Dataset":
        """Return the same data set with its labels and batches on ``device``."""
        return replace(self, train=self.train.to(device), test=self.test.to(device))

    def channel_statistics(self) -> tuple[ChannelValues, ChannelValues]:
        """Return the mean and the standard deviation of each channel of the training images, for pixels in [0, 1].

        For a streamed data set these are the values that it was opened with: ImageNet's, which are not measured again.
        """
        return self.train.channel_statistics()

    def arrays(self) -> dict[str, Any]:
        """Return the data set in the form in which it is sent to other processes.

        Returns:
            For images in memory, a mapping with NumPy arrays that share the memory of the data set. For a streamed data
            set, a mapping with its settings only.
        """
        if self.settings is not None:
            return {"settings": self.settings}
        splits = {"train": self.train, "test": self.test}
        pixels = {name: (split.read(slice(None)).numpy(), split.labels.numpy()) for name, split in splits.items()}
        subsets = {name: split.subset for name, split in splits.items()}
        return {"name": self.name, "classes": self.classes, "subsets": subsets, **pixels}

    @staticmethod
    def from_arrays(arrays: Mapping[str, Any]) -> "Dataset":
        """Recreate a data set from what its method ``arrays`` returned, without copying pixels.

        ``DataError`` is raised if files of a streamed data set are not on this machine at the path in its settings.
        """
        if "settings" in arrays:
            settings: DatasetSettings = arrays["settings"]
            opened: Dataset = resolve(DATASETS[settings.name].code)(settings)
            return opened
        with warnings.catch_warnings():  # shared memory is read-only, and nothing here writes to pixels
            warnings.filterwarnings("ignore", message=".*not writable.*")
            train, test = (_split_from_arrays(arrays[name], arrays["subsets"][name]) for name in ("train", "test"))
        return Dataset(arrays["name"], train, test, tuple(arrays["classes"]))


def _split_from_arrays(arrays: tuple[NDArray[np.uint8], NDArray[np.int64]], subset: ImageSubset | None) -> Split:
    images, labels = map(torch.from_numpy, arrays)
    return Split(images, labels, subset)


def make_dataset(
    settings: DatasetSettings,
    train: tuple[NDArray[np.uint8], NDArray[np.int64]],
    test: tuple[NDArray[np.uint8], NDArray[np.int64]],
    classes: Sequence[str],
    notes: Sequence[str] = (),
    paths: tuple[Iterable[str], Iterable[str]] = ((), ()),
) -> Dataset:
    """Check the images and labels that a reader has read, apply the limits of the settings, and return the data set.

    Args:
        settings: the settings of the data set.
        train: the pixels uint8 (N, H, W, 3) and the labels int64 (N,) of all training images.
        test: the pixels uint8 (M, H, W, 3) and the labels int64 (M,) of all test images.
        classes: the class names, indexed by label.
        notes: the reader's remarks for the user, one line each. The checks add their own remarks.
        paths: the paths of the user's files with images, and of the folders that contain the images, first for the
            training split and then for the test split. No path may be in both splits.

    Raises:
        DataError: the images are not square, are too small, are all of one colour, differ in size between the splits,
            or are in both splits; or a label is out of range; or there are fewer than two images in a split or fewer
            than two classes; or test images are of a class without training images.
    """
    check_labels(settings.name, train[1], test[1], len(classes))
    for what, (images, _) in {"training": train, "test": test}.items():
        _check_image_size(settings.name, what, images)
    if train[0].shape[1:] != test[0].shape[1:]:
        raise DataError(
            f"{settings.name}: training images are {_size(train[0])} pixels and test images {_size(test[0])}; "
            f"all must be of one size; {RESIZE_HINT}"
        )
    class_notes = check_classes(settings, train[1], test[1], classes)
    check_paths_apart(settings, *paths)
    limited_train, limited_test = _apply_limit(*train, settings.train_limit), _apply_limit(*test, settings.test_limit)
    for what, images in (("training", limited_train[0]), ("test", limited_test[0])):
        check_variation(f"{settings.name}: {what} images", images)
    overlap_notes = check_pixels_apart(settings, limited_train[0], limited_test[0])
    return Dataset(
        settings.name,
        _to_split(*limited_train),
        _to_split(*limited_test),
        tuple(classes),
        notes=(*notes, *class_notes, *overlap_notes),
    )


def check_labels(name: str, train: NDArray[Any], test: NDArray[Any], classes: int) -> None:
    """Check that there are enough images and classes, and that all labels are in range.

    Args:
        name: the name of the data set, for messages.
        train: integers (N,), the labels of the training images.
        test: integers (N,), the labels of the test images.
        classes: the number of classes.

    Raises:
        DataError: a split has fewer than two images, there are fewer than two classes, or a label is not in
            [0, ``classes``).
    """
    for what, labels in {"training": train, "test": test}.items():
        if len(labels) < 2:
            raise DataError(f"{name}: {counted(len(labels), f'{what} image')}; there must be at least two")
        out_of_range = np.flatnonzero((labels < 0) | (labels >= classes))
        if len(out_of_range):
            label = int(labels[out_of_range[0]])
            raise DataError(
                f"{name}: {what} image {out_of_range[0]} has label {label}; with "
                f"{counted(classes, 'class', 'classes')} labels run from 0 to {classes - 1}{missing_label_hint(label)}"
            )
    if classes < 2:
        raise DataError(f"{name}: there must be at least two classes, not {classes}")


def check_classes(
    settings: DatasetSettings, train: NDArray[np.int64], test: NDArray[np.int64], classes: Sequence[str]
) -> list[str]:
    """Check which classes have images, both in the whole splits and among the images that the limits keep.

    Args:
        settings: the settings of the data set, with its limits.
        train: int64 (N,), the labels of all training images.
        test: int64 (M,), the labels of all test images.
        classes: the class names, indexed by label.

    Returns:
        Remarks for the user about classes without images, one line each.

    Raises:
        DataError: all training images are of one class, or test images are of a class without training images.
    """
    counts = [np.bincount(labels, minlength=len(classes)) for labels in (train, test)]
    if np.count_nonzero(counts[0]) == 1:
        only = classes[int(counts[0].argmax())]
        raise DataError(
            f"{settings.name}: all {len(train):,} training images are of class {only!r}; at least two are needed"
        )
    untrained = np.flatnonzero((counts[0] == 0) & (counts[1] > 0))
    if len(untrained):
        raise DataError(
            f"{settings.name}: {counted(int(counts[1][untrained].sum()), 'test image')} of "
            f"{_quoted_classes(classes, untrained)}, for which there is no training image"
        )
    notes = []
    for what, labels, limit in (("training", train, settings.train_limit), ("test", test, settings.test_limit)):
        subset = sample_images(labels, limit)
        limited_labels = labels if subset is None else labels[subset.indices]
        missing = np.flatnonzero(np.bincount(limited_labels, minlength=len(classes)) == 0)
        if len(missing):
            setting = "dataset.train_limit" if what == "training" else "dataset.test_limit"
            none = f"no {what} image" if subset is None else f"none of the {limit:,} {what} images that {setting} keeps"
            notes.append(f"{settings.name}: {none} is of {_quoted_classes(classes, missing)}")
    return notes


def _quoted_classes(classes: Sequence[str], numbers: NDArray[np.int64], most: int = 5) -> str:
    """Return the names of some classes as text: ``class 'cat'``, or ``classes 'cat', 'dog' and 3 more``."""
    names = [repr(classes[number]) for number in numbers[:most]]
    more = [f"{len(numbers) - most:,} more"] if len(numbers) > most else []
    return f"{'class' if len(numbers) == 1 else 'classes'} {listed([*names, *more])}"


def _check_image_size(name: str, what: str, images: NDArray[Any]) -> None:
    height, width = images.shape[1:3]
    if height != width or height < MINIMUM_SIDE:
        raise DataError(
            f"{name}: {what} images are {_size(images)} pixels; they must be square, with sides of at least "
            f"{MINIMUM_SIDE} pixels; {RESIZE_HINT}"
        )


def _size(images: NDArray[Any]) -> str:
    return f"{images.shape[1]} × {images.shape[2]}"


def _apply_limit(
    images: NDArray[np.uint8], labels: NDArray[np.int64], limit: int | None
) -> tuple[NDArray[np.uint8], NDArray[np.int64], ImageSubset | None]:
    subset = sample_images(labels, limit)
    return (images, labels, None) if subset is None else (images[subset.indices], labels[subset.indices], subset)


def _to_split(images: NDArray[np.uint8], labels: NDArray[np.int64], subset: ImageSubset | None) -> Split:
    return Split(
        torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))),
        torch.from_numpy(np.ascontiguousarray(labels, dtype=np.int64)),
        subset,
    )
