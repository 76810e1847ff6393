"""Where corrupted images come from: generated and cached, generated as needed, or read from the official files."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from prunesweep.sweeps.attacks import Corruptions
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.corruption_files import ROOT_KEY_PATH
from prunesweep.sweeps.words import counted
from prunesweep.workers.attacks.corruptions.cifar10_c import Cifar10C
from prunesweep.workers.attacks.corruptions.corrupt import corrupt
from prunesweep.workers.attacks.corruptions.imagenet_c import ImagenetC
from prunesweep.workers.attacks.corruptions.library import corrupted_images
from prunesweep.workers.attacks.subject import Subject
from prunesweep.workers.data.dataset import Dataset

COMPARED_IMAGES = 100  # images of each kind that are compared with the test images
# Files with a smaller ``matching_share`` are rejected. With the right images, fog at severity 5 with ImageNet-C's
# constants reaches a share of 0.83, and all other kinds reach at least 0.94.
MIN_MATCHING_SHARE = 0.75


class CorruptedImages(Protocol):
    """The test images under every corruption kind and severity of an attack's settings."""

    def read(self, kind: str, severity: int, indices: Sequence[int]) -> Tensor:
        """Return corrupted images, uint8 (n, 3, H, W), on any device, which must not be changed."""


class CachedCorruptions:
    """Corrupted versions of test images that are in memory, generated once for all trials on a machine."""

    def __init__(self, subject: Subject, frost_textures: str) -> None:
        """Take the test images of a subject.

        Args:
            subject: the network with its test images; the network is not used.
            frost_textures: ``package`` or ``generated``.
        """
        self._images = subject.test.read(slice(None))
        self._fingerprint = subject.test_fingerprint
        self._frost_textures = frost_textures
        self._corrupted: dict[tuple[str, int], Tensor] = {}
        self._say = subject.say
        self._has_said = False

    def read(self, kind: str, severity: int, indices: Sequence[int]) -> Tensor:
        """Return corrupted images, uint8 (n, 3, H, W), on the CPU, which must not be changed.

        Args:
            kind: the corruption kind.
            severity: 1 to 5.
            indices: indices of the test images.
        """
        if (kind, severity) not in self._corrupted:
            all_images = corrupted_images(
                self._images, self._fingerprint, kind, severity, self._frost_textures, self._say_once
            )
            self._corrupted[kind, severity] = all_images
        if isinstance(indices, range):  # a view
            return self._corrupted[kind, severity][indices.start : indices.stop : indices.step]
        return self._corrupted[kind, severity][torch.tensor(indices)]

    def _say_once(self) -> None:
        """Say that images are corrupted, which is slow and happens once on each machine."""
        if not self._has_said:
            self._say("making the corrupted test images, once for this machine")
        self._has_said = True


class StreamedCorruptions:
    """Corrupted versions of streamed test images, generated at each use because a cache of them would fill a disk."""

    def __init__(self, subject: Subject, frost_textures: str) -> None:
        """Take the test images of a subject.

        Args:
            subject: the network with its test images; the network is not used.
            frost_textures: ``package`` or ``generated``.
        """
        self._subject = subject
        self._frost_textures = frost_textures

    def read(self, kind: str, severity: int, indices: Sequence[int]) -> Tensor:
        """Return corrupted images, uint8 (n, 3, H, W), on the device of the test images.

        Args:
            kind: the corruption kind.
            severity: 1 to 5.
            indices: indices of the test images.
        """
        if isinstance(indices, range):
            levels = self._subject.levels(slice(indices.start, indices.stop))
            return self._corrupt(levels, kind, severity, indices.start)
        levels = self._subject.levels(torch.tensor(indices))
        # One by one, because an image's random numbers depend on its index.
        images = zip(indices, levels, strict=True)
        return torch.cat([self._corrupt(image[None], kind, severity, index) for index, image in images])

    def _corrupt(self, clean: Tensor, kind: str, severity: int, first_index: int) -> Tensor:
        """Return corrupted copies of consecutive test images, the first of which has the index ``first_index``."""
        return corrupt(clean, kind, severity, frost_textures=self._frost_textures, first_index=first_index)


def corrupted_source(subject: Subject, settings: Corruptions) -> CorruptedImages:
    """Return the object that reads or generates corrupted images, according to ``source`` in the settings.

    A missing or invalid official file raises ``DataError``.
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
    """Check that the official files hold corrupted versions of the test images, in the same order.

    Generated corruptions need no check. If the files hold other images or another order, ``DataError`` is raised, with
    one line that says what differs.
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
    """Check that some test images resemble their corrupted versions of each kind at the lowest severity.

    The test images are evenly spaced over the whole test set.

    Raises:
        DataError: for one kind, the share of images that resemble their corrupted version is too small.
    """
    indices = range(0, len(data.test), max(1, len(data.test) // COMPARED_IMAGES))
    sample = slice(indices.start, indices.stop, indices.step)
    clean, labels = data.test.read(sample).cpu(), data.test.labels[sample].cpu()
    severity = min(settings.severities)
    for kind in settings.kinds:
        share = matching_share(clean, files.read(kind, severity, indices), labels)
        if share < MIN_MATCHING_SHARE:
            raise DataError(
                f"{ROOT_KEY_PATH}: {settings.root}: {kind} at severity {severity}: only {share:.0%} of "
                f"{counted(len(indices), 'image')} resemble the test image with their index more than another one: "
                "the files hold other images or another order"
            )


def matching_share(clean: Tensor, corrupted: Tensor, labels: Tensor) -> float:
    """Return the share of corrupted images that correlate with their own clean image at least as much as with another.

    The other clean image is the previous one in order of class, and so mostly of the same class. If the order of the
    images is wrong, the share is about a half.

    Args:
        clean: uint8 (n, 3, H, W).
        corrupted: uint8 (n, 3, H, W).
        labels: int64 (n,).
    """
    by_class = labels.argsort(stable=True)
    clean_pixels, corrupted_pixels = _standardize(clean[by_class]), _standardize(corrupted[by_class])
    own = (clean_pixels * corrupted_pixels).sum(1)
    other = (clean_pixels.roll(1, 0) * corrupted_pixels).sum(1)
    return (own >= other).double().mean().item()


def _standardize(images: Tensor) -> Tensor:
    """Return the pixels of each image, shifted and scaled to a mean of 0 and a norm of 1, float32 (n, pixels)."""
    pixels = images.flatten(1).float()
    pixels = pixels - pixels.mean(1, keepdim=True)
    return torch.nn.functional.normalize(pixels, dim=1)
