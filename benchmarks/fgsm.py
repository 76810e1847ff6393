"""FGSM at eight values of ε on ResNet56: one gradient for all of them, against foolbox given the same list."""

import foolbox
import torch

from benchmarks.timing import Row, faster, show
from sweeps.attacks import Fgsm
from workers.architectures.network import new_network
from workers.attacks.fgsm import fgsm
from workers.attacks.subject import Subject
from workers.data.dataset import Split
from workers.runtime import place

EPSILONS = tuple(2 * step / 255 for step in range(1, 9))
IMAGES = 250


def run() -> list[Row]:
    """Both sides attack the same network and images; their outcomes have to be equal."""
    generator = torch.Generator().manual_seed(0)
    half = (0.5, 0.5, 0.5)
    network = new_network("resnet56", 10, 32, half, half, generator=generator).eval()
    pixels = torch.randint(0, 256, (IMAGES, 3, 32, 32), generator=generator, dtype=torch.uint8)
    with torch.no_grad():
        labels = network(pixels.float() / 255).argmax(1)
    split = Split(pixels, labels)
    settings = Fgsm(epsilons=EPSILONS, headline=EPSILONS[3])
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")

    def ours() -> list[int]:
        subject = Subject(place(network, labels.device), split, "benchmark")
        return [int(outcome.correct.sum()) for outcome in fgsm(subject, settings).outcomes]

    def theirs() -> list[int]:
        fooled = foolbox.attacks.FGSM()(model, pixels.float() / 255, labels, epsilons=list(EPSILONS))[2]
        return (~fooled).sum(1).tolist()

    assert ours() == theirs(), "the two sides disagree"
    return [faster("fgsm: 8 epsilons, ResNet56, foolbox", ours, theirs, at_least=3.0, rounds=3)]


if __name__ == "__main__":
    show(run())
