"""PGD of ten steps on ResNet56, whose fooled images leave the batch, against foolbox's, whose do not."""

import foolbox
import torch

from benchmarks.timing import Row, faster, show
from sweeps.attacks import Pgd
from workers.architectures.network import new_network
from workers.attacks.pgd import pgd
from workers.attacks.subject import Subject
from workers.data.dataset import Split
from workers.runtime import place

EPSILON = 8 / 255
STEPS = 10
IMAGES = 50


def run() -> list[Row]:
    """Both sides attack the same network and images; as many images have to be left."""
    generator = torch.Generator().manual_seed(0)
    half = (0.5, 0.5, 0.5)
    network = place(new_network("resnet56", 10, 32, half, half, generator=generator).eval(), torch.device("cpu"))
    pixels = torch.randint(0, 256, (IMAGES, 3, 32, 32), generator=generator, dtype=torch.uint8)
    with torch.no_grad():
        _settle_batch_norms(network, pixels.float() / 255)
        labels = network(pixels.float() / 255).argmax(1)
    split = Split(pixels, labels)
    settings = Pgd(epsilons=(EPSILON,), headline=EPSILON, steps=STEPS)
    model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
    attack = foolbox.attacks.LinfPGD(steps=STEPS, rel_stepsize=2.5 / STEPS, random_start=True)

    def ours() -> int:
        (outcome,) = pgd(Subject(network, split, "benchmark"), settings).outcomes
        return int(outcome.correct.sum())

    def theirs() -> int:
        return int((~attack(model, pixels.float() / 255, labels, epsilons=[EPSILON])[2]).sum())

    assert ours() == theirs(), "the two sides disagree"
    return [faster("pgd: 10 steps, ResNet56, foolbox", ours, theirs, at_least=3.0, rounds=3)]


def _settle_batch_norms(network: torch.nn.Module, images: torch.Tensor) -> None:
    """Gives random weights the statistics of these images: without, ResNet56 hardly looks at its input."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None
    network.train()(images)
    network.eval()


if __name__ == "__main__":
    show(run())
