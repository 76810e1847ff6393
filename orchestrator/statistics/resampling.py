"""The bootstrap over test images."""

import numpy as np
from numpy.typing import NDArray

# With so many resamples, 250 lie beyond each bound of a 95 % interval.
RESAMPLES = 10_000
# The number of multinomial counts that are drawn at a time, 32 MB.
_CHUNK = 4_000_000


def resampled_means(values: NDArray[np.floating], *, resamples: int = RESAMPLES, seed: int = 0) -> NDArray[np.float64]:
    """Compute the mean of each column over resampled images (bootstrap, Efron 1979).

    Each resample draws as many images as there are, with replacement. All columns have the same draws, so that
    comparisons between columns stay paired. Images with equal rows are not distinguished: how often each distinct row
    is drawn is a multinomial number. This has the same distribution as drawing images one by one, and is far cheaper
    if there are few distinct rows.

    Args:
        values: one row per image, (images, columns), at least one image.
        resamples: the number of resamples.
        seed: the seed of a PCG64 generator; the same seed gives the same draws.

    Returns:
        The means, (resamples, columns), in the unit of the values.
    """
    images = len(values)
    rows, counts = np.unique(values, axis=0, return_counts=True)
    generator = np.random.Generator(np.random.PCG64(seed))
    step = max(1, _CHUNK // len(rows))
    means = [
        generator.multinomial(images, counts / images, size=min(step, resamples - start)) @ rows.astype(np.float64)
        for start in range(0, resamples, step)
    ]
    return np.concatenate(means) / images
