"""The noise family: Gaussian, shot and impulse noise, independent for each channel of each pixel."""

from torch import Tensor

from prunesweep.workers.attacks.corruptions.constants import Constants
from prunesweep.workers.attacks.corruptions.draws import Draws
from prunesweep.workers.attacks.corruptions.pixels import to_levels, to_unit


def gaussian_noise(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Add normally distributed noise."""
    noise = draws.normal(*images.shape[1:]).mul_(constants.noise.gaussian_deviation[severity - 1])
    return to_levels(noise.add_(to_unit(images)))


def shot_noise(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Replace each level by a photon count: a Poisson number whose mean is proportional to the level."""
    photons = constants.noise.shot_photons[severity - 1]
    return to_levels(draws.poisson(to_unit(images) * photons) / photons)


def impulse_noise(images: Tensor, severity: int, draws: Draws, constants: Constants) -> Tensor:
    """Set a share of the levels to 0 or 255, each with the same probability (salt and pepper)."""
    chance = draws.uniform(0, 1, *images.shape[1:])
    share = constants.noise.impulse_share[severity - 1]
    return images.masked_fill(chance < share / 2, 0).masked_fill_(chance >= 1 - share / 2, 255)
