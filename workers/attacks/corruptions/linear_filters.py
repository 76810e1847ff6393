"""Linear filters, as sums of shifted images.

The sums are single multiplications and additions in a fixed order. A library's convolution may choose its
order by the batch's size, and the levels of an image would then depend on the images beside it.
"""

import numpy as np
import torch
from torch import Tensor

from prunesweep.workers.attacks.corruptions.borders import Fold


def correlate(levels: Tensor, kernel: Tensor, fold: Fold) -> Tensor:
    """Levels 0..255 (..., H, W) under an odd-sided kernel (K, K), float64: in [0, 1] if its weights sum to one.

    Weights of zero cost nothing, and pixels that share a weight are added up first. They are whole numbers, of which
    float32 holds the sum exactly, whatever the order, as long as they are fewer than 2**16.
    """
    height, width = levels.shape[-2:]
    radius = len(kernel) // 2
    padded = _pad(_pad(levels.float(), radius, -2, fold), radius, -1, fold)
    total = torch.zeros(levels.shape, dtype=torch.float64, device=levels.device)
    for weight in kernel[kernel != 0].unique().tolist():
        shared = torch.zeros(levels.shape, device=levels.device)
        for row, column in (kernel == weight).nonzero().tolist():
            shared += padded[..., row : row + height, column : column + width]
        total += shared.double().mul_(weight)
    return total.div_(255)


def gaussian_blur(images: Tensor, sigma: float, fold: Fold, truncate: float = 4.0) -> Tensor:
    """Images (..., H, W) under a Gaussian of ``sigma`` pixels, cut off after ``truncate`` sigmas."""
    radius = int(truncate * sigma + 0.5)
    if radius == 0:
        return images
    return smooth(images, gaussian_weights(sigma, radius), fold)


def smooth(images: Tensor, weights: list[float], fold: Fold) -> Tensor:
    """Images (..., H, W) under a symmetric kernel along both dimensions; ``weights`` from its centre outwards."""
    return _smooth(_smooth(images, weights, -2, fold), weights, -1, fold)


def gaussian_weights(sigma: float, radius: int) -> list[float]:
    """A sampled Gaussian's weights at 0 … radius; with those at −radius … −1 they sum to one.

    Computed as in SciPy: the last bit decides which level a flat area falls to.
    """
    weights = np.exp(-0.5 / sigma**2 * np.arange(-radius, radius + 1) ** 2)
    return [float(weight) for weight in weights[radius:] / weights.sum()]


def _smooth(images: Tensor, weights: list[float], dim: int, fold: Fold) -> Tensor:
    """Correlate along one dimension; the kernel is symmetric and given from its centre outwards."""
    size, radius = images.shape[dim], len(weights) - 1
    padded = _pad(images, radius, dim, fold)
    total = padded.narrow(dim, radius, size) * weights[0]
    for offset in range(radius, 0, -1):
        pair = padded.narrow(dim, radius - offset, size) + padded.narrow(dim, radius + offset, size)
        total += pair.mul_(weights[offset])
    return total


def _pad(images: Tensor, margin: int, dim: int, fold: Fold) -> Tensor:
    size = images.shape[dim]
    positions = torch.arange(-margin, size + margin, device=images.device)
    return images.index_select(dim, fold(positions, size))
