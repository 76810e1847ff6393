"""CIFAR-100 (Krizhevsky 2009) with its 100 fine labels, read by torchvision."""

from torchvision.datasets import CIFAR100

from prunesweep.sweeps.datasets import Cifar100
from prunesweep.workers.data.cifar10 import load_cifar
from prunesweep.workers.data.dataset import Dataset


def load(settings: Cifar100) -> Dataset:
    """Load CIFAR-100: 50,000 training and 10,000 test images of 32 × 32 pixels in 100 classes.

    If files below ``settings.root`` are missing or differ from the published ones, they are downloaded if
    ``settings.download`` is set. Otherwise, or if the download fails, ``DataError`` is raised.
    """
    return load_cifar(settings, CIFAR100)
