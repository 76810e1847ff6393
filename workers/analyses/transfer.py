"""Transfer: images crafted on a source are shown to targets (Papernot et al. 2016; Table 4 of the paper).

The diagonal, a network's own images, is the white-box accuracy.
"""

import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prunesweep.results_store import Store
from prunesweep.results_store.documents import TransferResult
from prunesweep.results_store.halves import by_half
from prunesweep.sweeps.analyses import TransferAnalysis
from prunesweep.sweeps.attacks import EpsilonSettings, Pgd
from prunesweep.sweeps.catalogue import ATTACKS, TRANSFER_VERSION
from prunesweep.sweeps.keys import key_of
from prunesweep.workers.architectures.folding import folded
from prunesweep.workers.attacks.fgsm import step
from prunesweep.workers.attacks.pgd import pgd_images
from prunesweep.workers.attacks.subject import Subject
from prunesweep.workers.cache import kept_tensor
from prunesweep.workers.data.split import LabelledImages
from prunesweep.workers.runtime import device_name
from prunesweep.workers.stored_network import StoredNetwork

Craft = Callable[[Subject, EpsilonSettings, slice], Tensor]


def transfer_from(
    source: StoredNetwork,
    targets: Sequence[StoredNetwork],
    test: LabelledImages,
    test_fingerprint: str,
    store: Store,
    *,
    attack: str,
    settings: EpsilonSettings,
) -> None:
    """Shows images that are crafted on the source to each target, and stores one result a target.

    Images are crafted once, whatever the number of targets. Where the test images are in memory the crafted ones are
    kept (``prunesweep.workers.cache``), for other targets of other times. Every test image counts.

    Args:
        targets: on images of the same size and of the same classes as the source; the source may be one of them.
        test_fingerprint: names the test images.
        attack: one of ``CRAFTS``.
        settings: of that attack, with one ε, which is the headline's.
    """
    start = time.monotonic()
    subject = Subject(source.network, test, test_fingerprint)
    crafted = _crafted(source, subject, attack, settings)
    folded_targets = {target.key: folded(target.network) for target in targets}
    correct: dict[str, list[Tensor]] = {target.key: [] for target in targets}
    for batch in subject.batches():
        images = crafted(batch)  # which may need gradients
        with torch.inference_mode():
            for key, folded_network in folded_targets.items():
                correct[key].append(folded_network(images).argmax(1) == subject.labels[batch])
    seconds = (time.monotonic() - start) / len(targets)
    for target in targets:
        right = torch.cat(correct[target.key]).cpu().numpy()
        analysis = TransferAnalysis(source.key, target.key, attack, settings, test_fingerprint)
        store.save_result(_result(analysis, right, seconds))


def _crafted(
    source: StoredNetwork, subject: Subject, attack: str, settings: EpsilonSettings
) -> Callable[[slice], Tensor]:
    """Gives a batch's crafted images, float32 in [0, 1]: kept ones, or made as needed where images are streamed."""
    device = subject.labels.device
    if not subject.test.holds_pixels:
        return lambda batch: CRAFTS[attack](subject, settings, batch)
    versions = [ATTACKS[attack].version, TRANSFER_VERSION]
    made_of = [source.key, attack, *versions, settings.non_default(), subject.test_fingerprint]
    kept = kept_tensor(
        "crafted",
        key_of("crafted", [*made_of, device_name(device)]),
        lambda: torch.cat([CRAFTS[attack](subject, settings, batch).cpu() for batch in subject.batches()]),
    )
    return lambda batch: kept[batch].to(device)


def _fgsm(subject: Subject, settings: EpsilonSettings, batch: slice) -> Tensor:
    """The same pixels as those of ``prunesweep.workers.attacks.fgsm``."""
    return step(subject.pixels(batch), subject.gradient_signs(batch), settings.headline)


def _pgd(subject: Subject, settings: EpsilonSettings, batch: slice) -> Tensor:
    """The last iterates: an image that stops where it just fools the source hardly fools another network."""
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
"""The attacks whose images can be shown to another network."""


def _result(analysis: TransferAnalysis, right: NDArray[np.bool_], seconds: float) -> TransferResult:
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
        "total": by_half(np.ones_like(right)),
        "correct": by_half(right),
        "seconds": seconds,
        "finished_at": time.time(),
    }
