"""CIFAR-10-C's files (Hendrycks & Dietterich 2019): one array per corruption kind, with one severity after another."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.corruption_files import ROOT_KEY_PATH, cifar10_c_file
from prunesweep.sweeps.words import counted
from prunesweep.workers.data.split import LabelledImages

SEVERITY_COUNT = 5


class Cifar10C:
    """The corrupted images of some corruption kinds, memory-mapped from CIFAR-10-C's files.

    If the files have n images per severity, severity s is in rows (s − 1) n … s n − 1. If a limit leaves out some test
    images of the data set, only the rows of the remaining ones are read. But if n is the number of the remaining test
    images, the files are taken to hold only these, and all rows are read.
    """

    def __init__(self, root: str, kinds: Sequence[str], test: LabelledImages) -> None:
        """Open the arrays.

        Args:
            root: the folder of the arrays.
            kinds: the corruption kinds to open.
            test: the test images in use.

        Raises:
            DataError: a file is missing or is not an array, or an array has the wrong type or shape.
        """
        labels_file = cifar10_c_file(root, "labels")
        self._root = root
        self._labels = _open_array(labels_file)
        self._images = {kind: _open_array(cifar10_c_file(root, kind)) for kind in kinds}
        rows = len(self._labels)
        subset = test.subset if test.subset is not None and rows != SEVERITY_COUNT * len(test) else None
        self._rows = np.arange(len(test)) if subset is None else subset.indices
        if self._labels.ndim != 1 or rows == 0 or rows % SEVERITY_COUNT:
            raise DataError(
                f"{ROOT_KEY_PATH}: {labels_file}: is {_describe(self._labels)}; it should have one label for each "
                "image at each of the 5 severities"
            )
        for kind, images in self._images.items():
            square = images.ndim == 4 and images.shape[1] == images.shape[2] and images.shape[3] == 3
            if images.dtype != np.uint8 or not square or len(images) != rows:
                raise DataError(
                    f"{ROOT_KEY_PATH}: {cifar10_c_file(root, kind)}: is {_describe(images)}; as {labels_file.name} has "
                    f"{rows} rows, it should be uint8 ({rows}, H, H, 3)"
                )

    def read(self, kind: str, severity: int, indices: Sequence[int]) -> Tensor:
        """Return the corrupted versions of some test images, uint8 (n, 3, H, W).

        Args:
            kind: one of the opened kinds.
            severity: 1 to 5.
            indices: indices of the test images.
        """
        first = (severity - 1) * (len(self._labels) // SEVERITY_COUNT)
        rows = self._rows[np.asarray(indices, dtype=np.int64)]
        return torch.from_numpy(self._images[kind][first + rows]).permute(0, 3, 1, 2)

    def check(self, test: LabelledImages) -> None:
        """Check by sizes and labels that the files hold corruptions of the test images, in the same order.

        The files may hold more images than the data set has test images. The test images must then be the first ones.

        Raises:
            DataError: the files hold other images; the message says what differs first.
        """
        per_severity, needed = len(self._labels) // SEVERITY_COUNT, 1 + int(self._rows.max())
        if per_severity < needed:
            count = len(test) if per_severity < len(test) or test.subset is None else test.subset.split_size
            raise DataError(
                f"{ROOT_KEY_PATH}: {self._root}: contains {counted(per_severity, 'image')} for each severity, but the "
                f"data set has {counted(count, 'test image')}"
            )
        for kind, images in self._images.items():
            if images.shape[1] != test.side:
                raise DataError(
                    f"{ROOT_KEY_PATH}: {cifar10_c_file(self._root, kind)}: images are {images.shape[1]} pixels a side, "
                    f"but the data set's are {test.side}"
                )
        labels = test.labels.cpu().numpy()
        for severity in range(1, SEVERITY_COUNT + 1):
            first = (severity - 1) * per_severity
            differing = np.flatnonzero(self._labels[first + self._rows] != labels)
            if len(differing):
                index = int(differing[0])
                row = first + int(self._rows[index])
                raise DataError(
                    f"{ROOT_KEY_PATH}: {cifar10_c_file(self._root, 'labels')}: row {row} has label "
                    f"{int(self._labels[row])}, but test image {index} has {int(labels[index])}: "
                    "the files hold other images or another order"
                )


def _open_array(path: Path) -> NDArray[Any]:
    """Open the array in a file, memory-mapped.

    Raises:
        DataError: the file is missing, damaged or not an array.
    """
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise DataError(f"{ROOT_KEY_PATH}: {path}: is not a NumPy array, or is cut off: {error}") from None
    return array


def _describe(array: NDArray[Any]) -> str:
    """Return the type and shape of an array, for messages."""
    return f"{array.dtype} {array.shape}"
