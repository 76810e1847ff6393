"""Image files in class folders, read one by one."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch import Tensor

from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.image_files import class_images
from prunesweep.workers.data.limits import choose
from prunesweep.workers.data.streaming import Encoded


class ClassFolders:
    """The images of ``folder``/CLASS, sorted by class and name; ``limit`` of them, as ``choose`` takes them.

    ``classes``: the names that the labels number; left out, those of the folders that hold images. ``all_labels`` are
    also those beyond the limit. ``folders``: those that images lie in.

    Raises:
        DataError: a folder is missing or empty, or a class is not among ``classes``.
    """

    def __init__(self, folder: str, what: str, limit: int | None, classes: Sequence[str] | None = None) -> None:
        self._folder = folder
        # Arrow's strings take a quarter of the memory of Python's, and there are over a million.
        found = {name: pa.array([image for image, _ in images]) for name, images in class_images(folder, what)}
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

    def encoded(self, indices: Sequence[int]) -> list[Encoded]:
        paths = [self._path(index) for index in indices]
        return [(str(path), path.read_bytes()) for path in paths]

    def order(self, generator: torch.Generator) -> Tensor:
        return torch.randperm(len(self.labels), generator=generator)

    def _path(self, index: int) -> Path:
        return Path(self._folder, self.classes[self.labels[index]], self._names[index].as_py())


def _folders_of(folder: Path, images: pa.StringArray) -> set[str]:
    """The folder of a class, and those below it that some of its images lie in."""
    deeper = images.filter(pc.match_substring(images, "/")).to_pylist()
    return {str(folder), *(str((folder / image).parent) for image in deeper)}
