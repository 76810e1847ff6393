"""PGD of ten steps on ResNet56, whose fooled images leave the batch, against foolbox's, whose do not."""

import foolbox

from benchmarks.subjects import as_attacked, random_subject
from benchmarks.timing import Row, faster, show
from sweeps.attacks import Pgd
from workers.attacks.pgd import pgd
from workers.attacks.subject import Subject

EPSILON = 8 / 255
STEPS = 10
IMAGES = 100


def run() -> list[Row]:
    """Both sides attack the same network and images; as many images have to be left."""
    network, split = random_subject("resnet56", IMAGES)
    settings = Pgd(epsilons=(EPSILON,), headline=EPSILON, steps=STEPS)
    attack = foolbox.attacks.LinfPGD(steps=STEPS, rel_stepsize=2.5 / STEPS, random_start=True)

    def ours() -> int:
        (outcome,) = pgd(Subject(as_attacked(network), split, "benchmark"), settings).outcomes
        return int(outcome.correct.sum())

    def theirs() -> int:
        model = foolbox.PyTorchModel(network, bounds=(0, 1), device="cpu")
        return int((~attack(model, split.images.float() / 255, split.labels, epsilons=[EPSILON])[2]).sum())

    assert ours() == theirs(), "the two sides disagree"
    return [faster("pgd: 10 steps, ResNet56, foolbox", ours, theirs, at_least=3, rounds=3)]


if __name__ == "__main__":
    show(run())
