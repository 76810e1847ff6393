"""Splits whose images are read and decoded when they are needed, so that memory does not grow with their number."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from prunesweep.sweeps.language import Training
from prunesweep.workers.data.decoding import decode_image
from prunesweep.workers.data.limits import ImageSubset
from prunesweep.workers.data.split import ChannelValues, LabelledImages
from prunesweep.workers.data.views import ImageTransforms

_Item = TypeVar("_Item")
EncodedImage = tuple[str, bytes]
"""The name of an image for messages, and the content of its file."""
FileEnds = tuple[int, bytes, bytes]
"""The index of an image, and the first and the last bytes of its file; some sources give the whole content twice."""
_Transform = Callable[[Image.Image], Image.Image]


def prefetch(items: Iterator[_Item]) -> Iterator[_Item]:
    """Yield the items in their order; a thread computes the next item while the caller uses the current one."""
    with ThreadPoolExecutor(1) as executor:
        upcoming = executor.submit(next, items, None)
        while (item := upcoming.result()) is not None:
            upcoming = executor.submit(next, items, None)
            yield item


class ImageSource(Protocol):
    """The encoded images of a split, which are read from their files when they are needed.

    Only the labels and, in some sources, the file names of all images are in memory.

    Attributes:
        labels: int64 (N,).
        subset: which of all images in the files these are; None if no limit leaves out any.
    """

    labels: NDArray[np.int64]
    subset: ImageSubset | None

    def encoded(self, indices: Sequence[int]) -> list[EncodedImage]:
        """Return a name for messages and the encoded content of each image, in the order of ``indices``."""

    def file_ends(self) -> Iterator[FileEnds]:
        """Yield the first and the last bytes of image files.

        Of a large split, these are only as many files as can be read in seconds, spread evenly over the split.
        """

    def order(self, generator: torch.Generator) -> Tensor:
        """Return every index once, int64 (N,) on the CPU, in an order as random as efficient reading permits."""


class StreamedSplit(LabelledImages):
    """A split whose images are read from a source when needed, and decoded in as many threads as torch may use."""

    holds_pixels = False

    def __init__(
        self,
        source: ImageSource,
        transforms: ImageTransforms,
        statistics: tuple[ChannelValues, ChannelValues],
        labels: Tensor | None = None,
    ):
        """Open a split.

        Args:
            source: the encoded images.
            transforms: how images are cropped and resized.
            statistics: the mean and the standard deviation of each channel, for pixels in [0, 1].
            labels: the labels of ``source`` on the device to which batches are delivered; by default on the CPU.
        """
        self.source = source
        self.subset = source.subset
        self._transforms = transforms
        self._statistics = statistics
        self.labels = torch.from_numpy(source.labels) if labels is None else labels

    @property
    def side(self) -> int:
        """Return the height and width of the transformed images in pixels."""
        return self._transforms.size

    def to(self, device: torch.device) -> "StreamedSplit":
        """Return the same split with batches delivered to ``device``."""
        return StreamedSplit(self.source, self._transforms, self._statistics, self.labels.to(device))

    def read(self, indices: Tensor | slice) -> Tensor:
        """Read the images with these indices and apply the transform for evaluation: uint8 (n, 3, H, W)."""
        numbers = torch.arange(len(self))[indices if isinstance(indices, slice) else indices.cpu()].tolist()
        return self._decode(numbers, [self._transforms.for_evaluation] * len(numbers))

    def order(self, generator: torch.Generator) -> Tensor:
        """Return every index once, int64 (N,), in a random order that the source determines."""
        return self.source.order(generator).to(self.device)

    def training_batch(self, indices: Tensor, training: Training, generator: torch.Generator) -> Tensor:
        """Read the images with these indices and apply the random training transform: floats (n, 3, H, W) in [0, 1].

        Each image has its own generator, so that the number of threads does not change the result.
        """
        seeds = torch.randint(2**63 - 1, (len(indices),), generator=generator).tolist()
        flip = bool(training.flip)

        def seeded_transform(seed: int) -> _Transform:
            image_generator = torch.Generator().manual_seed(seed)
            return lambda image: self._transforms.for_training(image, flip=flip, generator=image_generator)

        return self._decode(indices.tolist(), [seeded_transform(seed) for seed in seeds]).float().div_(255)

    def channel_statistics(self) -> tuple[ChannelValues, ChannelValues]:
        """Return the mean and the standard deviation of each channel that the split was opened with."""
        return self._statistics

    def _decode(self, indices: Sequence[int], transforms: Sequence[_Transform]) -> Tensor:
        """Read and decode the images with these indices, and apply one transform to each: uint8 (n, 3, H, W)."""
        pixels = np.empty((len(indices), self.side, self.side, 3), dtype=np.uint8)

        def fill(position: int, encoded: EncodedImage, transform: _Transform) -> None:
            pixels[position] = np.asarray(transform(decode_image(*encoded)))

        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            for _ in pool.map(fill, range(len(indices)), self.source.encoded(indices), transforms):
                pass
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().to(self.device)
