"""The constants of every corruption at severities 1 to 5, for CIFAR-10-C and for ImageNet-C.

Both sets of constants are by Hendrycks & Dietterich (2019), from their programs ``make_cifar_c.py`` and
``make_imagenet_c.py``. Every tuple of constants has one entry per severity.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

IMAGENET_SIDE = 128
"""Images with a side of at least this many pixels get ImageNet-C's constants; smaller images get CIFAR-10-C's.

ImageNet-C's constants were made for a side of 224 pixels, CIFAR-10-C's for 32.
"""


class Defocus(NamedTuple):
    """The disk of defocus blur.

    Attributes:
        radius: the disk's radius in pixels.
        softness: standard deviation in pixels of the Gaussian that softens the disk's rim.
    """

    radius: float
    softness: float


class Glass(NamedTuple):
    """The constants of glass blur.

    Attributes:
        sigma: standard deviation in pixels of the Gaussian blurs before and after pixels are replaced.
        max_shift: the largest distance to the neighbour that replaces a pixel, in rows and in columns.
        rounds: the number of times that all pixels are replaced.
    """

    sigma: float
    max_shift: int
    rounds: int


class Motion(NamedTuple):
    """The line of motion blur.

    Attributes:
        radius: the line is ``2 * radius + 1`` pixels long.
        sigma: standard deviation in pixels of the Gaussian, one half of which gives the weights along the line.
    """

    radius: int
    sigma: float


class Snowfall(NamedTuple):
    """The constants of snow.

    Attributes:
        mean: mean of the normal noise from which the flakes are made.
        deviation: standard deviation of the noise.
        zoom: the factor by which the noise is enlarged.
        threshold: noise below it is set to 0.
        radius: the motion blur's line is ``2 * radius + 1`` pixels long.
        sigma: standard deviation in pixels of the motion blur's weights.
        image_weight: the weight of the original image in its mean with the whitened image.
    """

    mean: float
    deviation: float
    zoom: float
    threshold: float
    radius: int
    sigma: float
    image_weight: float


class Frost(NamedTuple):
    """The weights of the image and of the frost texture in their sum."""

    image: float
    texture: float


class Fog(NamedTuple):
    """The constants of fog.

    Attributes:
        density: the weight of the clouds.
        decay: the divisor of the clouds' amplitude whenever their scale is halved (see ``plasma_fractal``).
    """

    density: float
    decay: float


class Elastic(NamedTuple):
    """The constants of the elastic transform, as shares of the image's side.

    Attributes:
        stretch: the factor by which the smoothed random displacements of the pixels are multiplied.
        sigma: standard deviation of the Gaussian that smooths the displacements.
        shift: the largest distance along each axis by which the affine map moves each of its three points.
    """

    stretch: float
    sigma: float
    shift: float


@dataclass(frozen=True)
class Noise:
    """The constants of the noise family, by severity.

    Attributes:
        gaussian_deviation: standard deviation of Gaussian noise, in units of [0, 1] pixels.
        shot_photons: the expected number of photons at full brightness.
        impulse_share: the share of the levels that impulse noise replaces.
    """

    gaussian_deviation: tuple[float, ...]
    shot_photons: tuple[int, ...]
    impulse_share: tuple[float, ...]


@dataclass(frozen=True)
class Blur:
    """The constants of the blur family, by severity.

    Attributes:
        defocus: the disk of defocus blur.
        glass: the constants of glass blur.
        motion: the line of motion blur.
        zoom: the factors of the enlargements that zoom blur averages.
    """

    defocus: tuple[Defocus, ...]
    glass: tuple[Glass, ...]
    motion: tuple[Motion, ...]
    zoom: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Weather:
    """The constants of the weather family, by severity.

    Attributes:
        snow: the constants of snow.
        frost: the weights of the image and of the texture.
        frost_scale: the size of the photographs of frost, as a share of their original size, for all severities.
        fog: the constants of fog.
        brightness: the number added to V of HSV (hue, saturation, value), in units of [0, 1] pixels.
    """

    snow: tuple[Snowfall, ...]
    frost: tuple[Frost, ...]
    frost_scale: float
    fog: tuple[Fog, ...]
    brightness: tuple[float, ...]


@dataclass(frozen=True)
class Digital:
    """The constants of the digital family, by severity.

    Attributes:
        contrast: the share of the contrast that remains.
        elastic: the constants of the elastic transform.
        pixelate: the side of the shrunk image, as a share of the original side.
        jpeg_quality: the quality of the JPEG compression, 1 to 95.
    """

    contrast: tuple[float, ...]
    elastic: tuple[Elastic, ...]
    pixelate: tuple[float, ...]
    jpeg_quality: tuple[int, ...]


@dataclass(frozen=True)
class Constants:
    """The constants of all corruptions in one benchmark, by family.

    Attributes:
        name: the name of the benchmark.
        noise: the constants of the noise family.
        blur: the constants of the blur family.
        weather: the constants of the weather family.
        digital: the constants of the digital family.
    """

    name: str
    noise: Noise
    blur: Blur
    weather: Weather
    digital: Digital


def _zoom_factors(*ends_and_steps: tuple[float, float]) -> tuple[tuple[float, ...], ...]:
    """Return, for each (end, step), the zoom factors of ``numpy.arange(1, end, step)``, without the end."""
    return tuple(tuple(np.arange(1, end, step).tolist()) for end, step in ends_and_steps)


def _elastic_of_244(stretch: float, sigma: float, shift: float) -> Elastic:
    """Convert constants in shares of 244 pixels, which ImageNet-C's authors wrote by mistake, to shares of 224."""
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
        zoom=_zoom_factors((1.06, 0.01), (1.11, 0.01), (1.16, 0.01), (1.21, 0.01), (1.26, 0.01)),
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
        zoom=_zoom_factors((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
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
            _elastic_of_244(2.0, 0.7, 0.1),
            _elastic_of_244(2.0, 0.08, 0.2),
            _elastic_of_244(0.05, 0.01, 0.02),
            _elastic_of_244(0.07, 0.01, 0.02),
            _elastic_of_244(0.12, 0.01, 0.02),
        ),
        pixelate=(0.6, 0.5, 0.4, 0.3, 0.25),
        jpeg_quality=(25, 18, 15, 10, 7),
    ),
)


def constants_for(side: int) -> Constants:
    """Return the constants of the corruptions for images of ``side`` × ``side`` pixels."""
    return IMAGENET_C if side >= IMAGENET_SIDE else CIFAR10_C
