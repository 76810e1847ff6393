"""PGD with ten steps on ResNet56, compared with foolbox; only our side drops fooled images from the batch."""

from collections.abc import Iterator
from dataclasses import replace

import foolbox
from foolbox.models.pytorch import PyTorchModel

from benchmarks.subjects import copy_for_attack, random_subject
from benchmarks.timing import Row, measure_speedup, print_rows
from prunesweep.sweeps.attacks import Pgd
from prunesweep.workers.attacks.pgd import REACH, pgd
from prunesweep.workers.attacks.subject import Subject

STEPS = 10
IMAGES = 100
MAX_EARLIER = 5  # images that may be fooled by an iterate before the last one only
FOOLS_ALL = 8 / 255
FOOLS_HALF = 0.85 / 255  # as 8/255 fools an adversarially trained network


def run() -> Iterator[Row]:
    """Yield a row where all images are fooled and one where half are; both sides attack the same network and images."""
    yield _row("", FOOLS_ALL, at_least=3.0)
    yield _row(", half stay correct", FOOLS_HALF)


def _row(name: str, epsilon: float, at_least: float | None = None) -> Row:
    """Return a row on the attack with one ε.

    The counts of remaining correct images may differ slightly, because our side also counts an image as fooled if only
    an iterate before the last one fools it.

    Args:
        name: the end of the row's name.
        epsilon: ε in [0, 1] pixel units.
        at_least: the goal of the speedup, if it has one.
    """
    network, split = random_subject("resnet56", IMAGES)
    settings = Pgd(epsilons=(epsilon,), headline=epsilon, steps=STEPS, random_start=False)
    attack = foolbox.attacks.LinfPGD(steps=STEPS, rel_stepsize=REACH / STEPS, random_start=False)

    def ours() -> int:
        (outcome,) = pgd(Subject(copy_for_attack(network), split, "benchmark"), settings).outcomes
        return int(outcome.correct.sum())

    def theirs() -> int:
        model = PyTorchModel(network, bounds=(0, 1), device="cpu")
        return int((~attack(model, split.images.float() / 255, split.labels, epsilons=[epsilon])[2]).sum())

    our_count, their_count = ours(), theirs()
    assert our_count <= their_count <= our_count + MAX_EARLIER, f"{our_count} and {their_count} images stay correct"
    row = measure_speedup(f"pgd: {STEPS} steps, ResNet56, foolbox{name}", ours, theirs, at_least=at_least, rounds=3)
    return replace(row, details=f"{row.details}; correct {our_count} and {their_count} of {IMAGES}")


if __name__ == "__main__":
    print_rows(run())
