"""The bootstrap over test images."""

import numpy as np
from numpy.typing import NDArray

# The bounds of a 95 % interval rest on 250 resamples each.
RESAMPLES = 10_000
# Counts drawn at a time: 32 MB of them.
_CHUNK = 4_000_000


def resampled_means(values: NDArray[np.floating], *, resamples: int = RESAMPLES, seed: int = 0) -> NDArray[np.float64]:
    """The means of the columns over images drawn with replacement, as often as there are images (Efron 1979).

    All columns see the same draws, so that what is compared between columns stays paired. Images that agree in
    every column need not be told apart: how often each distinct row is drawn is multinomial, which is the same
    distribution as drawing images one by one and far cheaper where outcomes take few values.

    Args:
        values: (images, columns), at least one image.
        resamples: how many sets of images are drawn.
        seed: of a PCG64 generator; the same seed gives the same draws.

    Returns:
        (resamples, columns) in the values' unit.
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
