"""The noise family: Gaussian, shot and impulse noise, every channel of every pixel for itself.

The constants are CIFAR-10-C's, severities 1 to 5 (Hendrycks & Dietterich 2019).
"""

from torch import Tensor

from workers.attacks.corruptions.draws import Draws
from workers.attacks.corruptions.pixels import to_levels, to_unit

GAUSSIAN_DEVIATION = (0.04, 0.06, 0.08, 0.09, 0.10)
SHOT_PHOTONS = (500, 250, 100, 75, 50)
IMPULSE_SHARE = (0.01, 0.02, 0.03, 0.05, 0.07)


def gaussian_noise(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Add normal noise."""
    noise = draws.normal(*images.shape[1:]).mul_(GAUSSIAN_DEVIATION[severity - 1])
    return to_levels(noise.add_(to_unit(images)))


def shot_noise(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Count photons: a Poisson number whose mean is proportional to the level."""
    photons = SHOT_PHOTONS[severity - 1]
    return to_levels(draws.poisson(to_unit(images) * photons) / photons)


def impulse_noise(images: Tensor, severity: int, draws: Draws) -> Tensor:
    """Salt and pepper: a share of the levels becomes 0 or 255, either equally often."""
    chance = draws.uniform(0, 1, *images.shape[1:])
    share = IMPULSE_SHARE[severity - 1]
    return images.masked_fill(chance < share / 2, 0).masked_fill_(chance >= 1 - share / 2, 255)
