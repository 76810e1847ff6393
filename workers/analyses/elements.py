"""Single elements: what the accuracies become when one filter, or one residual block, goes alone.

Algorithm 2 of Jordao and Pedrini (2021): every removable element is removed by itself, without adjustment, and the
network is shown the clean and the attacked images. Silencing an element gives what removing it gives, so nothing is
rebuilt.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from prunesweep.results_store import Store
from prunesweep.results_store.documents import ElementCounts, ElementsResult
from prunesweep.sweeps.analyses import ElementsAnalysis
from prunesweep.sweeps.attacks import MEAN, AttackSettings, Clean, Corruptions, Fgsm, Occlusion
from prunesweep.sweeps.catalogue import CLEAN, DATASETS, EVALUATIONS
from prunesweep.sweeps.errors import UserError
from prunesweep.sweeps.events import ElementsEvent, ImagesShown, ModuleMeasured
from prunesweep.sweeps.fingerprints import sample_fingerprint
from prunesweep.workers.architectures.architecture import Segment
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.attacks.corruptions.sources import corrupted_source
from prunesweep.workers.attacks.fgsm import step
from prunesweep.workers.attacks.occlusion import occlude
from prunesweep.workers.attacks.subject import Subject
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.data.limits import choose
from prunesweep.workers.pruning.masking import silenced_apart
from prunesweep.workers.pruning.silenced_logits import (
    Silencing,
    block_silencing,
    by_segment,
    filter_silencings,
    logits_of_each,
    run_segments,
)
from prunesweep.workers.runtime import configure
from prunesweep.workers.stored_network import load_stored
from prunesweep.workers.work import ShouldStop, Stopped

# Elements that share one walk along the network, at the least: then the walk costs little beside them.
AT_LEAST = 8
# Those whose images need no more of the network than one gradient.
ATTACKS = ("fgsm", "occlusion", "corruptions")

Counts = Mapping[str, list[int]]
"""Correct images by attack, of each silencing."""
Shown = Callable[[Tensor], Iterable[Tensor]]
"""Of a batch, given by indices, the pixels, float32 in [0, 1]: once, or once a kind and severity."""
AfterBatch = Callable[[int], None]
"""Called with the number of images shown so far."""


class NoElements(UserError):
    """A network without such elements."""


@dataclass(frozen=True)
class Module:
    """The elements of one convolution, or of one residual block, which is the only one of its own."""

    path: str
    silencings: tuple[Silencing, ...]


def measure_elements(
    trial_key: str,
    store: Store,
    data: Dataset,
    *,
    test_fingerprint: str,
    structure: str,
    attacks: Mapping[str, AttackSettings],
    images: int,
    modules: str = "",
    threads: int = 1,
    progress: Callable[[ElementsEvent], None] = lambda event: None,
    should_stop: ShouldStop = lambda: False,
) -> list[ElementsResult]:
    """Accuracies of a stored network with each of its removable elements gone alone, without adjustment.

    Runs on the device where ``data`` lies. The results of a module are stored as soon as they are known, and what is
    stored is not made again.

    Args:
        trial_key: names the network.
        structure: ``filters`` (all of each convolution that may lose some) or ``layers`` (the residual blocks that
            may go).
        attacks: of ``ATTACKS``, with their settings as they are settled, of which the headline is run. Clean images are
            always shown.
        images: so many test images, evenly over the classes in a fixed random order, or all where there are fewer; of a
            data set that lies in a random order, the first ones.
        modules: only modules whose path begins with this.
        progress: called with an event after every batch of images, and after every module.
        should_stop: asked between batches and between elements.

    Returns:
        A result for each module, in the order in which the modules run.

    Raises:
        ValueError: an attack is none of ``ATTACKS``.
        NotStored: there is no such network.
        NoElements: it has no such elements, or none of these modules.
        DataError: an official file of corruptions is missing or not as it should be.
        Stopped: ``should_stop`` said so.
    """
    if not attacks.keys() <= {*ATTACKS}:
        raise ValueError(f"attacks on single elements are {', '.join(ATTACKS)}, not {', '.join(attacks)}")
    configure(threads)

    def check_stop() -> None:
        if should_stop():
            raise Stopped(trial_key)

    network = load_stored(store, trial_key, data.device).network
    chosen = removable_modules(network, structure, modules)
    subject = Subject(network, data.test, test_fingerprint, check_stop)
    run = _Run(trial_key, subject, structure, attacks, *_sample(data, test_fingerprint, images))
    results: dict[str, ElementsResult] = {}

    def finish(module: Module, result: ElementsResult, seconds: float) -> None:
        results[module.path] = result
        progress(ModuleMeasured(module.path, len(module.silencings), len(results), len(chosen), seconds))

    missing = []
    for module in chosen:
        key = run.analysis(module).key
        if store.has_result(key):
            finish(module, cast("ElementsResult", store.result(key)), 0.0)
        else:
            missing.append(module)
    reference = run.reference() if missing else {}
    for portion in _portions(missing):
        made = run.results(portion, reference, _after_batch(progress, portion, run.images))
        for module, result in zip(portion, made, strict=True):
            store.save_result(result)
            finish(module, result, result["seconds"])
    return [results[module.path] for module in chosen]


def _after_batch(progress: Callable[[ElementsEvent], None], modules: Sequence[Module], of: int) -> AfterBatch:
    """What tells of the images that were shown so far."""
    paths = tuple(module.path for module in modules)
    return lambda images: progress(ImagesShown(paths, images, of))


def removable_modules(network: Network, structure: str, prefix: str = "") -> list[Module]:
    """The modules of a network, as it is now, of which elements may go, in the order in which they run.

    Args:
        structure: ``filters`` or ``layers``.
        prefix: of the modules' paths.

    Raises:
        NoElements: there are none.
    """
    architecture, body = network.architecture, network.body
    if structure == "filters":
        groups = [(group.convolution, filter_silencings(network, group)) for group in architecture.filter_groups(body)]
        found = [Module(path, tuple(each)) for path, each in groups if len(each) > 1]  # the last one always stays
    else:
        blocks = architecture.removable_blocks(body)
        found = [Module(block.name, (block_silencing(block),)) for block in blocks]
    if not found:
        raise NoElements(f"structure {structure}: this {network.spec.architecture} has none that may go")
    chosen = [module for module in found if module.path.startswith(prefix)]
    if not chosen:
        paths = ", ".join(module.path for module in found)
        raise NoElements(f"modules {prefix!r}: no module with {structure} that may go begins so; there are {paths}")
    return chosen


def _portions(modules: Sequence[Module]) -> Iterator[list[Module]]:
    """Modules in their order, as many together as have the elements that are worth a walk."""
    portion: list[Module] = []
    for module in modules:
        portion.append(module)
        if sum(len(each.silencings) for each in portion) >= AT_LEAST:
            yield portion
            portion = []
    if portion:
        yield portion


@dataclass(frozen=True)
class _Run:
    """One network, the test images of the indices ``shown``, and the attacks on them.

    ``fingerprint``: of these images.
    """

    trial_key: str
    subject: Subject
    structure: str
    attacks: Mapping[str, AttackSettings]
    shown: Tensor
    fingerprint: str

    @property
    def images(self) -> int:
        """How many test images are shown."""
        return len(self.shown)

    def analysis(self, module: Module) -> ElementsAnalysis:
        """Return what is asked of one module."""
        return ElementsAnalysis(
            self.trial_key,
            self.structure,
            module.path,
            self.attacks,
            self.images,
            self.fingerprint,
        )

    def reference(self) -> Counts:
        """The counts with every element in place."""
        first, _ = self.subject.network.architecture.segments(self.subject.network.body)[0]
        return count_each(self.subject, [Silencing(first, {})], self.attacks, self.shown)

    def results(
        self, portion: Sequence[Module], reference: Counts, after_batch: AfterBatch
    ) -> Iterator[ElementsResult]:
        """The results of some modules, from one walk along the network."""
        start = time.monotonic()
        silencings = [silencing for module in portion for silencing in module.silencings]
        counts = count_each(self.subject, silencings, self.attacks, self.shown, after_batch)
        seconds = (time.monotonic() - start) / len(silencings)
        first = 0
        for module in portion:
            size = len(module.silencings)
            analysis = self.analysis(module)
            of_module = {name: of_all[first : first + size] for name, of_all in counts.items()}
            first += size
            yield {
                "kind": "elements",
                "key": analysis.key,
                "trial_key": self.trial_key,
                "structure": self.structure,
                "module": module.path,
                "elements": list(range(size)),
                "attacks": [
                    self._of_attack(name, settings, of_module[name], reference[name][0])
                    for name, settings in analysis.evaluations.items()
                ],
                "images": self.images,
                "test_fingerprint": self.fingerprint,
                "seconds": seconds * size,
                "finished_at": time.time(),
            }

    def _of_attack(self, attack: str, settings: AttackSettings, correct: list[int], reference: int) -> ElementCounts:
        version = EVALUATIONS[attack].version
        severity, times = _severity_and_times(settings, self.subject.side)
        return {
            "attack": attack,
            "headline": settings.headline_text() + (f" (version {version})" if version > 1 else ""),
            "severity": severity,
            "correct": correct,
            "reference": reference,
            "total": times * self.images,
        }


def _severity_and_times(settings: AttackSettings, side: int) -> tuple[float | None, int]:
    """The headline severity, None where it is all of them; and how many times an image is shown."""
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
    silencings: Sequence[Silencing],
    attacks: Mapping[str, AttackSettings],
    images: int | Tensor,
    after_batch: AfterBatch = lambda shown: None,
) -> Counts:
    """How many of some test images each silencing leaves correctly classified.

    ``images``: their indices, int64 (n,), or how many of the first ones.

    As in any evaluation, clean images are classified by the network itself and attacked ones by its folded form.
    Counts are those of full passes: of the silenced network on clean images, and for each of ``attacks`` at its
    headline on images that are attacked as if that network were all there is. An attack of several kinds counts an
    image once a kind.
    """
    fgsm = attacks.get("fgsm")
    settings = {CLEAN: Clean(), **attacks}
    shown = {
        name: _shown(subject, settings[name]) for name in settings if name != "fgsm" and (name != CLEAN or not fgsm)
    }
    counts = {name: torch.zeros(len(silencings), dtype=torch.int64, device=subject.labels.device) for name in settings}
    chosen = torch.arange(min(images, len(subject.labels))) if isinstance(images, int) else images
    done = 0
    for batch in _batches(subject, chosen):
        labels = subject.labels[batch]
        with torch.no_grad():
            for name, attacked in shown.items():
                network = subject.network if name == CLEAN else subject.folded_network
                for pixels in attacked(batch):
                    for numbers, logits in logits_of_each(network, silencings, pixels):
                        subject.check_stop()
                        counts[name][numbers] += _correct(logits, labels)
        if isinstance(fgsm, Fgsm):
            clean, attacked_counts = _count_fgsm(subject, silencings, batch, fgsm.headline)
            counts[CLEAN] += clean
            counts["fgsm"] += attacked_counts
        done += len(batch)
        after_batch(done)
    return {name: of_all.tolist() for name, of_all in counts.items()}


def _batches(subject: Subject, images: Tensor) -> Iterator[Tensor]:
    """Indices of test images on the device where they are wanted, as many at once as in any evaluation."""
    for batch in images.to(subject.labels.device).split(subject.batch_size):
        subject.check_stop()
        yield batch


def _sample(data: Dataset, test_fingerprint: str, images: int) -> tuple[Tensor, str]:
    """The indices of the test images that are shown, and their fingerprint."""
    chosen, entry = choose(data.test.labels.cpu().numpy(), images), DATASETS.get(data.name)
    if chosen is None or (entry is not None and entry.mixed):  # then the first ones are a sample
        return torch.arange(min(images, len(data.test))), test_fingerprint
    return torch.from_numpy(chosen.places), sample_fingerprint(test_fingerprint, images)


def _correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Logits (…, n, classes), labels (n,) to the number of right ones (…)."""
    return (logits.argmax(-1) == labels).sum(-1)


