"""Random numbers that belong to an image and not to the batch that it happens to be in."""

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Generator, Tensor

from prunesweep.workers.random_streams import stream


class Draws:
    """The random numbers of the images ``indices`` under one kind and severity.

    Each image has a stream of its own, derived from (kind, severity, index), so that its numbers do not
    depend on the images beside it, and successive calls go on in it. The numbers are drawn on the CPU, so
    that they are the same on every device. All methods return float64 (images, *shape) on ``device``.
    """

    def __init__(self, kind: str, severity: int, indices: range, device: torch.device) -> None:
        self._kind = kind
        self._severity = severity
        self._indices = indices
        self._device = device

    @cached_property
    def _streams(self) -> list[Generator]:
        """Made on the first draw: many kinds draw nothing."""
        return [stream("corruption", self._kind, self._severity, index) for index in self._indices]

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers, drawn in float32: thrice as fast, and finer than any level."""
        return self._each(lambda source: torch.randn(shape, generator=source)).double()

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        """Numbers uniform in [low, high)."""
        unit = self._each(lambda source: torch.rand(shape, generator=source, dtype=torch.float64))
        return unit.mul_(high - low).add_(low)

    def poisson(self, rates: Tensor) -> Tensor:
        """Poisson counts whose means are ``rates``, float64 (images, *shape)."""
        remaining = iter(rates.cpu())
        return self._each(lambda source: torch.poisson(next(remaining), source))

    def _each(self, draw: Callable[[Generator], Tensor]) -> Tensor:
        return torch.stack([draw(source) for source in self._streams]).to(self._device)
