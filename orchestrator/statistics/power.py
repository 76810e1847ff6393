"""The smallest gains that can be detected with a given number of test images."""

import math

from scipy.special import ndtri


def smallest_gain(images: int, discordant_share: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest gain that McNemar's test detects with probability ``power``.

    By Connor ("Sample size for testing differences in proportions for the paired-sample design", Biometrics 43,
    1987), the number of images for a share ψ of discordant images and a difference δ is

        n = (z_{1 − α/2} √ψ + z_power √(ψ − δ²))² / δ²,

    which is solved for δ here. A difference of δ needs a share of discordant images of at least δ. If the solution is
    not below ψ, the result is therefore the δ that solves the equation with ψ = δ.

    Args:
        images: n, the number of test images, the same for both networks.
        discordant_share: ψ in [0, 1], the share of images that only one of the networks classifies correctly.
        alpha: the significance level of the two-sided test.
        power: the probability of detecting the gain, in (0.5, 1).

    Returns:
        The gain in percentage points, in (0, 100]; NaN if there are too few images for any gain.
    """
    gain = _connor(images, discordant_share, alpha, power)
    if gain >= discordant_share or math.isnan(gain):
        gain = _all_discordant(images, alpha, power)
    return 100 * gain


def smallest_mean_gain(images: int, mean_square: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest detectable gain if an image's gain is a mean over corruption kinds, attacks or seeds.

    The formula is that of ``smallest_gain``. There, the gain of an image is -1, 0 or 1, and ψ is the mean square of
    these gains. The formula uses no other property of the gains.

    Args:
        images: n, the number of test images, the same for both networks.
        mean_square: the mean square of the images' gains as shares, in [0, 1].
        alpha: the significance level of the two-sided test.
        power: the probability of detecting the gain, in (0.5, 1).

    Returns:
        The gain in percentage points; NaN if no image differs, so that the variation of images is unknown, or if there
        are too few images.
    """
    return 100 * _connor(images, mean_square, alpha, power) if mean_square else math.nan


def _quantiles(alpha: float, power: float) -> tuple[float, float]:
    """Return the normal quantiles z_{1 − α/2} and z_power."""
    return float(ndtri(1 - alpha / 2)), float(ndtri(power))


def _connor(n: int, psi: float, alpha: float, power: float) -> float:
    """Return Connor's δ, the larger root of (n + z_p²) δ² − 2 z_a √(n ψ) δ + (z_a² − z_p²) ψ = 0.

    The larger root is the one with √n δ ≥ z_a √ψ. If n < z_a², the result is NaN.
    """
    z_a, z_p = _quantiles(alpha, power)
    if n < z_a**2:
        return math.nan
    return math.sqrt(psi) * (z_a * math.sqrt(n) + z_p * math.sqrt(n + z_p**2 - z_a**2)) / (n + z_p**2)


def _all_discordant(n: int, alpha: float, power: float) -> float:
    """Return Connor's δ for ψ = δ, which solves √n √δ = z_a + z_p √(1 − δ), by δ = sin² θ; NaN if n < z_a²."""
    z_a, z_p = _quantiles(alpha, power)
    if n < z_a**2:
        return math.nan
    return math.sin(math.atan2(z_p, math.sqrt(n)) + math.asin(z_a / math.hypot(math.sqrt(n), z_p))) ** 2
