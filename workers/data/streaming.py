"""Images that are read when they are asked for, so that memory does not grow with their number."""

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
from prunesweep.workers.data.views import View

Element = TypeVar("Element")
Encoded = tuple[str, bytes]
FileEnds = tuple[int, bytes, bytes]
"""An image's index, and the first and the last bytes of its file: at the most, all of them."""
ImageView = Callable[[Image.Image], Image.Image]


def ahead(items: Iterator[Element]) -> Iterator[Element]:
    """The same items in the same order, each made while the one before it is used: decoding takes long."""
    with ThreadPoolExecutor(1) as maker:
        coming = maker.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = maker.submit(next, items, None)
            yield item


class Source(Protocol):
    """Where encoded images lie. Of each it holds in memory its label and, at most, its name.

    ``chosen``: which images of all that lie there these are, where a limit keeps some.
    """

    labels: NDArray[np.int64]
    chosen: ImageSubset | None

    def encoded(self, indices: Sequence[int]) -> list[Encoded]:
        """(name for messages, file content) of these images."""

    def file_ends(self) -> Iterator[FileEnds]:
        """Look at as many images as take seconds, spread evenly: at all of them where there are no more."""

    def order(self, generator: torch.Generator) -> Tensor:
        """Every index once, int64 (N,) on the CPU, mixed as well as it can be read."""


class StreamedSplit(LabelledImages):
    """A source's images as ``view`` shows them, decoded by as many threads as torch may use.

    ``source``: where they lie; ``statistics``: mean and standard deviation of each channel, to normalise by.
    """

    holds_pixels = False

    def __init__(
        self, source: Source, view: View, statistics: tuple[ChannelValues, ChannelValues], labels: Tensor | None = None
    ):
        self.source = source
        self.chosen = source.chosen
        self._view = view
        self._statistics = statistics
        self.labels = torch.from_numpy(source.labels) if labels is None else labels

    @property
    def side(self) -> int:
        return self._view.size

    def to(self, device: torch.device) -> "StreamedSplit":
        return StreamedSplit(self.source, self._view, self._statistics, self.labels.to(device))

    def read(self, chosen: Tensor | slice) -> Tensor:
        indices = torch.arange(len(self))[chosen if isinstance(chosen, slice) else chosen.cpu()].tolist()
        return self._decode(indices, [self._view.for_evaluation] * len(indices))

    def order(self, generator: torch.Generator) -> Tensor:
        return self.source.order(generator).to(self.device)

    def training_batch(self, chosen: Tensor, training: Training, generator: torch.Generator) -> Tensor:
        """Crops of random size and shape. Each image has a stream of its own, so that threads change no number."""
        seeds = torch.randint(2**63 - 1, (len(chosen),), generator=generator).tolist()
        flip = bool(training.flip)

        def view(seed: int) -> ImageView:
            own = torch.Generator().manual_seed(seed)
            return lambda image: self._view.for_training(image, flip=flip, generator=own)

        return self._decode(chosen.tolist(), [view(seed) for seed in seeds]).float().div_(255)

    def channel_statistics(self) -> tuple[ChannelValues, ChannelValues]:
        return self._statistics

    def _decode(self, indices: Sequence[int], views: Sequence[ImageView]) -> Tensor:
        """uint8 (n, 3, H, W) of these images, each through its view."""
        pixels = np.empty((len(indices), self.side, self.side, 3), dtype=np.uint8)

        def fill(place: int, encoded: Encoded, view: ImageView) -> None:
            pixels[place] = np.asarray(view(decode_image(*encoded)))

        with ThreadPoolExecutor(torch.get_num_threads()) as pool:
            for _ in pool.map(fill, range(len(indices)), self.source.encoded(indices), views):
                pass
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().to(self.device)
