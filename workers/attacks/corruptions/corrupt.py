"""The corruptions by name, and the function that applies one of them to images."""

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from prunesweep.workers.attacks.corruptions.blur import defocus_blur, glass_blur, motion_blur, zoom_blur
from prunesweep.workers.attacks.corruptions.constants import constants_for
from prunesweep.workers.attacks.corruptions.digital import contrast, elastic_transform, jpeg_compression, pixelate
from prunesweep.workers.attacks.corruptions.draws import Draws
from prunesweep.workers.attacks.corruptions.frost_textures import TEXTURE_SOURCES
from prunesweep.workers.attacks.corruptions.noise import gaussian_noise, impulse_noise, shot_noise
from prunesweep.workers.attacks.corruptions.weather import brightness, fog, frost, snow

KINDS: dict[str, Callable[..., Tensor]] = {
    "gaussian_noise": gaussian_noise,
    "shot_noise": shot_noise,
    "impulse_noise": impulse_noise,
    "defocus_blur": defocus_blur,
    "glass_blur": glass_blur,
    "motion_blur": motion_blur,
    "zoom_blur": zoom_blur,
    "snow": snow,
    "frost": frost,
    "fog": fog,
    "brightness": brightness,
    "contrast": contrast,
    "elastic_transform": elastic_transform,
    "pixelate": pixelate,
    "jpeg_compression": jpeg_compression,
}
"""Corruption kind -> the function that applies it, in the published order.

Each function takes uint8 images (N, 3, H, H), the severity, the random draws of the images, and the constants.
"""
SEVERITIES = range(1, 6)
MIN_SIDE = 16
CHUNK_LEVELS = 2**16
GPU_CHUNK_LEVELS = 2**22


def corrupt(
    images: Tensor, kind: str, severity: int, *, frost_textures: str = "package", first_index: int = 0
) -> Tensor:
    """Return corrupted copies of images, with the same shape, type and device.

    The constants are ImageNet-C's for images with a side of at least 128 pixels, and CIFAR-10-C's for smaller images.
    Lengths that the authors of the constants give as shares of the side grow with H. Random numbers depend only on
    kind, severity and the image's index in its data set, so every call gives the same levels. An invalid argument
    raises ``ValueError``. Frost with ``package`` raises ``ImportError`` if the photographs are not installed.

    Args:
        images: uint8 (N, 3, H, H) with H >= 16.
        kind: one of ``KINDS``.
        severity: 1 to 5.
        frost_textures: the textures for the kind ``frost``: ``package`` (the photographs of the package
            imagecorruptions-imaug) or ``generated``. Other kinds ignore it.
        first_index: the index that the first image has in its data set. The other images follow it there.
    """
    _check_arguments(images, kind, severity, frost_textures)
    corruption = partial(frost, textures=frost_textures) if kind == "frost" else KINDS[kind]
    constants = constants_for(images.shape[-1])
    corrupted = torch.empty_like(images)
    for indices in _chunks(images):
        chunk = slice(indices.start, indices.stop)
        data_set_indices = range(first_index + indices.start, first_index + indices.stop)
        draws = Draws(kind, severity, data_set_indices, images.device)
        corrupted[chunk] = corruption(images[chunk], severity, draws, constants)
    return corrupted


def _chunks(images: Tensor) -> Iterator[range]:
    """Yield ranges of image indices, so short that their intermediate results fit a CPU's cache or a GPU's memory."""
    levels = CHUNK_LEVELS if images.device.type == "cpu" else GPU_CHUNK_LEVELS
    count = max(1, levels // math.prod(images.shape[1:]))
    for start in range(0, len(images), count):
        yield range(start, min(start + count, len(images)))


def _check_arguments(images: Tensor, kind: str, severity: int, frost_textures: str) -> None:
    """Check the arguments of ``corrupt``.

    Raises:
        ValueError: an argument is invalid.
    """
    if kind not in KINDS:
        raise ValueError(f"unknown corruption {kind!r}; known are {', '.join(KINDS)}")
    if severity not in SEVERITIES:
        raise ValueError(f"severity is {severity!r} but must be 1, 2, 3, 4 or 5")
    if frost_textures not in TEXTURE_SOURCES:
        raise ValueError(f"unknown frost textures {frost_textures!r}; known are {', '.join(TEXTURE_SOURCES)}")
    square = images.ndim == 4 and images.shape[1] == 3 and images.shape[2] == images.shape[3] >= MIN_SIDE
    if images.dtype != torch.uint8 or not square:
        actual = f"{images.dtype} {tuple(images.shape)}"
        raise ValueError(f"images must be uint8 (N, 3, H, H) with H >= {MIN_SIDE}, not {actual}")
