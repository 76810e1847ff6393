"""Image files in class folders, read one by one."""

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
from prunesweep.sweeps.images.samples import spread
from prunesweep.workers.data.limits import choose
from prunesweep.workers.data.streaming import Encoded, FileEnds

GLIMPSES = 50_000  # files that are opened before a sweep starts
OPENERS, AT_ONCE = 16, 64  # threads that open files, because a network's disk answers late; files that each opens
START, END = 4096, 64  # bytes of a file that are read then: of both ends


class ClassFolders:
    """The images of ``folder``/CLASS, sorted by class and name; ``limit`` of them, as ``choose`` takes them.

    ``classes``: the names that the labels number; left out, those of the folders that hold images. ``all_labels`` are
    also those beyond the limit. ``folders``: those that images lie in.

    Raises:
        DataError: a folder is missing or empty, a file is empty, or a class is not among ``classes``.
    """

    def __init__(self, folder: str, what: str, limit: int | None, classes: Sequence[str] | None = None) -> None:
        self._folder = folder
        # Arrow's strings take a quarter of the memory of Python's, and there are over a million.
        found = {name: pa.array(_names(folder, name, images)) for name, images in class_images(folder, what)}
        self.classes = tuple(found) if classes is None else tuple(classes)
        number = {name: index for index, name in enumerate(self.classes)}
        unknown = next((name for name in found if name not in number), None)
        if unknown is not None:
            raise DataError(f"{what}: {folder}: class {unknown!r} is not in the training images")
        counts = [len(images) for images in found.values()]
        self.all_labels = np.repeat([number[name] for name in found], counts).astype(np.int64)
        self.chosen = choose(self.all_labels, limit)
        names = pa.concat_arrays(list(found.values()))
        self.labels = self.all_labels if self.chosen is None else self.all_labels[self.chosen.places]
        self._names = names if self.chosen is None else names.take(pa.array(self.chosen.places))
        self.folders = {path for name, images in found.items() for path in _folders_of(Path(folder, name), images)}

    def paths(self) -> Iterator[str]:
        """Yield the path of every image."""
        return (str(self._path(index)) for index in range(len(self.labels)))

    def encoded(self, indices: Sequence[int]) -> list[Encoded]:
        paths = [self._path(index) for index in indices]
        return [(str(path), path.read_bytes()) for path in paths]

    def file_ends(self) -> Iterator[FileEnds]:
        indices = spread(range(len(self.labels)), GLIMPSES)
        parts = [indices[first : first + AT_ONCE] for first in range(0, len(indices), AT_ONCE)]
        with ThreadPoolExecutor(OPENERS) as pool:
            for first in range(0, len(parts), OPENERS):  # and not all at once, which would fill the memory
                for file_ends in pool.map(self._glimpses_of, parts[first : first + OPENERS]):
                    yield from file_ends

    def order(self, generator: torch.Generator) -> Tensor:
        return torch.randperm(len(self.labels), generator=generator)

    def _glimpses_of(self, indices: Sequence[int]) -> list[FileEnds]:
        return [(index, *_ends(self._path(index))) for index in indices]

    def _path(self, index: int) -> Path:
        return Path(self._folder, self.classes[self.labels[index]], self._names[index].as_py())


def _names(folder: str, name: str, images: Sequence[tuple[str, int]]) -> list[str]:
    """The names of a class's images. Raises: DataError where one has no bytes."""
    empty = next((image for image, size in images if not size), None)
    if empty is not None:
        raise DataError(f"{Path(folder, name, empty)}: cannot be decoded: it is empty (0 bytes)")
    return [image for image, _ in images]


def _ends(path: Path) -> tuple[bytes, bytes]:
    """The first and the last bytes of a file. Raises: DataError where it cannot be read."""
    try:
        with open(path, "rb", buffering=0) as file:
            start = file.read(START)
            file.seek(max(0, os.fstat(file.fileno()).st_size - END))
            return start, file.read(END)
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from None


def _folders_of(folder: Path, images: pa.StringArray) -> set[str]:
    """The folder of a class, and those below it that some of its images lie in."""
    deeper = images.filter(pc.match_substring(images, "/")).to_pylist()
    return {str(folder), *(str((folder / image).parent) for image in deeper)}