def _shown(subject: Subject, settings: AttackSettings) -> Shown:
    """What is shown of each batch, where it does not depend on the network."""
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
    subject: Subject, silencings: Sequence[Silencing], batch: Tensor, epsilon: float
) -> tuple[Tensor, Tensor]:
    """Correct images of a batch with each silencing: of the clean ones, and of those attacked through it.

    The pass that the gradient needs also classifies the clean images. It begins at the segment that an element lies
    in; of what comes before, the graph is kept, and only its backward pass is an element's own.
    """
    network, folded_network = subject.network, subject.folded_network
    labels, images = subject.labels[batch], subject.pixels(batch)
    segments = network.architecture.segments(network.body)
    clean = torch.zeros(len(silencings), dtype=torch.int64, device=labels.device)
    attacked = torch.zeros_like(clean)
    with torch.enable_grad():
        pixels = images.clone().requires_grad_()
        entering = network.normalise(pixels)
        for position, numbers in by_segment(segments, silencings).items():
            for number in numbers:
                subject.check_stop()
                silent = [silencings[number].channels]
                with silenced_apart(network.body, silent):
                    signs, clean[number] = _signs_and_correct(segments[position:], entering, pixels, labels)
                with silenced_apart(folded_network.body, silent), torch.no_grad():
                    attacked[number] = _correct(folded_network(step(images, signs, epsilon)), labels)
            entering = segments[position][1](entering)
    return clean, attacked


def _signs_and_correct(
    segments: Sequence[Segment], entering: Tensor, pixels: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Sign of the cross-entropy's gradient with respect to each pixel, and how many images are classified rightly."""
    logits = run_segments(segments, entering)
    # The sum, so that an image's gradient does not depend on the size of its batch.
    loss = cross_entropy(logits, labels, reduction="sum")
    (gradient,) = torch.autograd.grad(loss, pixels, retain_graph=True)
    return gradient.sign(), _correct(logits.detach(), labels)
