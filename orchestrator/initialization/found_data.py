"""What is known of a data set before it is read: the block of the sweep file, and its numbers of images and classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from prunesweep.sweeps.datasets import MINIMUM_SIDE
from prunesweep.sweeps.words import counted

MEMORY_LIMIT = 2**31  # bytes of pixels that are read into memory; more images are streamed
STREAMED_SIDES = (224, 192, 160, 128, 96, 64, 48, 32)  # pixels, of the squares that are cut out of streamed images
ImageSize = tuple[int, int]
"""The width and the height of an image in pixels."""


@dataclass(frozen=True)
class FoundData:
    """A data set that was found.

    Attributes:
        name: a short name, such as that of its folder.
        settings: the block ``dataset`` of a sweep file.
        train_images: the number of training images.
        test_images: the number of test images.
        classes: the number of classes.
        side: the height and width in pixels of the images that networks see.
        kind: what the images are stored in, such as ``class folders in photos/train and photos/test``.
        notes: what else was found, one full sentence each.
    """

    name: str
    settings: Mapping[str, Any]
    train_images: int
    test_images: int
    classes: int
    side: int
    kind: str
    notes: Sequence[str] = ()

    @property
    def place(self) -> str:
        """Return the path of the training images, or the name of a data set that needs no path."""
        place = self.settings.get("train") or self.settings.get("root") or self.settings["name"]
        return place if isinstance(place, str) else str(place[0])

    @property
    def bytes(self) -> int:
        """Return how much memory the pixels of all images take, in bytes."""
        return (self.train_images + self.test_images) * self.side**2 * 3

    @property
    def is_streamed(self) -> bool:
        """Return whether the images are read from their files when they are needed."""
        return bool(self.settings["name"] == "imagenet")

    def describe(self) -> str:
        """Return the data set in words: the numbers of images and classes, and what they are stored in."""
        return (
            f"{self.train_images:,} training and {counted(self.test_images, 'test image')} of "
            f"{counted(self.classes, 'class', 'classes')}, {self.side} × {self.side} pixels, in {self.kind}"
        )


def reader_settings(in_memory: str, sizes: Sequence[ImageSize], images: int) -> tuple[dict[str, Any], int]:
    """Return the reader for images of some sizes: the beginning of the block ``dataset``, and the side that it gives.

    Square images of one size are read into memory if there is room for them. All other images are streamed, and a
    square is cut out of each.

    Args:
        in_memory: the name of the reader into memory: ``image_folder`` or ``image_parquet``.
        sizes: the sizes of some of the images, at least one.
        images: the number of all images.

    Returns:
        The settings without the paths, and the side in pixels of the images that networks see.
    """
    width, height = sizes[0]
    is_uniform = len(set(sizes)) == 1 and width == height >= MINIMUM_SIDE
    if is_uniform and images * width**2 * 3 <= MEMORY_LIMIT:
        return {"name": in_memory}, width
    if is_uniform and width <= STREAMED_SIDES[0]:
        return {"name": "imagenet", "size": width, "resize": width}, width
    typical = median(min(size) for size in sizes)
    side = next((side for side in STREAMED_SIDES if side * 8 // 7 <= typical), STREAMED_SIDES[-1])
    return {"name": "imagenet", "size": side}, side
