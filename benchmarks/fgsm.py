"""FGSM at eight values of ε on ResNet56, compared with two libraries; our side computes one gradient for all values."""

import foolbox
import torch
import torchattacks
from foolbox.models.pytorch import PyTorchModel

from benchmarks.subjects import copy_for_attack, random_subject
from benchmarks.timing import Row, median_seconds, print_rows, speedup_row
from prunesweep.sweeps.attacks import Fgsm
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.attacks.fgsm import fgsm
from prunesweep.workers.attacks.subject import Subject

EPSILONS = tuple(2 * step / 255 for step in range(1, 9))
IMAGES = 250


def run() -> list[Row]:
    """Return one row per library; all sides attack the same network and images, and their outcomes must be equal.

    The memory layout changes rounding, which decides the class of some images of noise near a decision boundary of the
    random network. So outcomes are compared in the same layout; the tests show that a trained network has equal
    outcomes in both.
    """
    network, split = random_subject("resnet56", IMAGES)
    images, labels = split.images.float() / 255, split.labels
    settings = Fgsm(epsilons=EPSILONS, headline=EPSILONS[3])

    def attack(target: Network) -> list[int]:
        subject = Subject(target, split, "benchmark")
        return [int(outcome.correct.sum()) for outcome in fgsm(subject, settings).outcomes]

    def ours() -> list[int]:
        return attack(copy_for_attack(network))

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
    our_seconds, *their_seconds = median_seconds(ours, by_foolbox, by_torchattacks, rounds=3)
    return [
        speedup_row(f"fgsm: 8 epsilons, ResNet56, {library}", our_seconds, library_seconds, at_least=3)
        for library, library_seconds in zip(("foolbox", "torchattacks"), their_seconds, strict=True)
    ]


if __name__ == "__main__":
    print_rows(run())
