"""Photographs of frost, or textures that stand in for them."""

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

SOURCES = ("package", "generated")
PACKAGE = "imagecorruptions"
PHOTOGRAPHS = ("frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg")
# mean red, green and blue, and standard deviation, like the photographs'; the decay makes them as rough
GENERATED_LOOKS = (
    (78, 149, 166, 19),
    (201, 205, 214, 22),
    (201, 205, 214, 22),
    (138, 153, 165, 29),
    (112, 123, 135, 43),
)
GENERATED_DECAY = 0.95
GENERATED_LEAST_SIDE = 128
GENERATED_SCALE = 0.2  # of the photographs that they look like


def frost_package_installed() -> bool:
    """Whether the photographs of the distribution imagecorruptions-imaug can be had."""
    return find_spec(PACKAGE) is not None


@cache
def frost_textures(source: str, side: int, scale: float) -> tuple[Tensor, ...]:
    """Five textures uint8 (3, H, W) on the CPU, H and W greater than ``side``.

    ``source`` is ``package``, the photographs that CIFAR-10-C and ImageNet-C were made with, at ``scale`` times their
    size, or ``generated``, which look like them and are the same on every call. Raises ImportError if the package is
    not installed.
    """
    return _photographs(side, scale) if source == "package" else _generated(side, scale)


def _photographs(side: int, scale: float) -> tuple[Tensor, ...]:
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ImportError(
            "frost needs the textures of imagecorruptions-imaug, which is not installed: "
            "install it or choose frost_textures='generated'"
        )
    folder = Path(spec.origin).parent / "frost"
    return tuple(_photograph(folder / name, side, scale) for name in PHOTOGRAPHS)


def _photograph(path: Path, side: int, scale: float) -> Tensor:
    """A photograph at ``scale`` times its size, or as much larger as ``side`` needs."""
    photograph = torch.from_numpy(np.array(decode_image(str(path), path.read_bytes()))).permute(2, 0, 1)
    return _enlarged(photograph.double(), max(scale, (side + 1) / min(photograph.shape[1:])))


def _enlarged(texture: Tensor, scale: float) -> Tensor:
    return functional.interpolate(texture[None], scale_factor=scale, mode="bilinear")[0].round().to(torch.uint8)


def _generated(side: int, scale: float) -> tuple[Tensor, ...]:
    enlargement = scale / GENERATED_SCALE
    size = max(GENERATED_LEAST_SIDE, 1 << int(side / enlargement).bit_length())
    looks = torch.tensor(GENERATED_LOOKS, dtype=torch.float64)[..., None, None]
    noise = torch.rand(len(looks), size**2 - 1, generator=stream("frost textures"), dtype=torch.float64)
    heights = plasma_fractal(2 * noise - 1, GENERATED_DECAY)
    deviations = (heights - heights.mean((1, 2), keepdim=True)) / heights.std((1, 2), keepdim=True)
    textures = looks[:, :3] + looks[:, 3:] * deviations[:, None]
    levels = textures.clamp(0, 255).to(torch.uint8)
    return tuple(levels if enlargement == 1 else (_enlarged(texture.double(), enlargement) for texture in levels))
