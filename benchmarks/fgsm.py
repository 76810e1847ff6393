"""FGSM at eight values of ε on ResNet56: one gradient for all of them, against libraries given the same list."""

import foolbox
import torch
import torchattacks
from foolbox.models.pytorch import PyTorchModel

from benchmarks.subjects import as_attacked, random_subject
from benchmarks.timing import Row, seconds, show, times_faster
from prunesweep.sweeps.attacks import Fgsm
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.attacks.fgsm import fgsm
from prunesweep.workers.attacks.subject import Subject

EPSILONS = tuple(2 * step / 255 for step in range(1, 9))
IMAGES = 250


def run() -> list[Row]:
    """All attack the same network and images; their outcomes have to be equal.

    The layout of the memory changes roundings, which decide for some of the noise that a random network has near a
    boundary, and so outcomes are compared in one layout; those of a trained network are equal in both (tests).
    """
    network, split = random_subject("resnet56", IMAGES)
    images, labels = split.images.float() / 255, split.labels
    settings = Fgsm(epsilons=EPSILONS, headline=EPSILONS[3])

    def attack(attacked: Network) -> list[int]:
        subject = Subject(attacked, split, "benchmark")
        return [int(outcome.correct.sum()) for outcome in fgsm(subject, settings).outcomes]

    def ours() -> list[int]:
        return attack(as_attacked(network))

    def by_foolbox() -> list[int]:
        model = PyTorchModel(network, bounds=(0, 1), device="cpu")
        fooled = foolbox.attacks.FGSM()(model, images, labels, epsilons=list(EPSILONS))[2]
        return (~fooled).sum(1).tolist()

    def by_torchattacks() -> list[int]:
        correct = []
        for epsilon in EPSILONS:
            attacked = torchattacks.FGSM(network, eps=epsilon)(images, labels)
            with torch.no_grad():
                correct.append(int((network(attacked).argmax(1) == labels).sum()))
        return correct

    assert attack(network) == by_foolbox() == by_torchattacks(), "the sides disagree"
    mine, *others = seconds(ours, by_foolbox, by_torchattacks, rounds=3)
    return [
        times_faster(f"fgsm: 8 epsilons, ResNet56, {peer}", mine, other, at_least=3)
        for peer, other in zip(("foolbox", "torchattacks"), others, strict=True)
    ]


if __name__ == "__main__":
    show(run())
