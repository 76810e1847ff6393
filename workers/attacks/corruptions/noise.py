"""The noise family: Gaussian, shot and impulse noise, every channel of every pixel for itself."""

from torch import Tensor

from prunesweep.workers.attacks.corruptions.constants import Constants
from prunesweep.workers.attacks.corruptions.draws import Draws
from prunesweep.workers.attacks.corruptions.pixels import to_levels, to_unit


def gaussian_noise(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Add normal noise."""
    noise = draws.normal(*images.shape[1:]).mul_(constants.noise.gaussian_deviation[severity - 1])
    return to_levels(noise.add_(to_unit(images)))


def shot_noise(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Count photons: a Poisson number whose mean is proportional to the level."""
    photons = constants.noise.shot_photons[severity - 1]
    return to_levels(draws.poisson(to_unit(images) * photons) / photons)


def impulse_noise(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Salt and pepper: a share of the levels becomes 0 or 255, either equally often."""
    chance = draws.uniform(0, 1, *images.shape[1:])
    share = constants.noise.impulse_share[severity - 1]
    return images.masked_fill(chance < share / 2, 0).masked_fill_(chance >= 1 - share / 2, 255)
