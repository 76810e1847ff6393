"""The 15 corruptions as published: one image at a time, in NumPy, SciPy, scikit-image, OpenCV and Pillow.

An oracle for tests, with the constants of CIFAR-10-C or of ImageNet-C. Images are uint8 (H, H, 3); ``numbers`` gives
an image's random numbers as ``workers.attacks.corruptions.draws.Draws`` does, but for one image and as arrays.
"""

import io
import math
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage import color, filters

Array = NDArray[Any]
gaussian: Callable[..., Array] = filters.gaussian
Constants = dict[str, list[Any]]


class Numbers(Protocol):
    """An image's random numbers."""

    def normal(self, *shape: int) -> Array: ...
    def uniform(self, low: float, high: float, *shape: int) -> Array: ...
    def poisson(self, rates: Array) -> Array: ...


class FreshNumbers:
    """NumPy's own numbers, which have nothing to do with ours."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)

    def normal(self, *shape: int) -> Array:
        return self._generator.normal(size=shape)

    def uniform(self, low: float, high: float, *shape: int) -> Array:
        return self._generator.uniform(low, high, shape)

    def poisson(self, rates: Array) -> Array:
        return self._generator.poisson(rates)


CIFAR10_C: Constants = {
    "gaussian_noise": [0.04, 0.06, 0.08, 0.09, 0.10],
    "shot_noise": [500, 250, 100, 75, 50],
    "impulse_noise": [0.01, 0.02, 0.03, 0.05, 0.07],
    "defocus_blur": [(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1, 0.2), (1.5, 0.1)],
    "glass_blur": [(0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)],
    "motion_blur": [(6, 1), (6, 1.5), (6, 2), (8, 2), (9, 2.5)],
    "zoom_blur": [np.arange(1, end, 0.01) for end in (1.06, 1.11, 1.16, 1.21, 1.26)],
    "snow": [
        (0.1, 0.2, 1, 0.6, 8, 3, 0.95),
        (0.1, 0.2, 1, 0.5, 10, 4, 0.9),
        (0.15, 0.3, 1.75, 0.55, 10, 4, 0.9),
        (0.25, 0.3, 2.25, 0.6, 12, 6, 0.85),
        (0.3, 0.3, 1.25, 0.65, 14, 12, 0.8),
    ],
    "frost": [(1, 0.2, 0.2), (1, 0.3, 0.2), (0.9, 0.4, 0.2), (0.85, 0.4, 0.2), (0.75, 0.45, 0.2)],
    "fog": [(0.2, 3), (0.5, 3), (0.75, 2.5), (1, 2), (1.5, 1.75)],
    "brightness": [0.05, 0.1, 0.15, 0.2, 0.3],
    "contrast": [0.75, 0.5, 0.4, 0.3, 0.15],
    "elastic_transform": [(0, 0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)],
    "pixelate": [0.95, 0.9, 0.85, 0.75, 0.65],
    "jpeg_compression": [80, 65, 58, 50, 40],
}
# Frost's third number is the photographs' scale; elastic_transform's are shares of the side, as ImageNet-C's 244 / 224.
IMAGENET_C: Constants = {
    "gaussian_noise": [0.08, 0.12, 0.18, 0.26, 0.38],
    "shot_noise": [60, 25, 12, 5, 3],
    "impulse_noise": [0.03, 0.06, 0.09, 0.17, 0.27],
    "defocus_blur": [(3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)],
    "glass_blur": [(0.7, 1, 2), (0.9, 2, 1), (1, 2, 3), (1.1, 3, 2), (1.5, 4, 2)],
    "motion_blur": [(10, 3), (15, 5), (15, 8), (15, 12), (20, 15)],
    "zoom_blur": [
        np.arange(1, end, step) for end, step in [(1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)]
    ],
    "snow": [
        (0.1, 0.3, 3, 0.5, 10, 4, 0.8),
        (0.2, 0.3, 2, 0.5, 12, 4, 0.7),
        (0.55, 0.3, 4, 0.9, 12, 8, 0.7),
        (0.55, 0.3, 4.5, 0.85, 12, 8, 0.65),
        (0.55, 0.3, 2.5, 0.85, 12, 12, 0.55),
    ],
    "frost": [(1, 0.4, 1), (0.8, 0.6, 1), (0.7, 0.7, 1), (0.65, 0.7, 1), (0.6, 0.75, 1)],
    "fog": [(1.5, 2), (2, 2), (2.5, 1.7), (2.5, 1.5), (3, 1.4)],
    "brightness": [0.1, 0.2, 0.3, 0.4, 0.5],
    "contrast": [0.4, 0.3, 0.2, 0.1, 0.05],
    "elastic_transform": [
        (244 / 224 * 2, 244 / 224 * 0.7, 244 / 224 * 0.1),
        (244 / 224 * 2, 244 / 224 * 0.08, 244 / 224 * 0.2),
        (244 / 224 * 0.05, 244 / 224 * 0.01, 244 / 224 * 0.02),
        (244 / 224 * 0.07, 244 / 224 * 0.01, 244 / 224 * 0.02),
        (244 / 224 * 0.12, 244 / 224 * 0.01, 244 / 224 * 0.02),
    ],
    "pixelate": [0.6, 0.5, 0.4, 0.3, 0.25],
    "jpeg_compression": [25, 18, 15, 10, 7],
}


def publish(image: Array, kind: str, severity: int, numbers: Numbers, constants: Constants = CIFAR10_C) -> Array:
    """The corrupted image; the cast drops fractions of a level."""
    return _whole(PUBLISHED[kind](image, constants[kind][severity - 1], numbers))


def _whole(levels: Array) -> Array:
    """Whole levels, without their fractions."""
    return levels.astype(np.uint8)


def _levels(unit: Array) -> Array:
    """Numbers from 0 to 1, beyond which nothing goes, as levels from 0 to 255."""
    levels: Array = np.clip(unit, 0, 1) * 255
    return levels


def gaussian_noise(image: Array, constants: Any, numbers: Numbers) -> Array:
    noise = numbers.normal(3, *image.shape[:2]).transpose(1, 2, 0)
    return _levels(image / 255.0 + noise * constants)


def shot_noise(image: Array, constants: Any, numbers: Numbers) -> Array:
    photons = constants
    counts = numbers.poisson(image.transpose(2, 0, 1) / 255.0 * photons).transpose(1, 2, 0)
    return _levels(counts / photons)


def impulse_noise(image: Array, constants: Any, numbers: Numbers) -> Array:
    amount = constants
    chance = numbers.uniform(0, 1, 3, *image.shape[:2]).transpose(1, 2, 0)
    noisy = image / 255.0
    noisy[chance < amount / 2] = 0
    noisy[chance >= 1 - amount / 2] = 1
    return noisy * 255


def defocus_blur(image: Array, constants: Any, numbers: Numbers) -> Array:
    radius, softness = constants
    reach, kernel_side = (8, 3) if radius <= 8 else (radius, 5)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disk = (x**2 + y**2 <= radius**2).astype(np.float32)
    kernel = cv2.GaussianBlur(disk / disk.sum(), (kernel_side, kernel_side), sigmaX=softness)
    return _levels(cv2.filter2D(image / 255.0, -1, kernel))


def glass_blur(image: Array, constants: Any, numbers: Numbers) -> Array:
    sigma, reach, rounds = constants
    size = len(image)
    pixels = _whole(gaussian(image / 255.0, sigma=sigma, channel_axis=-1) * 255)
    for _ in range(rounds):
        inner = size - 2 * reach
        shifts = np.floor(numbers.uniform(-reach, reach, 2, inner, inner)).astype(int)
        for h in range(size - reach, reach, -1):
            for w in range(size - reach, reach, -1):
                dx, dy = shifts[:, h - reach - 1, w - reach - 1]
                # both sides are views, as published
                pixels[h, w], pixels[h + dy, w + dx] = pixels[h + dy, w + dx], pixels[h, w]
    return _levels(gaussian(pixels / 255.0, sigma=sigma, channel_axis=-1))


def motion_blur(image: Array, constants: Any, numbers: Numbers) -> Array:
    radius, sigma = constants
    return imagemagick_motion_blur(image, radius, sigma, numbers.uniform(-45, 45).item())


def imagemagick_motion_blur(image: Array, radius: float, sigma: float, angle: float) -> Array:
    """``MotionBlurImage`` of ImageMagick 6 with 16 bits a channel; uint8 (H, H, channels)."""
    width = 2 * math.ceil(radius) + 1
    kernel = np.exp(-(np.arange(width) ** 2) / (2 * sigma**2)) / (math.sqrt(2 * math.pi) * sigma)
    kernel /= kernel.sum()
    x, y = width * math.cos(math.radians(angle)), width * math.sin(math.radians(angle))
    size = len(image)
    # the edge's pixels go on as far as the line reaches
    quanta = np.pad(image.astype(float) * 257, ((width, width), (width, width), (0, 0)), mode="edge")
    blurred = np.zeros(image.shape)
    for tap in range(width):
        right = width + math.ceil(tap * x / math.hypot(x, y) - 0.5)
        down = width + math.ceil(tap * y / math.hypot(x, y) - 0.5)
        blurred += kernel[tap] * quanta[down : down + size, right : right + size]
    return _whole(np.floor(blurred + 0.5) // 257)


def zoom_blur(image: Array, constants: Any, numbers: Numbers) -> Array:
    factors = constants
    unit = (image / 255.0).astype(np.float32)
    total = np.zeros_like(unit)
    for factor in factors:
        total += _clipped_zoom(unit, factor)
    return _levels((unit + total) / (len(factors) + 1))


def _clipped_zoom(unit: Array, factor: float) -> Array:
    size = len(unit)
    crop = math.ceil(size / factor)
    top = (size - crop) // 2
    zoomed = ndimage.zoom(unit[top : top + crop, top : top + crop], (factor, factor, 1), order=1)
    trim = (len(zoomed) - size) // 2
    inner: Array = zoomed[trim : trim + size, trim : trim + size]
    return inner


def snow(image: Array, constants: Any, numbers: Numbers) -> Array:
    mean, deviation, zoom, threshold, radius, sigma, kept = constants
    unit = image.astype(np.float32) / np.float32(255)
    flakes = numbers.normal(1, *image.shape[:2])[0] * deviation + mean
    flakes = _clipped_zoom(flakes[..., np.newaxis], zoom)
    flakes[flakes < threshold] = 0
    flakes = _whole(_levels(flakes))
    layer = imagemagick_motion_blur(flakes, radius, sigma, numbers.uniform(-135, -45).item()) / 255.0
    grey = cv2.cvtColor(unit, cv2.COLOR_RGB2GRAY)[..., np.newaxis]
    whitened = kept * unit + (1 - kept) * np.maximum(unit, grey * 1.5 + 0.5)
    return _levels(whitened + layer + np.rot90(layer, k=2))


def frost(image: Array, constants: Any, numbers: Numbers) -> Array:
    image_weight, frost_weight, scale = constants
    which, row, column = numbers.uniform(0, 1, 3)
    names = ["frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg"]
    texture = _frost_texture(names[int(which * 5)], scale)
    size = len(image)
    top, left = int(row * (texture.shape[0] - size)), int(column * (texture.shape[1] - size))
    red_green_blue = texture[top : top + size, left : left + size, ::-1]
    frosted: Array = np.clip(image_weight * image + frost_weight * red_green_blue, 0, 255)
    return frosted


@cache
def _frost_texture(name: str, scale: float) -> Array:
    spec = find_spec("imagecorruptions")
    assert spec is not None and spec.origin is not None
    texture = cv2.imread(str(Path(spec.origin).parent / "frost" / name))
    assert texture is not None
    return cv2.resize(texture, (0, 0), fx=scale, fy=scale)


def fog(image: Array, constants: Any, numbers: Numbers) -> Array:
    density, decay = constants
    unit = image / 255.0
    size = len(image)
    clouds = _plasma(2 ** math.ceil(math.log2(size)), decay, numbers)[:size, :size, np.newaxis]
    return _levels((unit + density * clouds) * unit.max() / (unit.max() + density))


def _plasma(size: int, decay: float, numbers: Numbers) -> Array:
    """The diamond-square algorithm point by point, on a map whose borders join."""
    heights = np.zeros((size, size))
    step, wibble = size, 100.0
    while step >= 2:
        half, cells = step // 2, size // step
        corners_to_set = [(half, half), (0, half), (half, 0)]
        for round_, (row_start, column_start) in enumerate(corners_to_set):
            noise = wibble * numbers.uniform(-wibble, wibble, cells, cells)
            reach = [(half, half), (half, -half), (-half, half), (-half, -half)]
            if round_ > 0:
                reach = [(half, 0), (-half, 0), (0, half), (0, -half)]
            for row in range(row_start, size, step):
                for column in range(column_start, size, step):
                    neighbours = [heights[(row + dy) % size, (column + dx) % size] for dy, dx in reach]
                    heights[row, column] = sum(neighbours) / 4 + noise[row // step, column // step]
        step //= 2
        wibble /= decay
    heights -= heights.min()
    between: Array = heights / heights.max()
    return between


def brightness(image: Array, constants: Any, numbers: Numbers) -> Array:
    hue_saturation_value = color.rgb2hsv(image / 255.0)
    hue_saturation_value[..., 2] = np.clip(hue_saturation_value[..., 2] + constants, 0, 1)
    return _levels(color.hsv2rgb(hue_saturation_value))


def contrast(image: Array, constants: Any, numbers: Numbers) -> Array:
    unit = image / 255.0
    mean = unit.mean(axis=(0, 1), keepdims=True)
    return _levels((unit - mean) * constants + mean)


def elastic_transform(image: Array, constants: Any, numbers: Numbers) -> Array:
    size = len(image)
    alpha, sigma, shift = (size * share for share in constants)
    unit = image.astype(np.float32) / np.float32(255)
    centre, square = size // 2, size // 3
    points: Array = np.array(
        [
            [centre + square, centre + square],
            [centre + square, centre - square],
            [centre - square, centre - square],
        ],
        dtype=np.float32,
    )
    moved = points + numbers.uniform(-shift, shift, 3, 2).astype(np.float32)
    matrix = cv2.getAffineTransform(points, moved)
    bent = cv2.warpAffine(unit, matrix, (size, size), borderMode=cv2.BORDER_REFLECT_101)
    field = [
        gaussian(noise, sigma, mode="reflect", truncate=3) * alpha for noise in numbers.uniform(-1, 1, 2, size, size)
    ]
    rows, columns = np.mgrid[:size, :size]
    place = [rows + field[1].astype(np.float32), columns + field[0].astype(np.float32)]
    channels = [ndimage.map_coordinates(bent[..., c], place, order=1, mode="reflect") for c in range(3)]
    return _levels(np.stack(channels, axis=-1))


def pixelate(image: Array, constants: Any, numbers: Numbers) -> Array:
    size = len(image)
    small = int(size * constants)
    shrunk = Image.fromarray(image).resize((small, small), Image.Resampling.BOX)
    return np.asarray(shrunk.resize((size, size), Image.Resampling.BOX))


def jpeg_compression(image: Array, constants: Any, numbers: Numbers) -> Array:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=constants)
    return np.asarray(Image.open(file))


PUBLISHED: dict[str, Callable[[Array, Any, Numbers], Array]] = {
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
