"""Single elements: the accuracies of a network when one filter, or one residual block, is removed alone.

Algorithm 2 of Jordao and Pedrini (2021): each removable element is removed by itself, without adjustment, and the
network classifies the clean and the attacked images. Silencing an element has the effect of removing it, so that no
network is rebuilt.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from prunesweep.results_store.documents import ElementCounts, ElementsResult
from prunesweep.sweeps.analyses import SingleElements
from prunesweep.sweeps.attacks import MEAN, AttackSettings, Clean, Corruptions, Fgsm, Occlusion
from prunesweep.sweeps.catalogue import CLEAN, EVALUATIONS
from prunesweep.sweeps.events import ImagesEvaluated
from prunesweep.workers.architectures.architecture import Segment
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.attacks.corruptions.sources import corrupted_source
from prunesweep.workers.attacks.fgsm import fgsm_step
from prunesweep.workers.attacks.occlusion import occlude
from prunesweep.workers.attacks.subject import Subject
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.data.limits import sample_images
from prunesweep.workers.pruning.masking import silenced_per_batch
from prunesweep.workers.pruning.silenced_logits import (
    StructureMask,
    block_mask,
    compute_masked_logits,
    filter_masks,
    group_by_segment,
    run_segments,
)
from prunesweep.workers.work import ShouldStop, Stopped

FEWEST_PER_WALK = 8
"""Fewest elements to measure in one pass through the network, so that the pass itself costs little per element."""

CorrectCounts = Mapping[str, list[int]]
"""By attack, the number of correctly classified images with each mask applied alone."""

AttackedPixels = Callable[[Tensor], Iterable[Tensor]]
"""A function from a batch's indices to its attacked images, float32 in [0, 1], once for each kind and severity."""


def measure_elements(
    analyses: Sequence[SingleElements],
    network: Network,
    data: Dataset,
    *,
    test_fingerprint: str,
    progress: Callable[[ImagesEvaluated], None] = lambda event: None,
    should_stop: ShouldStop = lambda: False,
) -> Iterator[ElementsResult]:
    """Count the correctly classified images with each removable element of some modules removed alone.

    An element is a filter or a residual block. The network runs on the device of ``data``. An analysis uses
    ``analysis.images`` test images. If these are not all, they are the first images of a data set whose images are in
    random order, else images that are spread evenly over the classes.

    Args:
        analyses: analyses of one network that differ in the module alone, in the order in which the modules run.
        network: the network, in evaluation mode.
        data: the data set whose test images are classified.
        test_fingerprint: fingerprint of all test images of the data set.
        progress: called after every batch of images.
        should_stop: called between batches and between elements; it returns True to stop the analyses.

    Yields:
        The result of each analysis, in the order of ``analyses``. ``Stopped`` is raised as soon as ``should_stop``
            returns True.
    """
    first = analyses[0]

    def check_stop() -> None:
        if should_stop():
            raise Stopped(first.network)

    subject = Subject(network, data.test, test_fingerprint, check_stop)
    images = _images(first, data, test_fingerprint)
    masks = module_masks(network, first.structure)
    unpruned = StructureMask(network.architecture.segments(network.body)[0][0], {})
    reference = count_each(subject, [unpruned], first.attacks, images)
    for group in _group_analyses(analyses, masks):
        start = time.monotonic()
        chosen = [mask for analysis in group for mask in masks[analysis.module]]
        counts = count_each(subject, chosen, first.attacks, images, _report(progress, group))
        seconds = (time.monotonic() - start) / len(chosen)
        begin = 0
        for analysis in group:
            size = len(masks[analysis.module])
            own = {attack: correct[begin : begin + size] for attack, correct in counts.items()}
            begin += size
            yield _result(analysis, own, reference, subject.side, seconds * size)


def module_masks(network: Network, structure: str) -> dict[str, list[StructureMask]]:
    """Return a mask for each removable element, which silences it, by module in the order in which the modules run.

    Args:
        network: the network as it is now.
        structure: ``filters`` for the filters of each convolution that has more than one filter, or ``layers`` for the
            removable residual blocks.
    """
    architecture, body = network.architecture, network.body
    if structure == "filters":
        groups = architecture.filter_groups(body)
        by_module = {group.convolution: filter_masks(network, group) for group in groups}
        return {path: masks for path, masks in by_module.items() if len(masks) > 1}
    return {block.name: [block_mask(block)] for block in architecture.removable_blocks(body)}


