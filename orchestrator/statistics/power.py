"""What so many test images can show."""

import math

from scipy.special import ndtri


def smallest_gain(images: int, discordant_share: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """The smallest gain that McNemar's test on so many images finds with the chance ``power``.

    Connor ("Sample size for testing differences in proportions for the paired-sample design", Biometrics 43,
    1987) has for a share ψ of discordant images and a difference δ

        n = (z_{1 − α/2} √ψ + z_power √(ψ − δ²))² / δ²,

    which is solved for δ here. A difference needs at least as many discordant images: where δ would reach ψ, it is
    the δ that equals its ψ.

    Args:
        images: n, test images of both networks.
        discordant_share: ψ in [0, 1], the share that one network gets right and the other wrong.
        alpha: of the two-sided test.
        power: chance of finding the gain, in (0.5, 1).

    Returns:
        Percentage points in (0, 100]; NaN where so few images can show no gain at all.
    """
    gain = _connor(images, discordant_share, alpha, power)
    if gain >= discordant_share or math.isnan(gain):
        gain = _all_discordant(images, alpha, power)
    return 100 * gain


def smallest_mean_gain(images: int, mean_square: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """``smallest_gain`` where an image's gain is a mean over kinds of corruption, attacks or seeds.

    Connor's ψ is the mean square of the images' gains, which are then -1, 0 and 1; the formula needs no more of
    them than that.

    Args:
        images: n, test images of both networks.
        mean_square: of the images' gains as shares, in [0, 1].
        alpha, power: as in ``smallest_gain``.

    Returns:
        Percentage points; NaN where no image differs (nothing tells how far images vary), or there are too few.
    """
    return 100 * _connor(images, mean_square, alpha, power) if mean_square else math.nan


def _quantiles(alpha: float, power: float) -> tuple[float, float]:
    return float(ndtri(1 - alpha / 2)), float(ndtri(power))


def _connor(n: int, psi: float, alpha: float, power: float) -> float:
    """The larger root of (n + z_p²) δ² − 2 z_a √(n ψ) δ + (z_a² − z_p²) ψ = 0: with √n δ ≥ z_a √ψ, Connor's δ."""
    z_a, z_p = _quantiles(alpha, power)
    if n < z_a**2:
        return math.nan
    return math.sqrt(psi) * (z_a * math.sqrt(n) + z_p * math.sqrt(n + z_p**2 - z_a**2)) / (n + z_p**2)


def _all_discordant(n: int, alpha: float, power: float) -> float:
    """Connor's δ where ψ = δ: √n √δ = z_a + z_p √(1 − δ), by δ = sin² θ."""
    z_a, z_p = _quantiles(alpha, power)
    if n < z_a**2:
        return math.nan
    return math.sin(math.atan2(z_p, math.sqrt(n)) + math.asin(z_a / math.hypot(math.sqrt(n), z_p))) ** 2
