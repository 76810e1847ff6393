"""CIFAR-100 (Krizhevsky 2009) with its hundred fine labels, through torchvision."""

from torchvision.datasets import CIFAR100

from prunesweep.sweeps.datasets import Cifar100
from prunesweep.workers.data.cifar10 import load_cifar
from prunesweep.workers.data.dataset import Dataset


def load(settings: Cifar100) -> Dataset:
    """50,000 training and 10,000 test images of 32 × 32 in a hundred classes.

    Raises:
        DataError: the files are not below ``root``, or not as published, and ``download`` is not set.
    """
    return load_cifar(settings, CIFAR100)
