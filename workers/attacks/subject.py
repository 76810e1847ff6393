"""The subject of attacks: a finished network and its test images, with results that several attacks share."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prunesweep.results_store.predictions import Predictions
from prunesweep.workers.architectures.folding import fold_batch_norms
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.attacks.losses import input_gradient, logit_margins, misclassified
from prunesweep.workers.data.split import LabelledImages

# Fixed, because the last bits of a convolution may depend on the batch size.
EVALUATION_BATCH = 250
# For images of at least LARGE_SIDE pixels a side, because their gradients take long.
LARGE_IMAGE_BATCH = 50
LARGE_SIDE = 65
# An image's gradient counts as vanishing, too small for fp32, if every component of it is below this in magnitude.
VANISHING_GRADIENT = 1e-12


@dataclass(frozen=True)
class Outcome:
    """The outcome of one attack at one severity: for each test image, whether the network classifies it correctly.

    Attributes:
        kind: the name of the attack. For the attack ``corruptions``, the kind of corruption.
        severity: the severity in the attack's unit: ε, the side of a square in pixels, or 1 to 5 for corruptions. It is
            0 for clean images.
        correct: whether the network classifies each image correctly, bool (images,).
    """

    kind: str
    severity: float
    correct: NDArray[np.bool_]


@dataclass(frozen=True)
class Evaluation:
    """The outcomes of one network under one attack.

    Attributes:
        outcomes: the outcomes, one per kind and severity.
        headline_severity: the severity that enters robustness. None if the mean over all severities enters it.
        measures: further results: column of the table ``trials`` -> value.
        source: where the attacked images come from, in words. Empty if there is nothing to say.
        headline: the headline (the severity that enters robustness) in words, if its text depends on the images. Else
            empty, and the ``headline_text`` of the attack's settings is used.
        predictions: the predictions on the clean images; None for an attack.
    """

    outcomes: tuple[Outcome, ...]
    headline_severity: float | None
    measures: dict[str, float] = field(default_factory=dict)
    source: str = ""
    headline: str = ""
    predictions: Predictions | None = None


@dataclass(frozen=True)
class CleanPass:
    """The results of one forward and backward pass over the clean test images.

    Attributes:
        correct: whether each image is classified correctly, bool (images,).
        predictions: the predicted classes and their confidences.
        margins: the logit of the true class minus the largest other logit, float32 (images,).
        vanishing: whether each image's gradient vanishes, that is, every component of it is below
            ``VANISHING_GRADIENT`` in magnitude, bool (images,).
        signs: the sign of the cross-entropy's gradient at each pixel, int8 (images, 3, H, W). None if the images are
            streamed, because the signs may not fit in memory.
    """

    correct: NDArray[np.bool_]
    predictions: Predictions
    margins: Tensor
    vanishing: NDArray[np.bool_]
    signs: Tensor | None


class Subject:
    """A network in evaluation mode in fp32, with all test images and their true labels."""

    def __init__(
        self,
        network: Network,
        test: LabelledImages,
        test_fingerprint: str,
        check_stop: Callable[[], None] = lambda: None,
        *,
        folded_network: Network | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        """Put the network in evaluation mode and stop gradients of its parameters.

        Args:
            network: the network; it is changed in place.
            test: the test images.
            test_fingerprint: a hash of the test images, which identifies them in the cache of corrupted images.
            check_stop: called before each batch, and by slow attacks also within a batch. It may raise to end the
                evaluation.
            folded_network: the network with its batch norms folded, if the caller has it already.
            say: called with what takes long and is not the evaluation itself, in words.
        """
        self.network = network.eval().requires_grad_(False)
        self.test = test
        self.labels = test.labels
        self.test_fingerprint = test_fingerprint
        self.say = say
        self._check_stop = check_stop
        self._last_read: tuple[slice | Tensor, Tensor] | None = None
        if folded_network is not None:
            self.folded_network = folded_network

    @cached_property
    def folded_network(self) -> Network:
        """Return the network with its batch norms folded, which classifies images faster if no gradient is needed."""
        return fold_batch_norms(self.network)

    def check_stop(self) -> None:
        """Raise if the evaluation must end; attacks that take long for one batch call this within the batch."""
        self._check_stop()

    @property
    def side(self) -> int:
        """Return the height and width of the images in pixels."""
        return self.test.side

    @property
    def batch_size(self) -> int:
        """Return the number of images in a batch."""
        return EVALUATION_BATCH if self.side < LARGE_SIDE else LARGE_IMAGE_BATCH

    def batches(self) -> Iterator[slice]:
        """Yield the test images in order, one slice per batch; ``check_stop`` is called before each batch."""
        for start in range(0, len(self.labels), self.batch_size):
            self._check_stop()
            yield slice(start, start + self.batch_size)

    def pixels(self, batch: slice | Tensor) -> Tensor:
        """Return a new tensor with the clean images of a batch, float32 (n, 3, H, W) in [0, 1].

        Args:
            batch: a slice of the test images, or their indices.
        """
        return self.levels(batch).float().div_(255)

    def levels(self, batch: slice | Tensor) -> Tensor:
        """Return the clean images of a batch, uint8 (n, 3, H, W), which must not be changed.

        The last batch is kept in memory, because reading streamed images takes long.

        Args:
            batch: a slice of the test images, or their indices.
        """
        if self._last_read is None or not _is_same_batch(self._last_read[0], batch):
            self._last_read = (batch, self.test.read(batch))
        return self._last_read[1]

    def correct_under(self, attacked: Callable[[slice], Tensor]) -> NDArray[np.bool_]:
        """Return a mask, bool (images,), of the test images that the network classifies correctly under an attack.

        Args:
            attacked: returns the attacked images of a batch, float32 (n, 3, H, W) in [0, 1].
        """
        (correct,) = self.correct_under_each(lambda batch: (attacked(batch),))
        return correct

    def correct_under_each(self, attacked: Callable[[slice], Iterable[Tensor]]) -> list[NDArray[np.bool_]]:
        """Return, for each of several attacks, a mask of the test images that are classified correctly, bool (images,).

        A batch of clean images is read once for all attacks.

        Args:
            attacked: returns, for one batch, the attacked images of each attack, float32 (n, 3, H, W) in [0, 1].
        """
        by_batch = []
        with torch.inference_mode():
            for batch in self.batches():
                by_batch.append([self._correct_in_batch(images, batch) for images in attacked(batch)])
        return [_concatenate(parts) for parts in zip(*by_batch, strict=True)]

    def _correct_in_batch(self, images: Tensor, batch: slice) -> Tensor:
        """Return a mask, bool (n,), of the attacked images of a batch that the folded network classifies correctly."""
        self._check_stop()
        logits: Tensor = self.folded_network(images)
        return logits.argmax(1) == self.labels[batch]

    def gradient_signs(self, batch: slice) -> Tensor:
        """Return the sign of the cross-entropy's gradient at each pixel of a clean batch, int8 (n, 3, H, W)."""
        stored = self.clean_pass.signs if self.test.holds_pixels else None
        return _to_int8_signs(self._gradient_and_logits(batch)[0]) if stored is None else stored[batch]

    @cached_property
    def clean_pass(self) -> CleanPass:
        """Return the results on clean images that both the clean evaluation and FGSM need; they are computed once."""
        correct, predicted, confidences, margins, vanishing, signs = [], [], [], [], [], []
        for batch in self.batches():
            gradient, logits = self._gradient_and_logits(batch)
            correct.append(~misclassified(logits, self.labels[batch]))
            predicted.append(logits.argmax(1))
            confidences.append(logits.double().softmax(1).amax(1))
            margins.append(logit_margins(logits, self.labels[batch]))
            vanishing.append(gradient.abs().amax((1, 2, 3)) < VANISHING_GRADIENT)
            if self.test.holds_pixels:
                signs.append(_to_int8_signs(gradient))
        all_signs = torch.cat(signs) if signs else None
        predictions = Predictions(
            self.labels.cpu().numpy(), torch.cat(predicted).cpu().numpy(), torch.cat(confidences).cpu().numpy()
        )
        return CleanPass(_concatenate(correct), predictions, torch.cat(margins), _concatenate(vanishing), all_signs)

    def _gradient_and_logits(self, batch: slice) -> tuple[Tensor, Tensor]:
        """Return the cross-entropy's gradient at each pixel of a batch's clean images, and their logits."""
        return input_gradient(self.network, self.pixels(batch), self.labels[batch], "cross_entropy")


def _is_same_batch(first: slice | Tensor, second: slice | Tensor) -> bool:
    """Return whether two batches are equal slices, or equal indices."""
    if isinstance(first, slice) or isinstance(second, slice):
        return type(first) is type(second) and first == second
    return torch.equal(first.cpu(), second.cpu())


def _to_int8_signs(gradient: Tensor) -> Tensor:
    """Return the signs of a gradient as int8."""
    return gradient.sign().to(torch.int8)


def _concatenate(parts: Iterable[Tensor]) -> NDArray[np.bool_]:
    """Return the flags of all batches as one array, bool (images,)."""
    flags: NDArray[np.bool_] = torch.cat(list(parts)).cpu().numpy()
    return flags
