"""Random numbers that belong to an image and do not depend on the batch that the image is in."""

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Generator, Tensor

from prunesweep.workers.random_streams import stream


class Draws:
    """The random numbers of some images for one corruption kind and severity.

    Each image has its own stream, derived from (kind, severity, index), so that its numbers do not depend on the rest
    of the batch; successive calls continue the stream. The numbers are drawn on the CPU, so that they are the same on
    every device. All methods return float64 (images, *shape) on the device.
    """

    def __init__(self, kind: str, severity: int, indices: range, device: torch.device) -> None:
        """Prepare the streams; they are created on the first draw.

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
        """The stream of each image, created on the first draw because many kinds draw nothing."""
        return [stream("corruption", self._kind, self._severity, index) for index in self._indices]

    def normal(self, *shape: int) -> Tensor:
        """Draw standard normal numbers, in float32: three times as fast, and finer than any level."""
        return self._draw_each(lambda source: torch.randn(shape, generator=source)).double()

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Draw uniform numbers in [low, high)."""
        unit = self._draw_each(lambda source: torch.rand(shape, generator=source, dtype=torch.float64))
        return unit.mul_(high - low).add_(low)

    def poisson(self, rates: Tensor) -> Tensor:
        """Draw Poisson counts with these means, float64 (images, *shape)."""
        remaining = iter(rates.cpu())
        return self._draw_each(lambda source: torch.poisson(next(remaining), source))

    def _draw_each(self, draw: Callable[[Generator], Tensor]) -> Tensor:
        """Return what ``draw`` returns for each image's stream, stacked on the device."""
        return torch.stack([draw(source) for source in self._streams]).to(self._device)
