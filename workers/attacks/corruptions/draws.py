"""Random numbers that belong to an image and do not depend on the batch that the image is in."""

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Generator, Tensor

from prunesweep.workers.random_streams import stream


class Draws:
    """The random numbers of some images for one corruption kind and severity.

    Each image has its own random stream, derived from kind, severity and the image's index. An image's numbers thus do
    not depend on the rest of the batch. Successive calls continue the streams. The numbers are drawn on the CPU, so
    that they are the same on every device. All methods return float64 (images, *shape) on the device.
    """

    def __init__(self, kind: str, severity: int, indices: range, device: torch.device) -> None:
        """Store what the streams are derived from; the streams are created on the first draw.

        Args:
            kind: the corruption kind.
            severity: 1 to 5.
            indices: the images' indices in their data set.
            device: the device of the returned numbers.
        """
        self._kind = kind
        self._severity = severity
        self._indices = indices
        self._device = device

    @cached_property
    def _streams(self) -> list[Generator]:
        """Return the stream of each image; it is created on the first draw, because many kinds draw nothing."""
        return [stream("corruption", self._kind, self._severity, index) for index in self._indices]

    def normal(self, *shape: int) -> Tensor:
        """Draw standard normal numbers, with float32 precision: this is three times as fast, and finer than levels."""
        return self._draw_each(lambda source: torch.randn(shape, generator=source)).double()

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Draw uniform numbers in [low, high)."""
        unit = self._draw_each(lambda source: torch.rand(shape, generator=source, dtype=torch.float64))
        return unit.mul_(high - low).add_(low)

    def poisson(self, rates: Tensor) -> Tensor:
        """Draw one Poisson count for each of the means ``rates``, float64 (images, *shape)."""
        remaining = iter(rates.cpu())
        return self._draw_each(lambda source: torch.poisson(next(remaining), source))

    def _draw_each(self, draw: Callable[[Generator], Tensor]) -> Tensor:
        """Call ``draw`` with each image's stream, and return the results stacked on the device."""
        return torch.stack([draw(source) for source in self._streams]).to(self._device)
