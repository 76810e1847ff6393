"""Corrupted test images, made once for a data set and kept in the cache of ``prunesweep.workers.cache``."""

from torch import Tensor

from prunesweep.sweeps.catalogue import ATTACKS
from prunesweep.sweeps.keys import key_of
from prunesweep.workers.attacks.corruptions.constants import CIFAR10_C, constants_for
from prunesweep.workers.attacks.corruptions.corrupt import corrupt
from prunesweep.workers.cache import kept_tensor


def corrupted_images(images: Tensor, fingerprint: str, kind: str, severity: int, frost_textures: str) -> Tensor:
    """``images``, uint8 (N, 3, H, W), under one corruption: uint8 of the same shape, on the CPU, not to be changed.

    ``fingerprint`` names the images.
    """
    textures = frost_textures if kind == "frost" else None
    made_of = [fingerprint, len(images), kind, severity, textures, ATTACKS["corruptions"].version]
    constants = constants_for(images.shape[-1])
    if constants is not CIFAR10_C:  # with which images of every size were made once
        made_of.append(constants.name)
    key = key_of("corrupted", made_of)
    return kept_tensor("corruptions", key, lambda: corrupt(images.cpu(), kind, severity, frost_textures=frost_textures))
