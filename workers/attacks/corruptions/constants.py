"""How strong each corruption is at severities 1 to 5: the constants of CIFAR-10-C and those of ImageNet-C.

Both are Hendrycks & Dietterich's (2019), as their programs ``make_cifar_c.py`` and ``make_imagenet_c.py`` have them.
Every tuple has one entry a severity.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

IMAGENET_SIDE = 128
"""Images of at least so many pixels a side are corrupted as ImageNet-C's 224 are, smaller ones as CIFAR-10-C's 32."""


class Defocus(NamedTuple):
    """A disk's radius, and the Gaussian that softens its rim, in pixels."""

    radius: float
    softness: float


class Glass(NamedTuple):
    """The blur before and after, how far a pixel may come from, in pixels, and how often all are moved."""

    sigma: float
    reach: int
    rounds: int


class Motion(NamedTuple):
    """The line's length is ``2 * radius + 1`` pixels, its weights are half a Gaussian of ``sigma`` pixels."""

    radius: int
    sigma: float


class Snowfall(NamedTuple):
    """How flakes are drawn, enlarged, cut off and blown, and which share of the image they leave as it is."""

    mean: float
    deviation: float
    zoom: float
    threshold: float
    radius: int
    sigma: float
    kept: float


class Frost(NamedTuple):
    """The weights of the image and of the texture that is laid over it."""

    image: float
    texture: float


class Fog(NamedTuple):
    """The clouds' weight, and by how much their roughness shrinks with every halving of the scale."""

    density: float
    decay: float


class Elastic(NamedTuple):
    """The field's stretch and smoothness, and how far corners are moved, as shares of the image's side."""

    stretch: float
    sigma: float
    shift: float


@dataclass(frozen=True)
class Noise:
    """Standard deviation in [0, 1]; photons at full brightness; share of the levels."""

    gaussian_deviation: tuple[float, ...]
    shot_photons: tuple[int, ...]
    impulse_share: tuple[float, ...]


@dataclass(frozen=True)
class Blur:
    """``zoom``: the enlargements that are averaged."""

    defocus: tuple[Defocus, ...]
    glass: tuple[Glass, ...]
    motion: tuple[Motion, ...]
    zoom: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Weather:
    """``frost_scale``: how large the photographs of frost are, as a share of their size; ``brightness``: added."""

    snow: tuple[Snowfall, ...]
    frost: tuple[Frost, ...]
    frost_scale: float
    fog: tuple[Fog, ...]
    brightness: tuple[float, ...]


@dataclass(frozen=True)
class Digital:
    """Share of the contrast that is kept; share of the side that is left; JPEG's quality, 1 to 95."""

    contrast: tuple[float, ...]
    elastic: tuple[Elastic, ...]
    pixelate: tuple[float, ...]
    jpeg_quality: tuple[int, ...]


@dataclass(frozen=True)
class Constants:
    """Those of one benchmark, by family."""

    name: str
    noise: Noise
    blur: Blur
    weather: Weather
    digital: Digital


def _factors(*ends_and_steps: tuple[float, float]) -> tuple[tuple[float, ...], ...]:
    """Enlargements from 1 up to but not including each end, as NumPy counts them."""
    return tuple(tuple(np.arange(1, end, step).tolist()) for end, step in ends_and_steps)


def _of_244(stretch: float, sigma: float, shift: float) -> Elastic:
    """ImageNet-C's lengths are shares of 244 pixels, a slip of its authors, on images of 224."""
    return Elastic(stretch * 244 / 224, sigma * 244 / 224, shift * 244 / 224)