def _images(analysis: SingleElements, data: Dataset, test_fingerprint: str) -> Tensor:
    """Return the indices of the test images that an analysis uses, int64 (images,); see ``element_sample``."""
    if analysis.test_fingerprint == test_fingerprint:  # all images, or the first ones
        return torch.arange(analysis.images)
    subset = sample_images(data.test.labels.cpu().numpy(), analysis.images)
    assert subset is not None, "a sample leaves images out"
    return torch.from_numpy(subset.indices)


def _group_analyses(
    analyses: Sequence[SingleElements], masks: Mapping[str, Sequence[StructureMask]]
) -> Iterator[list[SingleElements]]:
    """Yield the analyses in groups, in order; each but the last has at least ``FEWEST_PER_WALK`` elements."""
    group: list[SingleElements] = []
    for analysis in analyses:
        group.append(analysis)
        if sum(len(masks[each.module]) for each in group) >= FEWEST_PER_WALK:
            yield group
            group = []
    if group:
        yield group


def _report(progress: Callable[[ImagesEvaluated], None], group: Sequence[SingleElements]) -> Callable[[int], None]:
    """Return a function that reports the number of images that a group has been measured on so far."""
    modules = tuple(analysis.module for analysis in group)
    return lambda images: progress(ImagesEvaluated(modules, images, group[0].images))


def _result(
    analysis: SingleElements, counts: CorrectCounts, reference: CorrectCounts, side: int, seconds: float
) -> ElementsResult:
    return {
        "kind": "elements",
        "key": analysis.key,
        "trial_key": analysis.network,
        "structure": analysis.structure,
        "module": analysis.module,
        "elements": list(range(len(counts[CLEAN]))),
        "attacks": [
            _attack_counts(attack, settings, counts[attack], reference[attack][0], analysis.images, side)
            for attack, settings in analysis.evaluations.items()
        ],
        "images": analysis.images,
        "test_fingerprint": analysis.test_fingerprint,
        "seconds": seconds,
        "finished_at": time.time(),
    }


def _attack_counts(
    attack: str, settings: AttackSettings, correct: list[int], reference: int, images: int, side: int
) -> ElementCounts:
    version = EVALUATIONS[attack].version
    severity, times = _severity_and_times(settings, side)
    return {
        "attack": attack,
        "headline": settings.headline_text() + (f" (version {version})" if version > 1 else ""),
        "severity": severity,
        "correct": correct,
        "reference": reference,
        "total": times * images,
    }


def _severity_and_times(settings: AttackSettings, side: int) -> tuple[float | None, int]:
    """Return the headline severity, None for the mean over all severities, and how often each image is classified."""
    if isinstance(settings, Fgsm):
        return settings.headline, 1
    if isinstance(settings, Occlusion):
        return float(settings.headline_on(side)), 1
    if isinstance(settings, Corruptions):
        severity = None if settings.headline == MEAN else float(settings.headline)
        return severity, len(settings.kinds) * len(_severities(settings))
    return 0.0, 1


def _severities(settings: Corruptions) -> tuple[int, ...]:
    return settings.severities if settings.headline == MEAN else (int(settings.headline),)


