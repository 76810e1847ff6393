"""The corruptions as an attack: accuracy for every kind and severity."""

from torch import Tensor

from sweeps.attacks import Corruptions
from workers.attacks.corruptions.library import corrupted_images
from workers.attacks.subject import Evaluation, Outcome, Subject


def corruptions(subject: Subject, settings: Corruptions) -> Evaluation:
    """Accuracy under each kind at each severity; the headline is the mean over the kinds."""
    return Evaluation(
        outcomes=tuple(
            _outcome(subject, settings, kind, severity) for kind in settings.kinds for severity in settings.severities
        ),
        headline_severity=float(settings.headline),
        source=_source(settings),
    )


def _source(settings: Corruptions) -> str:
    frost = f"; frost textures: {settings.frost_textures}" if "frost" in settings.kinds else ""
    return f"generated with CIFAR-10-C's constants{frost}"


def _outcome(subject: Subject, settings: Corruptions, kind: str, severity: int) -> Outcome:
    corrupted = corrupted_images(subject.images, subject.test_fingerprint, kind, severity, settings.frost_textures)

    def attacked(batch: slice) -> Tensor:
        return corrupted[batch].to(subject.images.device).float().div_(255)

    return Outcome(kind, float(severity), subject.correct(attacked))
