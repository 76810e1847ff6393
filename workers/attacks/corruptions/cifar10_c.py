"""CIFAR-10-C's files (Hendrycks & Dietterich 2019): an array for each kind, the severities one after another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.corruption_files import WHERE, cifar10_c_file
from prunesweep.workers.data.split import LabelledImages

SEVERITY_COUNT = 5


class Cifar10C:
    """The corrupted images of ``kinds``, memory-mapped: of n test images, severity s lies in rows (s − 1) n … s n − 1.

    Where ``test`` are some of n test images, their rows are read; where they are all that the files hold, all rows.

    Raises:
        DataError: a file is missing, is no array, or its shape does not fit the labels'.
    """

    def __init__(self, root: str, kinds: Sequence[str], test: LabelledImages) -> None:
        labels_file = cifar10_c_file(root, "labels")
        self._root = root
        self._labels = _array(labels_file)
        self._images = {kind: _array(cifar10_c_file(root, kind)) for kind in kinds}
        rows = len(self._labels)
        some = test.chosen if test.chosen is not None and rows != SEVERITY_COUNT * len(test) else None
        self._places = np.arange(len(test)) if some is None else some.places
        if self._labels.ndim != 1 or rows == 0 or rows % SEVERITY_COUNT:
            raise DataError(
                f"{WHERE}: {labels_file}: is {_shape(self._labels)}, not one label for each of 5 severities"
            )
        for kind, images in self._images.items():
            square = images.ndim == 4 and images.shape[1] == images.shape[2] and images.shape[3] == 3
            if images.dtype != np.uint8 or not square or len(images) != rows:
                raise DataError(
                    f"{WHERE}: {cifar10_c_file(root, kind)}: is {_shape(images)}; as {labels_file.name} has {rows} "
                    f"rows, it should be uint8 ({rows}, H, H, 3)"
                )

    def read(self, kind: str, severity: int, indices: Sequence[int]) -> Tensor:
        first = (severity - 1) * (len(self._labels) // SEVERITY_COUNT)
        places = self._places[np.asarray(indices, dtype=np.int64)]
        return torch.from_numpy(self._images[kind][first + places]).permute(0, 3, 1, 2)

    def check(self, test: LabelledImages) -> None:
        """Whether these are corruptions of the test images, in their order, by size and labels.

        The files may go on where the test images end: these are then the first ones.

        Raises:
            DataError: they are others; one line says what differs first.
        """
        per_severity, needed = len(self._labels) // SEVERITY_COUNT, 1 + int(self._places.max())
        if per_severity < needed:
            count = len(test) if per_severity < len(test) or test.chosen is None else test.chosen.whole
            raise DataError(
                f"{WHERE}: {self._root}: holds {per_severity} images for each severity and the data set {count} "
                "test images"
            )
        for kind, images in self._images.items():
            if images.shape[1] != test.side:
                raise DataError(
                    f"{WHERE}: {cifar10_c_file(self._root, kind)}: images are {images.shape[1]} pixels a side and the "
                    f"data set's {test.side}"
                )
        labels = test.labels.cpu().numpy()
        for severity in range(1, SEVERITY_COUNT + 1):
            first = (severity - 1) * per_severity
            differing = np.flatnonzero(self._labels[first + self._places] != labels)
            if len(differing):
                image = int(differing[0])
                row = first + int(self._places[image])
                raise DataError(
                    f"{WHERE}: {cifar10_c_file(self._root, 'labels')}: row {row} is label "
                    f"{int(self._labels[row])}, but test image {image} has {int(labels[image])}: "
                    "these are other images, or in another order"
                )


def _array(path: Path) -> NDArray[Any]:
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{WHERE}: {path}: is no array, or is cut off: {error}") from None
    return array


def _shape(array: NDArray[Any]) -> str:
    return f"{array.dtype} {array.shape}"
