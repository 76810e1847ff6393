"""Streaming of image files from class folders."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.class_folders import class_images
from prunesweep.sweeps.images.samples import sample_evenly
from prunesweep.workers.data.limits import sample_images
from prunesweep.workers.data.streaming import EncodedImage, FileEnds

FILES_CHECKED = 50_000  # at most so many files of a split have their beginning and end read before a sweep starts
OPENING_THREADS, FILES_PER_TASK = 16, 64  # many threads, because a network file system answers with a delay
START_BYTES, END_BYTES = 4096, 64  # bytes that are read from the beginning and the end of a checked file


class ClassFolders:
    """A source of a streamed split: the image files in ``folder``/CLASS, sorted by class and file name.

    Attributes:
        classes: the class names, indexed by label.
        labels: int64 (N,), the labels of the images that the limit keeps.
        all_labels: int64 (M,), the labels of all images in the folder.
        subset: which images of the folder the limit keeps; None if it keeps all.
        folders: the paths of the class folders, and of the folders below them that directly contain images.
    """

    def __init__(self, folder: str, what: str, limit: int | None, classes: Sequence[str] | None = None) -> None:
        """List the image files of a folder, and choose those that the limit keeps.

        Args:
            folder: the folder that contains one folder per class.
            what: the setting that names the folder, such as ``dataset.train``; messages begin with it.
            limit: how many images to keep; None for all.
            classes: the allowed class names, indexed by label; by default the names of the folders that contain images.

        Raises:
            DataError: the folder is missing or contains no images, a file is empty, or a class is not in ``classes``.
        """
        self._folder = folder
        # Arrow's strings take a quarter of the memory of Python's, and ImageNet has over a million files.
        names_by_class = {
            name: pa.array(_nonempty_names(folder, name, images)) for name, images in class_images(folder, what)
        }
        self.classes = tuple(names_by_class) if classes is None else tuple(classes)
        label_of = {name: label for label, name in enumerate(self.classes)}
        unknown = next((name for name in names_by_class if name not in label_of), None)
        if unknown is not None:
            raise DataError(f"{what}: {folder}: class {unknown!r} is not in the training images")
        counts = [len(names) for names in names_by_class.values()]
        self.all_labels = np.repeat([label_of[name] for name in names_by_class], counts).astype(np.int64)
        self.subset = sample_images(self.all_labels, limit)
        names = pa.concat_arrays(list(names_by_class.values()))
        self.labels = self.all_labels if self.subset is None else self.all_labels[self.subset.indices]
        self._names = names if self.subset is None else names.take(pa.array(self.subset.indices))
        self.folders = {
            path for name, images in names_by_class.items() for path in _image_folders(Path(folder, name), images)
        }

    def paths(self) -> Iterator[str]:
        """Yield the path of every image that the limit keeps."""
        return (str(self._path(index)) for index in range(len(self.labels)))

    def encoded(self, indices: Sequence[int]) -> list[EncodedImage]:
        """Return the path and the file content of each image, in the order of ``indices``."""
        paths = [self._path(index) for index in indices]
        return [(str(path), path.read_bytes()) for path in paths]

    def file_ends(self) -> Iterator[FileEnds]:
        """Yield the first and the last bytes of at most ``FILES_CHECKED`` files, spread evenly over the split."""
        indices = sample_evenly(range(len(self.labels)), FILES_CHECKED)
        tasks = [indices[first : first + FILES_PER_TASK] for first in range(0, len(indices), FILES_PER_TASK)]
        with ThreadPoolExecutor(OPENING_THREADS) as pool:
            for first in range(0, len(tasks), OPENING_THREADS):  # all tasks at once would fill the memory
                for file_ends in pool.map(self._read_file_ends, tasks[first : first + OPENING_THREADS]):
                    yield from file_ends

    def order(self, generator: torch.Generator) -> Tensor:
        """Return a random permutation of all indices, int64 (N,)."""
        return torch.randperm(len(self.labels), generator=generator)

    def _read_file_ends(self, indices: Sequence[int]) -> list[FileEnds]:
        return [(index, *_read_ends(self._path(index))) for index in indices]

    def _path(self, index: int) -> Path:
        return Path(self._folder, self.classes[self.labels[index]], self._names[index].as_py())


def _nonempty_names(folder: str, name: str, images: Sequence[tuple[str, int]]) -> list[str]:
    """Return the file names of a class after checking that no file is empty.

    Args:
        folder: the folder that contains the class folders.
        name: the name of the class.
        images: (file name, size in bytes) of each image.

    Raises:
        DataError: a file has 0 bytes.
    """
    empty = next((image for image, size in images if not size), None)
    if empty is not None:
        raise DataError(f"{Path(folder, name, empty)}: cannot be decoded: it is empty (0 bytes)")
    return [image for image, _ in images]


def _read_ends(path: Path) -> tuple[bytes, bytes]:
    """Return the first ``START_BYTES`` and the last ``END_BYTES`` bytes of a file.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            start = file.read(START_BYTES)
            file.seek(max(0, os.fstat(file.fileno()).st_size - END_BYTES))
            return start, file.read(END_BYTES)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


def _image_folders(folder: Path, images: pa.StringArray) -> set[str]:
    """Return the paths of a class folder and of all folders below it that directly contain images of the class."""
    nested = images.filter(pc.match_substring(images, "/")).to_pylist()
    return {str(folder), *(str((folder / image).parent) for image in nested)}
