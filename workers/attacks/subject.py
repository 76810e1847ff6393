"""A finished network under attack, with what several attacks need of it computed once."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from workers.architectures.network import Network
from workers.data.dataset import Split

# Fixed, because the last bits of a convolution may depend on it.
BATCH = 250
# Below this, a gradient of the loss with respect to an image counts as none: fp32 has nothing left to follow.
VANISHING = 1e-12


@dataclass(frozen=True)
class Outcome:
    """Which test images stay correctly classified, bool (images,), at one severity of one kind."""

    kind: str
    severity: float
    correct: NDArray[np.bool_]


@dataclass(frozen=True)
class Evaluation:
    """What an attack found. ``measures`` are columns of ``trials``; ``source`` says where attacked images come from."""

    outcomes: tuple[Outcome, ...]
    headline_severity: float
    measures: dict[str, float] = field(default_factory=dict)
    source: str = ""


class Subject:
    """A network in evaluation mode in fp32, with all test images and their true labels.

    ``test_fingerprint`` names the images, for what is made of them once and kept.
    """

    def __init__(
        self, network: Network, test: Split, test_fingerprint: str, check_stop: Callable[[], None] = lambda: None
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self.images = test.images
        self.labels = test.labels
        self.test_fingerprint = test_fingerprint
        self._check_stop = check_stop

    @property
    def side(self) -> int:
        """Height and width of the images in pixels."""
        return int(self.images.shape[-1])

    def batches(self) -> Iterator[slice]:
        """The test images in order, as slices; an end that is asked for comes between two."""
        for start in range(0, len(self.labels), BATCH):
            self._check_stop()
            yield slice(start, start + BATCH)

    def pixels(self, batch: slice) -> Tensor:
        """A batch of the clean images, float32 in [0, 1]."""
        return self.images[batch].float().div_(255)

    def correct(self, attacked: Callable[[slice], Tensor]) -> NDArray[np.bool_]:
        """Which images the network gets right when ``attacked`` gives a batch's pixels, float32 in [0, 1]."""
        with torch.inference_mode():
            return _joined(self.network(attacked(batch)).argmax(1) == self.labels[batch] for batch in self.batches())

    @cached_property
    def logits(self) -> Tensor:
        """Of the clean images: (N, classes)."""
        with torch.inference_mode():
            return torch.cat([self.network(self.pixels(batch)) for batch in self.batches()])

    @cached_property
    def _gradient(self) -> tuple[Tensor, NDArray[np.bool_]]:
        signs, vanishing = [], []
        with torch.inference_mode(False), torch.enable_grad():  # also where an attack asks while it only classifies
            for batch in self.batches():
                images = self.pixels(batch).requires_grad_()
                # The sum, so that an image's gradient does not depend on the size of its batch.
                loss = cross_entropy(self.network(images), self.labels[batch], reduction="sum")
                (gradient,) = torch.autograd.grad(loss, images)
                signs.append(gradient.sign().to(torch.int8))
                vanishing.append(gradient.abs().amax((1, 2, 3)) < VANISHING)
        return torch.cat(signs), _joined(vanishing)

    @property
    def gradient_signs(self) -> Tensor:
        """Sign of the cross-entropy's gradient with respect to each pixel: int8 (N, 3, H, W), clean images."""
        return self._gradient[0]

    @property
    def vanishing(self) -> NDArray[np.bool_]:
        """Which images have no gradient to follow: every component below ``VANISHING``."""
        return self._gradient[1]


def _joined(parts: Iterable[Tensor]) -> NDArray[np.bool_]:
    return torch.cat(list(parts)).cpu().numpy()
