"""ImageNet-C's files (Hendrycks & Dietterich 2019): KIND/SEVERITY/CLASS/*.JPEG, decoded as they are needed."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.corruption_files import (
    ROOT_KEY_PATH,
    imagenet_c_classes,
    imagenet_c_folder,
    list_image_names,
)
from prunesweep.sweeps.words import counted
from prunesweep.workers.data.decoding import decode_image
from prunesweep.workers.data.limits import ImageSubset
from prunesweep.workers.data.split import LabelledImages


class ImagenetC:
    """The corrupted versions of the test images in ImageNet-C's files, decoded by as many threads as torch may use.

    The n-th test image of a class is taken to be the class's n-th file, with classes and files sorted by name. This is
    right if the test images come from ImageNet's own files, because the corrupted files have the same names. If a limit
    leaves out some test images, n counts these too. But if a class has no more files than test images in use, its files
    are taken to be those of the images in use. All kinds and severities must have the same file names.
    """

    def __init__(
        self, root: str, kinds: Sequence[str], severities: Sequence[int], test: LabelledImages, classes: int
    ) -> None:
        """List the files of the first kind and severity.

        Args:
            root: the folder of the kinds' folders.
            kinds: the corruption kinds to read.
            severities: the severities to read, 1 to 5.
            test: the test images in use.
            classes: the number of classes of the data set.

        Raises:
            DataError: a folder is missing, the number of class folders is not ``classes``, or a class has fewer files
                than test images.
        """
        self._root = root
        self._side = test.side
        self._folders = [(kind, severity) for kind in kinds for severity in severities]
        self._first = imagenet_c_folder(root, *self._folders[0])
        self.classes = imagenet_c_classes(root, *self._folders[0])
        if len(self.classes) != classes:
            raise DataError(
                f"{ROOT_KEY_PATH}: {self._first}: contains {counted(len(self.classes), 'class folder')}, but the data "
                f"set has {counted(classes, 'class', 'classes')}"
            )
        # Arrow's strings take a quarter of the memory of Python's.
        self._names = pa.array(self._list_names(test.labels.cpu().numpy(), test.subset))

    def read(self, kind: str, severity: int, indices: Sequence[int]) -> Tensor:
        """Return the corrupted versions of some test images, uint8 (n, 3, H, W).

        A file that cannot be decoded, or an image of another size than the test images, raises ``DataError``.

        Args:
            kind: the corruption kind.
            severity: 1 to 5.
            indices: indices of the test images.
        """
        folder = imagenet_c_folder(self._root, kind, severity)
        paths = [folder / name for name in self._names.take(list(indices)).to_pylist()]
        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            images = np.stack(list(pool.map(self._decode, paths)))
        return torch.from_numpy(images).permute(0, 3, 1, 2)

    def check(self, classes: Sequence[str]) -> None:
        """Check that every kind and severity has a file for every test image, in folders named like the classes.

        If no class has the name of any folder, the data set names its classes in another way than ImageNet-C, and the
        names are not compared.

        Args:
            classes: the names of the data set's classes, by label.

        Raises:
            DataError: a file is missing, or a folder has another name than its class.
        """
        if not set(self.classes).isdisjoint(classes) and self.classes != list(classes):
            label = next(label for label, name in enumerate(classes) if name != self.classes[label])
            raise DataError(
                f"{ROOT_KEY_PATH}: {self._first}: class {label} is {self.classes[label]!r}, but {classes[label]!r} in "
                "the data set"
            )
        needed = sorted(self._names.to_pylist())
        for kind, severity in self._folders:
            self._check_folder(imagenet_c_folder(self._root, kind, severity), needed)

    def _check_folder(self, folder: Path, needed: Sequence[str]) -> None:
        """Check that the folder of one kind and severity has a file for every test image.

        Args:
            folder: the folder of the kind and severity.
            needed: CLASS/FILE of each test image.

        Raises:
            DataError: a file is missing.
        """
        present: set[str] = set()
        for name in sorted({name.partition("/")[0] for name in needed}):
            if (folder / name).is_dir():
                present.update(f"{name}/{image}" for image in list_image_names(folder / name))
        missing = next((name for name in needed if name not in present), None)
        if missing is not None:
            raise DataError(
                f"{ROOT_KEY_PATH}: {folder / missing}: no such file; every kind and severity must have the same file "
                "names"
            )

    def _list_names(self, labels: NDArray[np.int64], subset: ImageSubset | None) -> list[str]:
        """Return the file of each test image, as CLASS/FILE.

        Args:
            labels: the labels of the test images.
            subset: which of all test images of the data set are in use. None if no limit leaves out any.
        """
        names = [""] * len(labels)
        for label in np.unique(labels).tolist():
            indices = np.flatnonzero(labels == label)
            ranks = None if subset is None else subset.ranks[indices]
            files = self._list_files(self.classes[label], len(indices), ranks)
            for index, file in zip(indices.tolist(), files, strict=True):
                names[index] = file
        return names

    def _list_files(self, name: str, count: int, ranks: NDArray[np.int64] | None) -> list[str]:
        """Return the files of the test images of one class, as CLASS/FILE.

        Args:
            name: the name of the class.
            count: the number of test images of the class.
            ranks: int64 (count,), the positions of the images' files among the class's files. None for the first
                ``count`` files. It is ignored if the class has no more files than test images.

        Raises:
            DataError: the class has too few files.
        """
        images = list_image_names(self._first / name)
        positions = range(count) if ranks is None or len(images) <= count else ranks.tolist()
        if len(images) <= positions[-1]:
            raise DataError(
                f"{ROOT_KEY_PATH}: {self._first / name}: contains {counted(len(images), 'image')}, but the data set "
                f"has {counted(positions[-1] + 1, 'test image')} of that class"
            )
        return [f"{name}/{images[position]}" for position in positions]

    def _decode(self, path: Path) -> np.ndarray:
        """Return an image, uint8 (H, W, 3).

        Raises:
            DataError: the image has another size than the test images.
        """
        image = np.asarray(decode_image(str(path), path.read_bytes()))
        if image.shape[:2] != (self._side, self._side):
            height, width = image.shape[:2]
            raise DataError(
                f"{ROOT_KEY_PATH}: {path}: is {height} × {width} pixels, but the data set's images are "
                f"{self._side} × {self._side}"
            )
        return image
