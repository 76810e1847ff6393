"""CIFAR-10 (Krizhevsky 2009) through torchvision, which checks every file against its published MD5."""

import numpy as np
from torchvision.datasets import CIFAR10

from prunesweep.sweeps.datasets import Cifar10, Cifar100
from prunesweep.sweeps.errors import DataError
from prunesweep.workers.data.dataset import Dataset, make_dataset


def load(settings: Cifar10) -> Dataset:
    """50,000 training and 10,000 test images of 32 × 32 in ten classes.

    Raises:
        DataError: the files are not below ``root``, or not as published, and ``download`` is not set.
    """
    return load_cifar(settings, CIFAR10)


def load_cifar(settings: Cifar10 | Cifar100, published: type[CIFAR10]) -> Dataset:
    """The data set that torchvision's class ``published`` reads below ``settings.root``. Raises as ``load`` does."""
    try:
        train, test = (published(settings.root, train=train, download=settings.download) for train in (True, False))
    except (RuntimeError, OSError) as error:
        if settings.download:
            raise DataError(f"{settings.name}: could not be downloaded to {settings.root}: {error}") from None
        raise DataError(
            f"{settings.name}: not found below {settings.root}; set dataset.root to where {published.base_folder} "
            "lies, or dataset.download=true"
        ) from None
    return make_dataset(
        settings,
        (train.data, np.asarray(train.targets, dtype=np.int64)),
        (test.data, np.asarray(test.targets, dtype=np.int64)),
        train.classes,
    )
