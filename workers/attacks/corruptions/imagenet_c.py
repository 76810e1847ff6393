"""ImageNet-C's files (Hendrycks & Dietterich 2019): KIND/SEVERITY/CLASS/*.JPEG, read as they are needed."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from prunesweep.sweeps.corruption_files import WHERE, imagenet_c_classes, imagenet_c_folder, images_in
from prunesweep.sweeps.errors import DataError
from prunesweep.workers.data.decoding import decode_image
from prunesweep.workers.data.split import LabelledImages


class ImagenetC:
    """The corrupted images of ``test``, decoded by as many threads as torch may use.

    The n-th test image of a label is the n-th file of that class, classes and files sorted by name: so it is where
    the test images come from ImageNet's own files, whose names the corrupted ones bear. All kinds and severities hold
    the same names.

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
        self._names = pa.array(self._names_of(test.labels.tolist()))

    def read(self, kind: str, severity: int, indices: range) -> Tensor:
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

    def _names_of(self, labels: Sequence[int]) -> list[str]:
        """CLASS/FILE of each test image."""
        files = {label: self._files_of(self.classes[label], count) for label, count in Counter(labels).items()}
        return [next(files[label]) for label in labels]

    def _files_of(self, name: str, count: int) -> Iterator[str]:
        """CLASS/FILE of the first images of a class."""
        images = images_in(self._first / name)
        if len(images) < count:
            raise DataError(
                f"{WHERE}: {self._first / name}: holds {len(images)} images; the data set has {count} test images of "
                "that class"
            )
        return iter([f"{name}/{image}" for image in images[:count]])

    def _decode(self, path: Path) -> np.ndarray:
        image = np.asarray(decode_image(str(path), path.read_bytes()))
        if image.shape[:2] != (self._side, self._side):
            height, width = image.shape[:2]
            raise DataError(
                f"{WHERE}: {path}: is {height} × {width} pixels and the data set's images {self._side} × {self._side}"
            )
        return image
