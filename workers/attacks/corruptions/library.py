"""Corrupted test images, computed once per data set and cached by ``prunesweep.workers.cache``."""

from collections.abc import Callable

from torch import Tensor

from prunesweep.sweeps.catalogue import ATTACKS
from prunesweep.sweeps.keys import key_of
from prunesweep.workers.attacks.corruptions.constants import CIFAR10_C, constants_for
from prunesweep.workers.attacks.corruptions.corrupt import corrupt
from prunesweep.workers.cache import cached_tensor


def corrupted_images(
    images: Tensor,
    fingerprint: str,
    kind: str,
    severity: int,
    frost_textures: str,
    before_computing: Callable[[], None] = lambda: None,
) -> Tensor:
    """Return images under one corruption, from the cache if possible; the returned images must not be changed.

    Args:
        images: the clean images, uint8 (N, 3, H, W).
        fingerprint: a hash that identifies the clean images.
        kind: the corruption kind.
        severity: 1 to 5.
        frost_textures: ``package`` or ``generated``; other kinds than ``frost`` ignore it.
        before_computing: called if the images are not in the cache, which makes this slow.

    Returns:
        The corrupted images, uint8 (N, 3, H, W), on the CPU.
    """
    textures = frost_textures if kind == "frost" else None
    key_content = [fingerprint, len(images), kind, severity, textures, ATTACKS["corruptions"].version]
    constants = constants_for(images.shape[-1])
    # Earlier versions used CIFAR-10-C's constants for images of every size, and did not put their name in the key.
    if constants is not CIFAR10_C:
        key_content.append(constants.name)
    key = key_of("corrupted", key_content)

    def compute() -> Tensor:
        before_computing()
        return corrupt(images.cpu(), kind, severity, frost_textures=frost_textures)

    return cached_tensor("corruptions", key, compute)
