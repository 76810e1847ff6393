"""Where corrupted images come from: made once and kept, made as they are needed, or read from the official files."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from prunesweep.sweeps.attacks import Corruptions
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.corruption_files import WHERE
from prunesweep.workers.attacks.corruptions.cifar10_c import Cifar10C
from prunesweep.workers.attacks.corruptions.corrupt import corrupt
from prunesweep.workers.attacks.corruptions.imagenet_c import ImagenetC
from prunesweep.workers.attacks.corruptions.library import corrupted_images
from prunesweep.workers.attacks.subject import Subject
from prunesweep.workers.data.dataset import Dataset

COMPARED_IMAGES = 100  # images of each kind that are compared with the test images
LEAST_ALIKE = 0.75  # of fog at severity 5 with ImageNet-C's constants, 0.83 are; of all other kinds, 0.94 and more


class CorruptedImages(Protocol):
    """The test images under every kind and severity that is asked for."""

    def read(self, kind: str, severity: int, indices: Sequence[int]) -> Tensor:
        """Images, uint8 (n, 3, H, W), on any device and not to be changed."""


class CachedCorruptions:
    """Those of images in memory: made once for all trials of a machine."""

    def __init__(self, subject: Subject, frost_textures: str) -> None:
        self._images = subject.test.read(slice(None))
        self._fingerprint = subject.test_fingerprint
        self._frost_textures = frost_textures
        self._opened: dict[tuple[str, int], Tensor] = {}

    def read(self, kind: str, severity: int, indices: Sequence[int]) -> Tensor:
        if (kind, severity) not in self._opened:
            made = corrupted_images(self._images, self._fingerprint, kind, severity, self._frost_textures)
            self._opened[kind, severity] = made
        if isinstance(indices, range):  # a view
            return self._opened[kind, severity][indices.start : indices.stop : indices.step]
        return self._opened[kind, severity][torch.tensor(indices)]


class StreamedCorruptions:
    """Those of streamed images: as many as they are, kept they would fill a disk."""

    def __init__(self, subject: Subject, frost_textures: str) -> None:
        self._subject = subject
        self._frost_textures = frost_textures

    def read(self, kind: str, severity: int, indices: Sequence[int]) -> Tensor:
        if isinstance(indices, range):
            return self._made(self._subject.levels(slice(indices.start, indices.stop)), kind, severity, indices.start)
        clean = self._subject.levels(torch.tensor(indices))
        # What is drawn for an image hangs on its index.
        return torch.cat([self._made(one[None], kind, severity, i) for i, one in zip(indices, clean, strict=True)])

    def _made(self, clean: Tensor, kind: str, severity: int, first_index: int) -> Tensor:
        return corrupt(clean, kind, severity, frost_textures=self._frost_textures, first_index=first_index)


def corrupted_source(subject: Subject, settings: Corruptions) -> CorruptedImages:
    """What the settings name.

    Raises:
        DataError: an official file is missing or not as it should be.
    """
    if settings.source == "cifar10_c":
        return Cifar10C(settings.root or "", settings.kinds, subject.test)
    if settings.source == "imagenet_c":
        return ImagenetC(
            settings.root or "", settings.kinds, settings.severities, subject.test, subject.network.spec.classes
        )
    if subject.test.holds_pixels:
        return CachedCorruptions(subject, settings.frost_textures)
    return StreamedCorruptions(subject, settings.frost_textures)


def check_files(settings: Corruptions, data: Dataset) -> None:
    """Whether the official files, where the settings name some, hold corruptions of the test images in their order.

    Raises:
        DataError: they do not; one line says what differs.
    """
    if settings.source == "cifar10_c":
        cifar10_c = Cifar10C(settings.root or "", settings.kinds, data.test)
        cifar10_c.check(data.test)
        _check_pixels(cifar10_c, settings, data)
    elif settings.source == "imagenet_c":
        classes = len(data.classes)
        imagenet_c = ImagenetC(settings.root or "", settings.kinds, settings.severities, data.test, classes)
        imagenet_c.check(data.classes)
        _check_pixels(imagenet_c, settings, data)


def _check_pixels(files: CorruptedImages, settings: Corruptions, data: Dataset) -> None:
    """Compares images from all over the test set, of each kind at its lowest severity."""
    indices = range(0, len(data.test), max(1, len(data.test) // COMPARED_IMAGES))
    sample = slice(indices.start, indices.stop, indices.step)
    clean, labels = data.test.read(sample).cpu(), data.test.labels[sample].cpu()
    severity = min(settings.severities)
    for kind in settings.kinds:
        alike = share_alike(clean, files.read(kind, severity, indices), labels)
        if alike < LEAST_ALIKE:
            raise DataError(
                f"{WHERE}: {settings.root}: {kind} at severity {severity}: only {alike:.0%} of {len(indices)} images "
                "resemble the test image of their place more than another: these are other images, or in another order"
            )


def share_alike(clean: Tensor, corrupted: Tensor, labels: Tensor) -> float:
    """The share of images that correlate at least as much with the clean one of their place as with another.

    The other is one of the same class, as far as there is one. ``clean`` and ``corrupted`` are uint8 (n, 3, H, W),
    ``labels`` int64 (n,). The share is about a half where the order is another.
    """
    by_class = labels.argsort(stable=True)
    ours, theirs = _standardized(clean[by_class]), _standardized(corrupted[by_class])
    own, other = (ours * theirs).sum(1), (ours.roll(1, 0) * theirs).sum(1)
    return (own >= other).double().mean().item()


def _standardized(images: Tensor) -> Tensor:
    pixels = images.flatten(1).float()
    pixels = pixels - pixels.mean(1, keepdim=True)
    return torch.nn.functional.normalize(pixels, dim=1)
