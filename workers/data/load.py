"""Loads the data set that a sweep names."""

from prunesweep.sweeps.catalogue import DATASETS, resolve
from prunesweep.sweeps.datasets import DatasetSettings
from prunesweep.workers.data.dataset import Dataset


def load_dataset(settings: DatasetSettings) -> Dataset:
    """The data set with its pixels on the CPU.

    Raises:
        DataError: it is missing or malformed; one line says which file or image and what was expected.
    """
    dataset: Dataset = resolve(DATASETS[settings.name].code)(settings)
    return dataset
