"""Handwritten digits (Alpaydin and Kaynak 1998), which are part of scikit-learn, so that no download is needed."""

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.nn.functional import interpolate

from prunesweep.sweeps.datasets import Digits
from prunesweep.workers.data.dataset import Dataset, make_dataset

TEST_SHARE = 0.2
_SPLIT_SEED = 0


def load(settings: Digits) -> Dataset:
    """Load the digits: 1,437 training and 360 test images in 10 classes.

    The grey 8 × 8 images are enlarged bilinearly to ``settings.size`` and repeated in three channels.
    """
    digits = load_digits()
    images = _enlarge(digits.images, settings.size)
    labels = digits.target.astype(np.int64)
    train, test = train_test_split(
        np.arange(len(labels)), test_size=TEST_SHARE, stratify=labels, random_state=_SPLIT_SEED
    )
    return make_dataset(
        settings,
        (images[train], labels[train]),
        (images[test], labels[test]),
        [str(digit) for digit in range(10)],
    )


def _enlarge(images: NDArray[np.float64], size: int) -> NDArray[np.uint8]:
    """Enlarge grey images (N, 8, 8) in [0, 16] to uint8 (N, size, size, 3)."""
    grey = torch.from_numpy(images / 16)[:, None]
    enlarged = interpolate(grey, size=(size, size), mode="bilinear", align_corners=False)
    levels = (enlarged * 255).round().to(torch.uint8)[:, 0].numpy()
    return np.repeat(levels[..., None], 3, axis=-1)
