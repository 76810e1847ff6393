"""What is found out about a weights file: its architecture, and how the network's images are normalised."""

import math

import pytest
import torch
from torch import nn
from torchvision.models import resnet18

from prunesweep.sweeps.catalogue import ARCHITECTURES
from prunesweep.sweeps.pretrained import IMAGENET_MEAN, IMAGENET_STD
from prunesweep.workers.architectures.network import new_network
from prunesweep.workers.architectures.recognition import recognise_architecture
from prunesweep.workers.architectures.spec import find_architecture
from prunesweep.workers.architectures.weights_file import WeightsError
from prunesweep.workers.data.split import Split
from prunesweep.workers.normalisations import compare_normalisations


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_is_recognised_with_its_classes(name: str) -> None:
    with torch.device("meta"):
        body = find_architecture(name).build(7)
    tensors = {key: torch.zeros(tensor.shape) for key, tensor in body.state_dict().items()}
    assert recognise_architecture(tensors) == (name, 7)
    with_prefix = {f"body.{key}": tensor for key, tensor in tensors.items() if "num_batches" not in key}
    assert recognise_architecture(with_prefix) == (name, 7)


def message_of(tensors: dict[str, torch.Tensor]) -> str:
    with pytest.raises(WeightsError) as refused:
        recognise_architecture(tensors)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_other_tensors_are_compared_with_the_most_similar_architecture() -> None:
    tensors = find_architecture("resnet56").build(10).state_dict()
    lacking = {name: tensor for name, tensor in tensors.items() if name != "layer2.3.conv1.weight"}
    assert "most similar to resnet56, but the file has no layer2.3.conv1.weight" in message_of(lacking)
    narrow = {**tensors, "layer1.0.conv1.weight": torch.zeros(9, 16, 3, 3)}
    assert "layer1.0.conv1.weight has shape (9, 16, 3, 3) where the network has (16, 16, 3, 3)" in message_of(narrow)
    broken = {**tensors, "conv1.weight": torch.full((16, 3, 3, 3), math.nan)}
    assert "conv1.weight contains values that are not finite" in message_of(broken)
    assert message_of(resnet18().state_dict()).startswith("matches none of resnet20, resnet32,")
    assert message_of({"mean": torch.zeros(3)}).endswith("the network has no mean")


@pytest.mark.parametrize(
    ("name", "mean", "std"),
    [
        ("the training images' own", None, None),
        ("ImageNet's", IMAGENET_MEAN, IMAGENET_STD),
        ("0.5 for all channels", (0.5,) * 3, (0.5,) * 3),
        ("none", (0.0,) * 3, (1.0,) * 3),
    ],
)
def test_the_normalisation_with_the_lowest_loss_is_the_one_that_the_network_was_made_with(
    name: str, mean: tuple[float, float, float] | None, std: tuple[float, float, float] | None
) -> None:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(40, 140, (60, 3, 16, 16), generator=generator, dtype=torch.uint8)
    images += torch.randint(0, 100, (60, 3, 1, 1), generator=generator, dtype=torch.uint8)  # of different brightness
    split = Split(images, torch.zeros(60, dtype=torch.int64))
    if mean is None or std is None:
        mean, std = split.channel_statistics()
    network = new_network("resnet20", 4, 16, mean, std, generator=generator).eval()
    *_, classifier = (module for module in network.modules() if isinstance(module, nn.Linear))
    pixels = images.float() / 255
    with torch.no_grad():  # logits that are far apart, with every class predicted
        classifier.bias.sub_(network(pixels).mean(0))
        scale = 30 / network(pixels).std()
        classifier.weight.mul_(scale)
        classifier.bias.mul_(scale)
        labels = network(pixels).argmax(1)
    assert len(labels.unique()) > 1
    found = compare_normalisations(network.body.state_dict(), "resnet20", 4, Split(images, labels), 60)
    assert found[0].name == name
    assert found[0].accuracy == 1.0 > found[-1].accuracy
    assert [each.loss for each in found] == sorted(each.loss for each in found)
    assert found[0].values == (None if name.startswith("the training") else (mean, std))