CIFAR10_C = Constants(
    name="CIFAR-10-C",
    noise=Noise(
        gaussian_deviation=(0.04, 0.06, 0.08, 0.09, 0.10),
        shot_photons=(500, 250, 100, 75, 50),
        impulse_share=(0.01, 0.02, 0.03, 0.05, 0.07),
    ),
    blur=Blur(
        defocus=(Defocus(0.3, 0.4), Defocus(0.4, 0.5), Defocus(0.5, 0.6), Defocus(1.0, 0.2), Defocus(1.5, 0.1)),
        glass=(Glass(0.05, 1, 1), Glass(0.25, 1, 1), Glass(0.4, 1, 1), Glass(0.25, 1, 2), Glass(0.4, 1, 2)),
        motion=(Motion(6, 1.0), Motion(6, 1.5), Motion(6, 2.0), Motion(8, 2.0), Motion(9, 2.5)),
        zoom=_factors((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)),
    ),
    weather=Weather(
        snow=(
            Snowfall(0.1, 0.2, 1.0, 0.6, 8, 3, 0.95),
            Snowfall(0.1, 0.2, 1.0, 0.5, 10, 4, 0.9),
            Snowfall(0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
            Snowfall(0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
            Snowfall(0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
        ),
        frost=(Frost(1.0, 0.2), Frost(1.0, 0.3), Frost(0.9, 0.4), Frost(0.85, 0.4), Frost(0.75, 0.45)),
        frost_scale=0.2,
        fog=(Fog(0.2, 3.0), Fog(0.5, 3.0), Fog(0.75, 2.5), Fog(1.0, 2.0), Fog(1.5, 1.75)),
        brightness=(0.05, 0.1, 0.15, 0.2, 0.3),
    ),
    digital=Digital(
        contrast=(0.75, 0.5, 0.4, 0.3, 0.15),
        elastic=(
            Elastic(0.0, 0.0, 0.08),
            Elastic(0.05, 0.2, 0.07),
            Elastic(0.08, 0.06, 0.06),
            Elastic(0.1, 0.04, 0.05),
            Elastic(0.1, 0.03, 0.03),
        ),
        pixelate=(0.95, 0.9, 0.85, 0.75, 0.65),
        jpeg_quality=(80, 65, 58, 50, 40),
    ),
)

IMAGENET_C = Constants(
    name="ImageNet-C",
    noise=Noise(
        gaussian_deviation=(0.08, 0.12, 0.18, 0.26, 0.38),
        shot_photons=(60, 25, 12, 5, 3),
        impulse_share=(0.03, 0.06, 0.09, 0.17, 0.27),
    ),
    blur=Blur(
        defocus=(Defocus(3, 0.1), Defocus(4, 0.5), Defocus(6, 0.5), Defocus(8, 0.5), Defocus(10, 0.5)),
        glass=(Glass(0.7, 1, 2), Glass(0.9, 2, 1), Glass(1.0, 2, 3), Glass(1.1, 3, 2), Glass(1.5, 4, 2)),
        motion=(Motion(10, 3), Motion(15, 5), Motion(15, 8), Motion(15, 12), Motion(20, 15)),
        zoom=_factors((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
    ),
    weather=Weather(
        snow=(
            Snowfall(0.1, 0.3, 3.0, 0.5, 10, 4, 0.8),
            Snowfall(0.2, 0.3, 2.0, 0.5, 12, 4, 0.7),
            Snowfall(0.55, 0.3, 4.0, 0.9, 12, 8, 0.7),
            Snowfall(0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
            Snowfall(0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
        ),
        frost=(Frost(1.0, 0.4), Frost(0.8, 0.6), Frost(0.7, 0.7), Frost(0.65, 0.7), Frost(0.6, 0.75)),
        frost_scale=1.0,
        fog=(Fog(1.5, 2.0), Fog(2.0, 2.0), Fog(2.5, 1.7), Fog(2.5, 1.5), Fog(3.0, 1.4)),
        brightness=(0.1, 0.2, 0.3, 0.4, 0.5),
    ),
    digital=Digital(
        contrast=(0.4, 0.3, 0.2, 0.1, 0.05),
        elastic=(
            _of_244(2.0, 0.7, 0.1),
            _of_244(2.0, 0.08, 0.2),
            _of_244(0.05, 0.01, 0.02),
            _of_244(0.07, 0.01, 0.02),
            _of_244(0.12, 0.01, 0.02),
        ),
        pixelate=(0.6, 0.5, 0.4, 0.3, 0.25),
        jpeg_quality=(25, 18, 15, 10, 7),
    ),
)


def constants_for(side: int) -> Constants:
    """The constants for images of ``side`` × ``side`` pixels."""
    return IMAGENET_C if side >= IMAGENET_SIDE else CIFAR10_C
