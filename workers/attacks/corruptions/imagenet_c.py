"""ImageNet-C's files (Hendrycks & Dietterich 2019): KIND/SEVERITY/CLASS/*.JPEG, read as they are needed."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.corruption_files import WHERE, imagenet_c_classes, imagenet_c_folder, images_in
from prunesweep.workers.data.decoding import decode_image
from prunesweep.workers.data.limits import ImageSubset
from prunesweep.workers.data.split import LabelledImages


class ImagenetC:
    """The corrupted images of ``test``, decoded by as many threads as torch may use.

    The n-th test image of a label is the n-th file of that class, classes and files sorted by name: so it is where
    the test images come from ImageNet's own files, whose names the corrupted ones bear. Where a limit keeps some test
    images, n counts those that it leaves out, unless a class has no more files than it keeps. All kinds and severities
    hold the same names.

    Raises:
        DataError: a folder is missing, there are not as many as ``classes``, or a class has fewer files than images.
    """

    def __init__(
        self, root: str, kinds: Sequence[str], severities: Sequence[int], test: LabelledImages, classes: int
    ) -> None:
        self._root = root
        self._side = test.side
        self._folders = [(kind, severity) for kind in kinds for severity in severities]
        self._first = imagenet_c_folder(root, *self._folders[0])
        self.classes = imagenet_c_classes(root, *self._folders[0])
        if len(self.classes) != classes:
            raise DataError(
                f"{WHERE}: {self._first}: holds {len(self.classes)} class folders; the data set has {classes} classes"
            )
        # Arrow's strings take a quarter of the memory of Python's.
        self._names = pa.array(self._names_of(test.labels.cpu().numpy(), test.chosen))

    def read(self, kind: str, severity: int, indices: Sequence[int]) -> Tensor:
        folder = imagenet_c_folder(self._root, kind, severity)
        paths = [folder / name for name in self._names.take(list(indices)).to_pylist()]
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            images = np.stack(list(pool.map(self._decode, paths)))
        return torch.from_numpy(images).permute(0, 3, 1, 2)

    def check(self, classes: Sequence[str]) -> None:
        """Whether every kind and severity has a file for every test image, and the folders the names of the classes.

        Where no class bears the name of a folder, the data set names them in another way, and is taken at its word.

        Raises:
            DataError: one line says what is missing.
        """
        if not set(self.classes).isdisjoint(classes) and self.classes != list(classes):
            place = next(place for place, name in enumerate(classes) if name != self.classes[place])
            raise DataError(
                f"{WHERE}: {self._first}: class {place} is {self.classes[place]!r}, and {classes[place]!r} in the "
                "data set"
            )
        needed = sorted(self._names.to_pylist())
        for kind, severity in self._folders:
            self._check_folder(imagenet_c_folder(self._root, kind, severity), needed)

    def _check_folder(self, folder: Path, needed: Sequence[str]) -> None:
        found: set[str] = set()
        for name in sorted({name.partition("/")[0] for name in needed}):
            if (folder / name).is_dir():
                found.update(f"{name}/{image}" for image in images_in(folder / name))
        missing = next((name for name in needed if name not in found), None)
        if missing is not None:
            raise DataError(f"{WHERE}: {folder / missing}: no such file; every kind and severity holds the same names")

    def _names_of(self, labels: NDArray[np.int64], chosen: ImageSubset | None) -> list[str]:
        """CLASS/FILE of each test image."""
        names = [""] * len(labels)
        for label in np.unique(labels).tolist():
            there = np.flatnonzero(labels == label)
            files = self._files_of(self.classes[label], len(there), None if chosen is None else chosen.ranks[there])
            for place, file in zip(there.tolist(), files, strict=True):
                names[place] = file
        return names

    def _files_of(self, name: str, count: int, ranks: NDArray[np.int64] | None) -> list[str]:
        """CLASS/FILE of the images of a class: of ``ranks`` among all there are, or else the first ones."""
        images = images_in(self._first / name)
        which = range(count) if ranks is None or len(images) <= count else ranks.tolist()
        if len(images) <= which[-1]:
            raise DataError(
                f"{WHERE}: {self._first / name}: holds {len(images)} images; the data set has {which[-1] + 1} test "
                "images of that class"
            )
        return [f"{name}/{images[place]}" for place in which]

    def _decode(self, path: Path) -> np.ndarray:
        image = np.asarray(decode_image(str(path), path.read_bytes()))
        if image.shape[:2] != (self._side, self._side):
            height, width = image.shape[:2]
            raise DataError(
                f"{WHERE}: {path}: is {height} × {width} pixels and the data set's images {self._side} × {self._side}"
            )
        return image
