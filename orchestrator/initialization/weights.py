"""What is found out about the weights that a user's sweep starts from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunesweep.orchestrator.initialization.found_data import FoundData
from prunesweep.sweeps.catalogue import DATASETS, resolve
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.paths import expand_home
from prunesweep.sweeps.pretrained import find_pretrained

if TYPE_CHECKING:
    from torch import Tensor

    from prunesweep.workers.data.dataset import Dataset
    from prunesweep.workers.data.split import LabelledImages
    from prunesweep.workers.normalisations import NormalisationAccuracy

SMALL_SIDE = 64  # pixels; the networks of larger images take much longer
CLASSIFIED_SMALL, CLASSIFIED_LARGE = 128, 32  # training images on which normalisations are compared


@dataclass(frozen=True)
class FoundWeights:
    """The weights of an unpruned network.

    Attributes:
        weights: the path of the weights file, or ``torchvision:NAME``, as the user gave it.
        architecture: the architecture.
        classes: the number of classes.
        epochs: how many epochs the network was trained; None if that is unknown.
        normalisations: the accuracy on some training images under each usual normalisation, the highest first; empty if
            the normalisation is published with the weights, or if the images could not be read.
        images: how many training images were classified.
    """

    weights: str
    architecture: str
    classes: int
    epochs: int | None = None
    normalisations: "tuple[NormalisationAccuracy, ...]" = ()
    images: int = 0


def find_weights(weights: str, data: FoundData) -> FoundWeights:
    """Return what is known of weights, after comparing them with the data set.

    ``DataError`` is raised if the file cannot be read, if its tensors match no architecture, or if a name is unknown.

    Args:
        weights: the path of a weights file, or ``torchvision:NAME``.
        data: the data set of the sweep.

    Raises:
        DataError: the weights are for another number of classes.
    """
    pretrained = find_pretrained(weights)
    if pretrained is not None:
        found = FoundWeights(weights, pretrained.architecture, pretrained.classes, pretrained.epochs)
        _check_classes(found, data)
        return found
    from prunesweep.workers.architectures.recognition import recognise_architecture
    from prunesweep.workers.architectures.weights_file import WeightsError, read_weights_file

    tensors = read_weights_file(expand_home(weights))
    try:
        architecture, classes = recognise_architecture(tensors)
    except WeightsError as error:
        raise DataError(f"{weights}: {error}") from None
    _check_classes(FoundWeights(weights, architecture, classes), data)
    normalisations, images = _compare_normalisations(tensors, architecture, data)
    return FoundWeights(weights, architecture, classes, None, normalisations, images)


def _check_classes(found: FoundWeights, data: FoundData) -> None:
    """Check that the weights are for as many classes as the data set has.

    Raises:
        DataError: they are not.
    """
    if found.classes != data.classes:
        raise DataError(
            f"{found.weights}: is a {found.architecture} for {found.classes:,} classes, but the data set has "
            f"{data.classes:,} ({data.kind}); name another data set with --data"
        )


def _compare_normalisations(
    tensors: "Mapping[str, Tensor]", architecture: str, data: FoundData
) -> "tuple[tuple[NormalisationAccuracy, ...], int]":
    """Return the accuracies under the usual normalisations, and on how many training images they were measured.

    There are none if the images are not on this machine yet.
    """
    from prunesweep.workers.normalisations import compare_normalisations

    if data.settings.get("download"):
        return (), 0
    images = min(CLASSIFIED_SMALL if data.side <= SMALL_SIDE else CLASSIFIED_LARGE, data.train_images)
    found = compare_normalisations(tensors, architecture, data.classes, _training_images(data), images)
    return tuple(found), images


def _training_images(data: FoundData) -> "LabelledImages":
    """Return the training images; those of folders and Parquet files are streamed, so that only a few are decoded."""
    from pydantic import TypeAdapter

    from prunesweep.sweeps.language import AnyDatasetSettings

    settings = dict(data.settings)
    if settings["name"] in ("image_folder", "image_parquet"):
        settings |= {"name": "imagenet", "size": data.side, "resize": data.side}
    # Without the checks of load_dataset, which read a part of every file.
    dataset: Dataset = resolve(DATASETS[settings["name"]].code)(
        TypeAdapter(AnyDatasetSettings).validate_python(settings)
    )
    return dataset.train
