"""Which of the usual normalisations of images a network was trained with, which a weights file does not say."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from prunesweep.sweeps.images.samples import sample_evenly
from prunesweep.sweeps.pretrained import IMAGENET_MEAN, IMAGENET_STD
from prunesweep.workers.architectures.network import evaluating, new_network
from prunesweep.workers.architectures.weights_file import load_weights
from prunesweep.workers.data.split import ChannelValues, LabelledImages

_BATCH = 128


@dataclass(frozen=True)
class NormalisationAccuracy:
    """The accuracy of a network if its images are normalised in one way.

    Attributes:
        name: the normalisation in words, such as ``ImageNet's``.
        values: the means and the standard deviations of the channels, for pixels in [0, 1]; None for those of the
            training images, which a trial measures itself.
        accuracy: the accuracy on some training images, in [0, 1].
        loss: the mean cross-entropy on them, in nats, which differs even where all images are classified correctly.
    """

    name: str
    values: tuple[ChannelValues, ChannelValues] | None
    accuracy: float
    loss: float


_USUAL: Mapping[str, tuple[ChannelValues, ChannelValues]] = {
    "ImageNet's": (IMAGENET_MEAN, IMAGENET_STD),
    "0.5 for all channels": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}


def compare_normalisations(
    tensors: Mapping[str, Tensor], architecture: str, classes: int, split: LabelledImages, images: int
) -> list[NormalisationAccuracy]:
    """Return the accuracy of a network on some training images under each usual normalisation, the lowest loss first.

    Args:
        tensors: the tensors of the network by name.
        architecture: the name of its architecture.
        classes: the number of its classes.
        split: the training images.
        images: how many of them to classify; they are spread evenly over the split.
    """
    indices = torch.tensor(sample_evenly(range(len(split)), images))
    pixels = split.read(indices).float().div_(255)
    labels = split.labels[indices]
    accuracies = []
    for name, values in {"the training images' own": None, **_USUAL}.items():
        mean, std = values or _own_statistics(pixels)
        network = new_network(architecture, classes, split.side, mean, std, generator=torch.Generator())
        load_weights(network, tensors)
        with evaluating(network):
            logits = torch.cat([network(batch) for batch in pixels.split(_BATCH)])
        accuracy = (logits.argmax(1) == labels).double().mean().item()
        accuracies.append(NormalisationAccuracy(name, values, accuracy, cross_entropy(logits, labels).item()))
    return sorted(accuracies, key=lambda found: found.loss)


def _own_statistics(pixels: Tensor) -> tuple[ChannelValues, ChannelValues]:
    """Return the mean and the standard deviation of each channel of images (N, 3, H, W) in [0, 1]."""
    mean, std = pixels.mean((0, 2, 3)).tolist(), pixels.std((0, 2, 3), correction=0).clamp_min(1e-4).tolist()
    return (mean[0], mean[1], mean[2]), (std[0], std[1], std[2])
