"""Transfer: the accuracy of a target on images crafted on a source (Papernot et al. 2016; the paper's Table 4).

If source and target are the same network, this is the white-box accuracy.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prunesweep.results_store.documents import TransferResult
from prunesweep.results_store.halves import count_by_half
from prunesweep.sweeps.analyses import Transfer
from prunesweep.sweeps.attacks import EpsilonSettings, Pgd
from prunesweep.sweeps.catalogue import ATTACKS, TRANSFER_VERSION
from prunesweep.sweeps.keys import key_of
from prunesweep.workers.architectures.folding import fold_batch_norms
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.attacks.fgsm import fgsm_step
from prunesweep.workers.attacks.pgd import pgd_images
from prunesweep.workers.attacks.subject import Subject
from prunesweep.workers.cache import cached_tensor
from prunesweep.workers.data.split import LabelledImages
from prunesweep.workers.runtime import device_name

Craft = Callable[[Subject, EpsilonSettings, slice], Tensor]


def measure_transfer(
    analyses: Sequence[Transfer], networks: Mapping[str, Network], test: LabelledImages
) -> Iterator[TransferResult]:
    """Measure the accuracy of each target network on adversarial images that are crafted on the source network.

    Images are crafted once for all targets. If the test images are in memory, the crafted images are cached
    (``prunesweep.workers.cache``) for later calls with other targets. Accuracies are over all test images, also those
    that a network misclassifies without an attack.

    Args:
        analyses: analyses that differ in the target alone.
        networks: the source and the targets by key, in evaluation mode, for images of the same size and classes.
        test: the test images.

    Yields:
        The result of each analysis, in the order of ``analyses``.
    """
    start = time.monotonic()
    subject = Subject(networks[analyses[0].source], test, analyses[0].test_fingerprint)
    crafted_images = _crafted_images(analyses[0], subject)
    folded_targets = {analysis.target: fold_batch_norms(networks[analysis.target]) for analysis in analyses}
    correct: dict[str, list[Tensor]] = {key: [] for key in folded_targets}
    for batch in subject.batches():
        images = crafted_images(batch)  # which may need gradients
        with torch.inference_mode():
            for key, target in folded_targets.items():
                correct[key].append(target(images).argmax(1) == subject.labels[batch])
    seconds = (time.monotonic() - start) / len(analyses)
    for analysis in analyses:
        yield _result(analysis, torch.cat(correct[analysis.target]).cpu().numpy(), seconds)


def _crafted_images(analysis: Transfer, subject: Subject) -> Callable[[slice], Tensor]:
    """Return a function from a batch to its crafted images, float32 in [0, 1].

    If the test images are in memory, the crafted images are cached. If the test images are streamed, each batch is
    crafted when the function is called.
    """
    craft, settings, device = CRAFTS[analysis.attack], analysis.settings, subject.labels.device
    if not subject.test.holds_pixels:
        return lambda batch: craft(subject, settings, batch)
    versions = [ATTACKS[analysis.attack].version, TRANSFER_VERSION]
    content = [analysis.source, analysis.attack, *versions, settings.non_default(), subject.test_fingerprint]
    cached = cached_tensor(
        "crafted",
        key_of("crafted", [*content, device_name(device)]),
        lambda: torch.cat([craft(subject, settings, batch).cpu() for batch in subject.batches()]),
    )
    return lambda batch: cached[batch].to(device)


def _fgsm(subject: Subject, settings: EpsilonSettings, batch: slice) -> Tensor:
    """Craft a batch by FGSM; the images are the same as those of ``prunesweep.workers.attacks.fgsm``."""
    return fgsm_step(subject.pixels(batch), subject.gradient_signs(batch), settings.headline)


def _pgd(subject: Subject, settings: EpsilonSettings, batch: slice) -> Tensor:
    """Craft a batch by PGD, and return the last iterates.

    An image whose iterations stop as soon as it fools the source network hardly ever fools another network.
    """
    assert isinstance(settings, Pgd)
    labels = subject.labels[batch]
    adversarial, _ = pgd_images(
        subject.network,
        subject.pixels(batch),
        labels,
        torch.arange(batch.start, batch.start + len(labels)),
        epsilon=settings.headline,
        steps=settings.steps,
        step_size=settings.step_size,
        restarts=settings.restarts,
        loss=settings.loss,
        random_start=settings.random_start,
        last_iterate=True,
    )
    return adversarial


CRAFTS: dict[str, Craft] = {"fgsm": _fgsm, "pgd": _pgd}
"""The function that crafts a batch, for each of ``prunesweep.sweeps.analyses.CRAFTING_ATTACKS``."""


def _result(analysis: Transfer, right: NDArray[np.bool_], seconds: float) -> TransferResult:
    return {
        "kind": "transfer",
        "key": analysis.key,
        "source_key": analysis.source,
        "target_key": analysis.target,
        "attack": analysis.attack,
        "version": ATTACKS[analysis.attack].version,
        "headline": analysis.settings.headline_text(),
        "severity": analysis.settings.headline,
        "test_fingerprint": analysis.test_fingerprint,
        "total": count_by_half(np.ones_like(right)),
        "correct": count_by_half(right),
        "seconds": seconds,
        "finished_at": time.time(),
    }
