"""The corruptions as an attack: one outcome for each kind and severity."""

from collections.abc import Iterator
from itertools import product

from torch import Tensor

from prunesweep.results_store.corruption_metrics import (
    corruption_accuracy,
    is_complete,
    mean_corruption_error,
    relative_mean_corruption_error,
)
from prunesweep.sweeps.attacks import MEAN, Corruptions
from prunesweep.workers.attacks.corruptions.constants import CIFAR10_C, IMAGENET_C, constants_for
from prunesweep.workers.attacks.corruptions.sources import corrupted_source
from prunesweep.workers.attacks.subject import Evaluation, Outcome, Subject

IMAGENET_CLASSES = 1000
OFFICIAL = {"cifar10_c": "official CIFAR-10-C files", "imagenet_c": "official ImageNet-C files"}


def corruptions(subject: Subject, settings: Corruptions) -> Evaluation:
    """Evaluate the network under each corruption kind at each severity.

    The mean accuracy over the kinds enters robustness: at the headline severity, or over all severities if the headline
    is ``mean``. A missing or invalid official file raises ``DataError``.
    """
    kinds_and_severities = list(product(settings.kinds, settings.severities))
    images = corrupted_source(subject, settings)

    def attacked(batch: slice) -> Iterator[Tensor]:
        indices = range(*batch.indices(len(subject.labels)))
        for kind, severity in kinds_and_severities:
            yield images.read(kind, severity, indices).to(subject.labels.device).float().div_(255)

    correct = subject.correct_under_each(attacked)
    outcomes = tuple(
        Outcome(kind, float(severity), flags)
        for (kind, severity), flags in zip(kinds_and_severities, correct, strict=True)
    )
    return Evaluation(
        outcomes=outcomes,
        headline_severity=None if settings.headline == MEAN else float(settings.headline),
        measures=_measures(subject, settings, outcomes),
        source=_source(subject, settings),
        headline=_headline(subject, settings),
    )


def _source(subject: Subject, settings: Corruptions) -> str:
    """Return in words where the corrupted images come from."""
    if settings.source != "generated":
        return OFFICIAL[settings.source]
    frost = f"; frost textures: {settings.frost_textures}" if "frost" in settings.kinds else ""
    return f"generated with {constants_for(subject.side).name}'s constants{frost}"


def _headline(subject: Subject, settings: Corruptions) -> str:
    """Return the headline (the severity that enters robustness) in words.

    If the corruptions are generated with ImageNet-C's constants, the text says so.
    """
    constants = constants_for(subject.side)
    if settings.source != "generated" or constants is CIFAR10_C:
        return settings.headline_text()
    return f"{settings.headline_text()} with {constants.name}'s constants"


def _measures(subject: Subject, settings: Corruptions, outcomes: tuple[Outcome, ...]) -> dict[str, float]:
    """Return the mean accuracy over kinds and severities and, on all of ImageNet-C, errors relative to AlexNet's."""
    accuracies = {(outcome.kind, int(outcome.severity)): float(outcome.correct.mean()) for outcome in outcomes}
    measures = {"corruption_accuracy": corruption_accuracy(accuracies)}
    if is_complete(accuracies) and _is_comparable_with_alexnet(subject, settings):
        clean_accuracy = float(subject.correct_under(subject.pixels).mean())
        measures["mce"] = mean_corruption_error(accuracies)
        measures["relative_mce"] = relative_mean_corruption_error(accuracies, clean_accuracy)
    return measures


def _is_comparable_with_alexnet(subject: Subject, settings: Corruptions) -> bool:
    """Return whether the network's errors can be compared with AlexNet's errors on ImageNet-C.

    The network must have ImageNet's 1,000 classes. The corrupted images must be read from ImageNet-C's files or
    generated with its constants.
    """
    generated = settings.source == "generated" and constants_for(subject.side) is IMAGENET_C
    return subject.network.spec.classes == IMAGENET_CLASSES and (settings.source == "imagenet_c" or generated)
