"""Textures of frost: photographs, or generated images that resemble them."""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from prunesweep.workers.attacks.corruptions.plasma import plasma_fractal
from prunesweep.workers.data.decoding import decode_image
from prunesweep.workers.random_streams import stream

TEXTURE_SOURCES = ("package", "generated")
PACKAGE = "imagecorruptions"
PHOTOGRAPHS = ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg")
# The mean red, green and blue and the standard deviation of each photograph, in levels, and the decay (see
# ``plasma_fractal``) that gives generated textures the roughness of the photographs.
GENERATED_LOOKS = (
    (78, 149, 166, 19),
    (201, 205, 214, 22),
    (201, 205, 214, 22),
    (138, 153, 165, 29),
    (112, 123, 135, 43),
)
GENERATED_DECAY = 0.95
GENERATED_MIN_SIDE = 128
GENERATED_SCALE = 0.2  # the generated textures resemble the photographs at this share of their original size


def frost_package_installed() -> bool:
    """Return whether the distribution imagecorruptions-imaug, which has the photographs, is installed."""
    return find_spec(PACKAGE) is not None


@cache
def frost_textures(source: str, side: int, scale: float) -> tuple[Tensor, ...]:
    """Return five textures, uint8 (3, H, W) on the CPU, with H and W greater than ``side``.

    If ``source`` is ``package`` and the photographs are not installed, ``ImportError`` is raised.

    Args:
        source: ``package`` or ``generated``. ``package`` means the photographs that CIFAR-10-C and ImageNet-C were made
            with. ``generated`` means textures that resemble the photographs and are the same on every call.
        side: the side of the images to corrupt, in pixels.
        scale: the size of the photographs, as a share of their original size. Generated textures are scaled alike.
    """
    return _load_photographs(side, scale) if source == "package" else _generate(side, scale)


def _load_photographs(side: int, scale: float) -> tuple[Tensor, ...]:
    """Return the photographs of the package imagecorruptions-imaug.

    Raises:
        ImportError: the package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ImportError(
            "frost needs the textures of imagecorruptions-imaug, which is not installed: "
            "install it or choose frost_textures='generated'"
        )
    folder = Path(spec.origin).parent / "frost"
    return tuple(_load_photograph(folder / name, side, scale) for name in PHOTOGRAPHS)


def _load_photograph(path: Path, side: int, scale: float) -> Tensor:
    """Return a photograph at ``scale`` times its size, or larger if its height or width would not exceed ``side``."""
    photograph = torch.from_numpy(np.array(decode_image(str(path), path.read_bytes()))).permute(2, 0, 1)
    return _rescale(photograph.double(), max(scale, (side + 1) / min(photograph.shape[1:])))


def _rescale(texture: Tensor, scale: float) -> Tensor:
    """Return a texture (3, H, W) at ``scale`` times its size, as levels, uint8."""
    return functional.interpolate(texture[None], scale_factor=scale, mode="bilinear")[0].round().to(torch.uint8)


def _generate(side: int, scale: float) -> tuple[Tensor, ...]:
    """Return plasma fractals with the mean, deviation and roughness of the photographs."""
    enlargement = scale / GENERATED_SCALE
    size = max(GENERATED_MIN_SIDE, 1 << int(side / enlargement).bit_length())
    looks = torch.tensor(GENERATED_LOOKS, dtype=torch.float64)[..., None, None]
    noise = torch.rand(len(looks), size**2 - 1, generator=stream("frost textures"), dtype=torch.float64)
    heights = plasma_fractal(2 * noise - 1, GENERATED_DECAY)
    deviations = (heights - heights.mean((1, 2), keepdim=True)) / heights.std((1, 2), keepdim=True)
    textures = looks[:, :3] + looks[:, 3:] * deviations[:, None]
    levels = textures.clamp(0, 255).to(torch.uint8)
    return tuple(levels if enlargement == 1 else (_rescale(texture.double(), enlargement) for texture in levels))
