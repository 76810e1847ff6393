"""Linear filters, computed as sums of shifted images.

The multiplications and additions are in a fixed order. A library's convolution may choose its order by the batch
size, and the levels of an image would then depend on the rest of the batch.
"""

import numpy as np
import torch
from torch import Tensor

from prunesweep.workers.attacks.corruptions.borders import BorderRule


def correlate(levels: Tensor, kernel: Tensor, border: BorderRule) -> Tensor:
    """Correlate images with a kernel.

    Pixels that share a weight are summed before the sum is multiplied by the weight, and weights of zero are skipped.
    Levels are whole numbers. Float32 therefore holds their sum exactly, in any order, as long as fewer than 2**16
    levels are summed.

    Args:
        levels: images as levels 0..255, (..., H, W).
        kernel: the weights, (K, K) with odd K.
        border: the rule for pixels beyond the border.

    Returns:
        The filtered images, float64 (..., H, W), in [0, 1] if the weights sum to one.
    """
    height, width = levels.shape[-2:]
    radius = len(kernel) // 2
    padded = _pad(_pad(levels.float(), radius, -2, border), radius, -1, border)
    total = torch.zeros(levels.shape, dtype=torch.float64, device=levels.device)
    for weight in kernel[kernel != 0].unique().tolist():
        sum_of_pixels = torch.zeros(levels.shape, device=levels.device)
        for row, column in (kernel == weight).nonzero().tolist():
            sum_of_pixels += padded[..., row : row + height, column : column + width]
        total += sum_of_pixels.double().mul_(weight)
    return total.div_(255)


def gaussian_blur(images: Tensor, sigma: float, border: BorderRule, truncate: float = 4.0) -> Tensor:
    """Blur images by a Gaussian.

    Args:
        images: (..., H, W).
        sigma: standard deviation in pixels.
        border: the rule for pixels beyond the border.
        truncate: the number of standard deviations after which the Gaussian is cut off.
    """
    radius = int(truncate * sigma + 0.5)
    if radius == 0:
        return images
    return smooth(images, gaussian_weights(sigma, radius), border)


def smooth(images: Tensor, weights: list[float], border: BorderRule) -> Tensor:
    """Correlate images with a symmetric kernel along rows and columns.

    Args:
        images: (..., H, W).
        weights: the kernel, from its centre outwards.
        border: the rule for pixels beyond the border.
    """
    return _smooth_along(_smooth_along(images, weights, -2, border), weights, -1, border)


def gaussian_weights(sigma: float, radius: int) -> list[float]:
    """Return the weights of a sampled Gaussian at 0 … radius; together with those at −radius … −1 they sum to one.

    The weights are computed as in SciPy, because their last bit decides which level a uniform area gets.

    Args:
        sigma: standard deviation in pixels.
        radius: the largest distance from the centre in pixels.
    """
    weights = np.exp(-0.5 / sigma**2 * np.arange(-radius, radius + 1) ** 2)
    return [float(weight) for weight in weights[radius:] / weights.sum()]


def _smooth_along(images: Tensor, weights: list[float], dim: int, border: BorderRule) -> Tensor:
    """Correlate along one dimension with a symmetric kernel, given from its centre outwards."""
    size, radius = images.shape[dim], len(weights) - 1
    padded = _pad(images, radius, dim, border)
    total = padded.narrow(dim, radius, size) * weights[0]
    for offset in range(radius, 0, -1):
        pair = padded.narrow(dim, radius - offset, size) + padded.narrow(dim, radius + offset, size)
        total += pair.mul_(weights[offset])
    return total


def _pad(images: Tensor, margin: int, dim: int, border: BorderRule) -> Tensor:
    """Pad both ends of a dimension by ``margin`` pixels that the border rule takes from inside the image."""
    size = images.shape[dim]
    positions = torch.arange(-margin, size + margin, device=images.device)
    return images.index_select(dim, border(positions, size))
