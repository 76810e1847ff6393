"""Loading of the data set that a sweep names."""

from prunesweep.sweeps.catalogue import DATASETS, resolve
from prunesweep.sweeps.datasets import DatasetSettings
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.data.soundness import check_source
from prunesweep.workers.data.streaming import StreamedSplit


def load_dataset(settings: DatasetSettings) -> Dataset:
    """Load the data set that the settings describe; a streamed data set, such as ImageNet, is only opened.

    Batches are delivered to the CPU. If the data set is streamed, a sample of its images is decoded as a check.
    ``DataError`` is raised if data are missing or malformed. Its one line says which file or image is wrong and what
    was expected.
    """
    dataset: Dataset = resolve(DATASETS[settings.name].code)(settings)
    for what, split in (("dataset.train", dataset.train), ("dataset.test", dataset.test)):
        if isinstance(split, StreamedSplit):
            check_source(split.source, what)
    return dataset