def count_each(
    subject: Subject,
    masks: Sequence[StructureMask],
    attacks: Mapping[str, AttackSettings],
    images: Tensor,
    after_batch: Callable[[int], None] = lambda images: None,
) -> CorrectCounts:
    """Count the test images that remain correctly classified under each mask.

    As in any evaluation, clean images are classified by the network itself, and attacked images by the network with
    folded batch norms. The counts are the same as if the silenced network were evaluated by itself, on clean images and
    under each attack at its headline severity (the one that enters robustness). FGSM crafts its images on the silenced
    network. An attack of several kinds counts an image once for each kind.

    Args:
        subject: the network and the test images.
        masks: the masks that silence the elements, each applied alone.
        attacks: the settings of the attacks by name; only their headline severities are run. Clean images are always
            counted too.
        images: indices of the test images, int64 (n,).
        after_batch: called after every batch with the number of images that have been counted so far.
    """
    fgsm = attacks.get("fgsm")
    settings = {CLEAN: Clean(), **attacks}
    shown = {
        name: _attacked_pixels(subject, settings[name])
        for name in settings
        if name != "fgsm" and (name != CLEAN or not fgsm)
    }
    counts = {name: torch.zeros(len(masks), dtype=torch.int64, device=subject.labels.device) for name in settings}
    done = 0
    for batch in _batches(subject, images):
        labels = subject.labels[batch]
        with torch.no_grad():
            for name, attacked in shown.items():
                network = subject.network if name == CLEAN else subject.folded_network
                for pixels in attacked(batch):
                    for numbers, logits in compute_masked_logits(network, masks, pixels):
                        subject.check_stop()
                        counts[name][numbers] += _correct(logits, labels)
        if isinstance(fgsm, Fgsm):
            clean, attacked_counts = _count_fgsm(subject, masks, batch, fgsm.headline)
            counts[CLEAN] += clean
            counts["fgsm"] += attacked_counts
        done += len(batch)
        after_batch(done)
    return {name: of_all.tolist() for name, of_all in counts.items()}


def _batches(subject: Subject, images: Tensor) -> Iterator[Tensor]:
    """Yield the indices in batches as large as in any evaluation, on the device of the labels."""
    for batch in images.to(subject.labels.device).split(subject.batch_size):
        subject.check_stop()
        yield batch


def _correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the number of correct predictions (…) of logits (…, n, classes) for labels (n,)."""
    return (logits.argmax(-1) == labels).sum(-1)


def _attacked_pixels(subject: Subject, settings: AttackSettings) -> AttackedPixels:
    """Return the function that attacks images, for an attack that does not depend on the network."""
    if isinstance(settings, Occlusion):
        side = settings.headline_on(subject.side)
        return lambda batch: (occlude(subject.pixels(batch), side),)
    if isinstance(settings, Corruptions):
        return partial(_corrupted, subject, settings)
    return lambda batch: (subject.pixels(batch),)


def _corrupted(subject: Subject, settings: Corruptions, batch: Tensor) -> Iterator[Tensor]:
    source = corrupted_source(subject, settings)
    indices = batch.tolist()
    for kind in settings.kinds:
        for severity in _severities(settings):
            yield source.read(kind, severity, indices).to(subject.labels.device).float().div_(255)


def _count_fgsm(
    subject: Subject, masks: Sequence[StructureMask], batch: Tensor, epsilon: float
) -> tuple[Tensor, Tensor]:
    """Count the correctly classified images of a batch under each mask, without an attack and under FGSM.

    FGSM crafts its images on the network with the mask. The forward pass for its gradient also classifies the clean
    images. That pass begins at the segment (step of the forward pass) that contains the element. The autograd graph of
    the segments before is shared by all elements, and only the backward pass through it is repeated for each element.

    Returns:
        The counts of clean images and of attacked images, int64 (masks,) each.
    """
    network, folded_network = subject.network, subject.folded_network
    labels, images = subject.labels[batch], subject.pixels(batch)
    segments = network.architecture.segments(network.body)
    clean = torch.zeros(len(masks), dtype=torch.int64, device=labels.device)
    attacked = torch.zeros_like(clean)
    with torch.enable_grad():
        pixels = images.clone().requires_grad_()
        entering = network.normalise(pixels)
        for position, numbers in group_by_segment(segments, masks).items():
            for number in numbers:
                subject.check_stop()
                silent = [masks[number].channels]
                with silenced_per_batch(network.body, silent):
                    signs, clean[number] = _signs_and_correct(segments[position:], entering, pixels, labels)
                with silenced_per_batch(folded_network.body, silent), torch.no_grad():
                    attacked[number] = _correct(folded_network(fgsm_step(images, signs, epsilon)), labels)
            entering = segments[position][1](entering)
    return clean, attacked


def _signs_and_correct(
    segments: Sequence[Segment], entering: Tensor, pixels: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the sign of cross-entropy's gradient for each pixel, and the number of correctly classified images."""
    logits = run_segments(segments, entering)
    # The loss is a sum, so that an image's gradient does not depend on the batch size.
    loss = cross_entropy(logits, labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, pixels, retain_graph=True)
    return gradient.sign(), _correct(logits.detach(), labels)
