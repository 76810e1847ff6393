"""CIFAR-10 (Krizhevsky 2009), read by torchvision, which checks every file against its published MD5."""

import numpy as np
from torchvision.datasets import CIFAR10

from prunesweep.sweeps.datasets import Cifar10, Cifar100
from prunesweep.sweeps.errors import DataError
from prunesweep.workers.data.dataset import Dataset, make_dataset


def load(settings: Cifar10) -> Dataset:
    """Load CIFAR-10: 50,000 training and 10,000 test images of 32 × 32 pixels in 10 classes.

    If files below ``settings.root`` are missing or differ from the published ones, they are downloaded if
    ``settings.download`` is set. Otherwise, or if the download fails, ``DataError`` is raised.
    """
    return load_cifar(settings, CIFAR10)


def load_cifar(settings: Cifar10 | Cifar100, torchvision_class: type[CIFAR10]) -> Dataset:
    """Load CIFAR-10 or CIFAR-100 with a data set class of torchvision.

    Args:
        settings: the folder with the files, and whether to download them.
        torchvision_class: ``CIFAR10`` or its subclass ``CIFAR100``.

    Raises:
        DataError: the files are missing or differ from the published ones, or the download failed.
    """
    try:
        train, test = (
            torchvision_class(settings.root, train=train, download=settings.download) for train in (True, False)
        )
    except (RuntimeError, OSError) as error:
        if settings.download:
            raise DataError(f"{settings.name}: could not be downloaded to {settings.root}: {error}") from None
        raise DataError(
            f"{settings.name}: missing or damaged below {settings.root}; set dataset.root to the folder that contains "
            f"{torchvision_class.base_folder}, or set dataset.download=true"
        ) from None
    return make_dataset(
        settings,
        (train.data, np.asarray(train.targets, dtype=np.int64)),
        (test.data, np.asarray(test.targets, dtype=np.int64)),
        train.classes,
    )
