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
    """Whiten the image and let flakes fall over it, once as drawn and once turned upside down."""
    snowfall = constants.weather.snow[severity - 1]
    kept = snowfall.kept
    layer = to_unit(_flakes(images.shape[-1], snowfall, draws))
    unit = to_unit(images).float()
    whitened = kept * unit + (1 - kept) * torch.maximum(unit, _luma(unit) * 1.5 + 0.5)
    return to_levels(whitened + layer + layer.rot90(2, (-2, -1)))


def _flakes(size: int, snowfall: Snowfall, draws: Draws) -> Tensor:
    """Bright spots smeared along lines within 45 degrees of the vertical; uint8 (N, 1, H, H)."""
    spots = draws.normal(1, size, size).mul_(snowfall.deviation).add_(snowfall.mean)
    spots = clipped_zoom(spots.permute(2, 3, 0, 1), *zoom_sides(size, snowfall.zoom)).permute(2, 3, 0, 1)
    spots = spots.masked_fill(spots < snowfall.threshold, 0)
    return motion_blur(to_levels(spots), snowfall.radius, snowfall.sigma, draws.uniform(-135, -45))


def _luma(unit: Tensor) -> Tensor:
    red, green, blue = (unit[:, channel : channel + 1] * share for channel, share in enumerate(LUMA))
    return red + green + blue


def frost(images: Tensor, severity: int, draws: Draws, constants: Constants, textures: str = "package") -> Tensor:
    """Lay a random cut-out of a random photograph of frost over the image."""
    image_weight, frost_weight = constants.weather.frost[severity - 1]
    places = draws.uniform(0, 1, 3).tolist()
    choice = frost_textures(textures, images.shape[-1], constants.weather.frost_scale)
    ice = torch.stack([_cut_out(choice, images.shape[-1], *place) for place in places]).to(images.device)
    mixed = images.to(torch.float64) * image_weight + ice.to(torch.float64) * frost_weight
    return mixed.clamp_(0, 255).to(torch.uint8)


def _cut_out(textures: tuple[Tensor, ...], size: int, which: float, row: float, column: float) -> Tensor:
    """A square of ``size`` pixels out of one texture; the three places lie in [0, 1)."""
    texture = textures[int(which * len(textures))]
    top, left = int(row * (texture.shape[1] - size)), int(column * (texture.shape[2] - size))
    return texture[:, top : top + size, left : left + size]


def fog(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Add clouds, and darken so that the brightest level stays within range."""
    density, decay = constants.weather.fog[severity - 1]
    size = images.shape[-1]
    map_size = 1 << (size - 1).bit_length()
    clouds = plasma_fractal(draws.uniform(-1, 1, map_size**2 - 1), decay)[:, None, :size, :size]
    unit = to_unit(images)
    brightest = unit.amax((1, 2, 3), keepdim=True)
    return to_levels((unit + density * clouds) * brightest / (brightest + density))


def brightness(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Raise the value of hue, saturation and value; hue and saturation stay, and so the channels' ratios."""
    unit = to_unit(images)
    value = unit.amax(1, keepdim=True)
    ratios = torch.where(value > 0, unit / value, 1.0)
    return to_levels(ratios * (value + constants.weather.brightness[severity - 1]).clamp(max=1))
