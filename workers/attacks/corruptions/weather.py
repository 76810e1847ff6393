"""The weather family: snow, frost, fog and brightness."""

import torch
from torch import Tensor

from prunesweep.workers.attacks.corruptions.constants import Constants, Snowfall
from prunesweep.workers.attacks.corruptions.draws import Draws
from prunesweep.workers.attacks.corruptions.frost_textures import frost_textures
from prunesweep.workers.attacks.corruptions.motion import motion_blur
from prunesweep.workers.attacks.corruptions.pixels import to_levels, to_unit
from prunesweep.workers.attacks.corruptions.plasma import plasma_fractal
from prunesweep.workers.attacks.corruptions.zoom import clipped_zoom, zoom_sides

LUMA = (0.299, 0.587, 0.114)


def snow(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Whiten the image and add the same layer of flakes twice: as drawn, and turned by 180 degrees."""
    snowfall = constants.weather.snow[severity - 1]
    image_weight = snowfall.image_weight
    layer = to_unit(_draw_flakes(images.shape[-1], snowfall, draws))
    unit = to_unit(images).float()
    whitened = image_weight * unit + (1 - image_weight) * torch.maximum(unit, _luma(unit) * 1.5 + 0.5)
    return to_levels(whitened + layer + layer.rot90(2, (-2, -1)))


def _draw_flakes(size: int, snowfall: Snowfall, draws: Draws) -> Tensor:
    """Draw bright spots, blurred along lines within 45 degrees of the vertical, uint8 (N, 1, size, size)."""
    spots = draws.normal(1, size, size).mul_(snowfall.deviation).add_(snowfall.mean)
    spots = clipped_zoom(spots.permute(2, 3, 0, 1), *zoom_sides(size, snowfall.zoom)).permute(2, 3, 0, 1)
    spots = spots.masked_fill(spots < snowfall.threshold, 0)
    return motion_blur(to_levels(spots), snowfall.radius, snowfall.sigma, draws.uniform(-135, -45))


def _luma(unit: Tensor) -> Tensor:
    """Return the luma of images (N, 3, H, W) as (N, 1, H, W)."""
    red, green, blue = (unit[:, channel : channel + 1] * share for channel, share in enumerate(LUMA))
    return red + green + blue


def frost(images: Tensor, severity: int, draws: Draws, constants: Constants, textures: str = "package") -> Tensor:
    """Blend a random cut-out of a random photograph of frost into the image.

    Args:
        images: uint8 (N, 3, H, H).
        severity: 1 to 5.
        draws: the random numbers of the images.
        constants: the constants of a benchmark.
        textures: the source of the textures, ``package`` or ``generated``, as in ``frost_textures``.
    """
    image_weight, frost_weight = constants.weather.frost[severity - 1]
    choices = draws.uniform(0, 1, 3).tolist()
    available = frost_textures(textures, images.shape[-1], constants.weather.frost_scale)
    ice = torch.stack([_cut_out(available, images.shape[-1], *choice) for choice in choices]).to(images.device)
    mixed = images.to(torch.float64) * image_weight + ice.to(torch.float64) * frost_weight
    return mixed.clamp_(0, 255).to(torch.uint8)


def _cut_out(textures: tuple[Tensor, ...], size: int, texture_choice: float, row: float, column: float) -> Tensor:
    """Return a square part of one texture, uint8 (3, size, size).

    Args:
        textures: uint8 (3, H, W) each.
        size: the side of the square in pixels.
        texture_choice: selects a texture, in [0, 1).
        row: the vertical position of the square, in [0, 1); 0 is the top.
        column: the horizontal position of the square, in [0, 1); 0 is the left edge.
    """
    texture = textures[int(texture_choice * len(textures))]
    top, left = int(row * (texture.shape[1] - size)), int(column * (texture.shape[2] - size))
    return texture[:, top : top + size, left : left + size]


def fog(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Add clouds, and darken the sum so that no level exceeds the brightest level of the original image."""
    density, decay = constants.weather.fog[severity - 1]
    size = images.shape[-1]
    map_size = 1 << (size - 1).bit_length()
    clouds = plasma_fractal(draws.uniform(-1, 1, map_size**2 - 1), decay)[:, None, :size, :size]
    unit = to_unit(images)
    brightest = unit.amax((1, 2, 3), keepdim=True)
    return to_levels((unit + density * clouds) * brightest / (brightest + density))


def brightness(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Raise V of HSV (hue, saturation, value); the ratios of the three colour channels do not change."""
    unit = to_unit(images)
    value = unit.amax(1, keepdim=True)
    ratios = torch.where(value > 0, unit / value, 1.0)
    return to_levels(ratios * (value + constants.weather.brightness[severity - 1]).clamp(max=1))
