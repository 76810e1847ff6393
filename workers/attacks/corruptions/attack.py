"""The corruptions as an attack: accuracy for every kind and severity."""

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
    """Accuracy under each kind at each severity; the headline is the mean over the kinds.

    Raises:
        DataError: an official file is missing or not as it should be.
    """
    asked = list(product(settings.kinds, settings.severities))
    images = corrupted_source(subject, settings)

    def attacked(batch: slice) -> Iterator[Tensor]:
        indices = range(*batch.indices(len(subject.labels)))
        for kind, severity in asked:
            yield images.read(kind, severity, indices).to(subject.labels.device).float().div_(255)

    correct = subject.correct_each(attacked)
    outcomes = tuple(Outcome(kind, float(severity), c) for (kind, severity), c in zip(asked, correct, strict=True))
    return Evaluation(
        outcomes=outcomes,
        headline_severity=None if settings.headline == MEAN else float(settings.headline),
        measures=_measures(subject, settings, outcomes),
        source=_source(subject, settings),
        headline=_headline(subject, settings),
    )


def _source(subject: Subject, settings: Corruptions) -> str:
    if settings.source != "generated":
        return OFFICIAL[settings.source]
    frost = f"; frost textures: {settings.frost_textures}" if "frost" in settings.kinds else ""
    return f"generated with {constants_for(subject.side).name}'s constants{frost}"


def _headline(subject: Subject, settings: Corruptions) -> str:
    constants = constants_for(subject.side)
    if settings.source != "generated" or constants is CIFAR10_C:
        return settings.headline_text()
    return f"{settings.headline_text()} with {constants.name}'s constants"


def _measures(subject: Subject, settings: Corruptions, outcomes: tuple[Outcome, ...]) -> dict[str, float]:
    accuracies = {(outcome.kind, int(outcome.severity)): float(outcome.correct.mean()) for outcome in outcomes}
    measures = {"corruption_accuracy": corruption_accuracy(accuracies)}
    if is_complete(accuracies) and _is_imagenet_c(subject, settings):
        clean_accuracy = float(subject.correct(subject.pixels).mean())
        measures["mce"] = mean_corruption_error(accuracies)
        measures["relative_mce"] = relative_mean_corruption_error(accuracies, clean_accuracy)
    return measures


def _is_imagenet_c(subject: Subject, settings: Corruptions) -> bool:
    """Whether AlexNet's errors, which are of all classes, are there to compare with: by its files or its constants."""
    generated = settings.source == "generated" and constants_for(subject.side) is IMAGENET_C
    return subject.network.spec.classes == IMAGENET_CLASSES and (settings.source == "imagenet_c" or generated)
