"""Loading of the data set that a sweep names."""

from prunesweep.sweeps.catalogue import DATASETS, resolve
from prunesweep.sweeps.datasets import DatasetSettings
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.data.soundness import check_source
from prunesweep.workers.data.streaming import StreamedSplit


def load_dataset(settings: DatasetSettings) -> Dataset:
    """Return the data set on the CPU, with its pixels in memory or streamed, as its reader does.

    Of a streamed data set a sample of images is decoded as a check. Data that are missing or malformed are a
    `DataError`, whose one line says which file or image is wrong and what was expected.
    """
    dataset: Dataset = resolve(DATASETS[settings.name].code)(settings)
    for what, split in (("dataset.train", dataset.train), ("dataset.test", dataset.test)):
        if isinstance(split, StreamedSplit):
            check_source(split.source, what)
    return dataset
