"""A finished network under attack, with what several attacks need of it computed once."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prunesweep.workers.architectures.folding import folded
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.attacks.losses import input_gradient, logit_margins, misclassified
from prunesweep.workers.data.split import LabelledImages

# Fixed, because the last bits of a convolution may depend on it; fewer of images so large that gradients take long.
EVALUATION_BATCH = 250
LARGE_IMAGE_BATCH = 50
LARGE_SIDE = 65
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
    """What an attack found. ``measures`` are columns of ``trials``; ``source`` says where attacked images come from.

    ``headline_severity``: None where all severities count. ``headline``: it in words, where these depend on the images
    and the settings alone cannot give them.
    """

    outcomes: tuple[Outcome, ...]
    headline_severity: float | None
    measures: dict[str, float] = field(default_factory=dict)
    source: str = ""
    headline: str = ""


@dataclass(frozen=True)
class CleanPass:
    """What one pass over the clean images and back tells of each of them.

    ``correct`` and ``vanishing``, bool (images,): whether it is classified rightly, and whether it has no gradient to
    follow, every component below ``VANISHING``. ``margins``, float32 (images,): the true class's logit minus the
    largest other. ``signs``, int8 (images, 3, H, W), of the cross-entropy's gradient: kept where the pixels are kept.
    """

    correct: NDArray[np.bool_]
    margins: Tensor
    vanishing: NDArray[np.bool_]
    signs: Tensor | None


class Subject:
    """A network in evaluation mode in fp32, with all test images and their true labels.

    ``test_fingerprint`` names the images, for what is made of them once and kept. ``folded_network``: where the caller has
    it already.
    """

    def __init__(
        self,
        network: Network,
        test: LabelledImages,
        test_fingerprint: str,
        check_stop: Callable[[], None] = lambda: None,
        *,
        folded_network: Network | None = None,
    ) -> None:
        self.network = network.eval().requires_grad_(False)
        self.test = test
        self.labels = test.labels
        self.test_fingerprint = test_fingerprint
        self._check_stop = check_stop
        self._last: tuple[slice | Tensor, Tensor] | None = None
        if folded_network is not None:
            self.folded_network = folded_network

    @cached_property
    def folded_network(self) -> Network:
        """The network with its batch norms folded: what images are shown to of which no gradient is wanted."""
        return folded(self.network)

    def check_stop(self) -> None:
        """Called by attacks that take long over a batch; raises where an end is asked for."""
        self._check_stop()

    @property
    def side(self) -> int:
        """Height and width of the images in pixels."""
        return self.test.side

    @property
    def batch_size(self) -> int:
        """How many images are shown at once."""
        return EVALUATION_BATCH if self.side < LARGE_SIDE else LARGE_IMAGE_BATCH

    def batches(self) -> Iterator[slice]:
        """The test images in order, as slices; an end that is asked for comes between two."""
        for start in range(0, len(self.labels), self.batch_size):
            self._check_stop()
            yield slice(start, start + self.batch_size)

    def pixels(self, batch: slice | Tensor) -> Tensor:
        """A batch of the clean images, a slice or indices: float32 in [0, 1]."""
        return self.levels(batch).float().div_(255)

    def levels(self, batch: slice | Tensor) -> Tensor:
        """A batch of the clean images, uint8, not to be changed. The last one is kept: streamed, reading takes long."""
        if self._last is None or not _same(self._last[0], batch):
            self._last = (batch, self.test.read(batch))
        return self._last[1]

    def correct(self, attacked: Callable[[slice], Tensor]) -> NDArray[np.bool_]:
        """Which images the network gets right when ``attacked`` gives a batch's pixels, float32 in [0, 1]."""
        (correct,) = self.correct_each(lambda batch: (attacked(batch),))
        return correct

    def correct_each(self, attacked: Callable[[slice], Iterable[Tensor]]) -> list[NDArray[np.bool_]]:
        """The same for each of several attacks, whose pixels ``attacked`` gives one after the other.

        So a batch is read once for all of them.
        """
        parts = []
        with torch.inference_mode():
            for batch in self.batches():
                parts.append([self._correct_batch(images, batch) for images in attacked(batch)])
        return [_joined(of_one) for of_one in zip(*parts, strict=True)]

    def _correct_batch(self, images: Tensor, batch: slice) -> Tensor:
        self._check_stop()
        logits: Tensor = self.folded_network(images)
        return logits.argmax(1) == self.labels[batch]

    def gradient_signs(self, batch: slice) -> Tensor:
        """Sign of the cross-entropy's gradient with respect to each pixel of a batch's clean images: int8."""
        kept = self.clean_pass.signs if self.test.holds_pixels else None
        return _signs(self._gradient(batch)[0]) if kept is None else kept[batch]

    @cached_property
    def clean_pass(self) -> CleanPass:
        """What the clean accuracy and FGSM need alike: made once for both."""
        correct, margins, vanishing, signs = [], [], [], []
        for batch in self.batches():
            gradient, logits = self._gradient(batch)
            correct.append(~misclassified(logits, self.labels[batch]))
            margins.append(logit_margins(logits, self.labels[batch]))
            vanishing.append(gradient.abs().amax((1, 2, 3)) < VANISHING)
            if self.test.holds_pixels:
                signs.append(_signs(gradient))
        kept = torch.cat(signs) if signs else None
        return CleanPass(_joined(correct), torch.cat(margins), _joined(vanishing), kept)

    def _gradient(self, batch: slice) -> tuple[Tensor, Tensor]:
        """Of the cross-entropy with respect to each pixel of a batch's clean images; and their logits."""
        return input_gradient(self.network, self.pixels(batch), self.labels[batch], "cross_entropy")


def _same(one: slice | Tensor, other: slice | Tensor) -> bool:
    if isinstance(one, slice) or isinstance(other, slice):
        return type(one) is type(other) and one == other
    return torch.equal(one.cpu(), other.cpu())


def _signs(gradient: Tensor) -> Tensor:
    return gradient.sign().to(torch.int8)


def _joined(parts: Iterable[Tensor]) -> NDArray[np.bool_]:
    joined: NDArray[np.bool_] = torch.cat(list(parts)).cpu().numpy()
    return joined
