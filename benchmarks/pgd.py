"""PGD of ten steps on ResNet56, whose fooled images leave the batch, against foolbox's, whose do not."""

from collections.abc import Iterator
from dataclasses import replace

import foolbox
from foolbox.models.pytorch import PyTorchModel

from benchmarks.subjects import as_attacked, random_subject
from benchmarks.timing import Row, faster, show
from prunesweep.sweeps.attacks import Pgd
from prunesweep.workers.attacks.pgd import REACH, pgd
from prunesweep.workers.attacks.subject import Subject

STEPS = 10
IMAGES = 100
EARLIER = 5  # images that only an earlier iterate than the last may fool
FOOLS_ALL = 8 / 255
FOOLS_HALF = 0.85 / 255  # as 8/255 does a network that was trained against attacks


def run() -> Iterator[Row]:
    """Both sides attack the same network and images."""
    yield _row("", FOOLS_ALL, at_least=3.0)
    yield _row(", half are left", FOOLS_HALF)


def _row(name: str, epsilon: float, at_least: float | None = None) -> Row:
    """Where all are fooled both leave none. Ours also counts an image that only an earlier iterate fools."""
    network, split = random_subject("resnet56", IMAGES)
    settings = Pgd(epsilons=(epsilon,), headline=epsilon, steps=STEPS, random_start=False)
    attack = foolbox.attacks.LinfPGD(steps=STEPS, rel_stepsize=REACH / STEPS, random_start=False)

    def ours() -> int:
        (outcome,) = pgd(Subject(as_attacked(network), split, "benchmark"), settings).outcomes
        return int(outcome.correct.sum())

    def theirs() -> int:
        model = PyTorchModel(network, bounds=(0, 1), device="cpu")
        return int((~attack(model, split.images.float() / 255, split.labels, epsilons=[epsilon])[2]).sum())

    mine, others = ours(), theirs()
    assert mine <= others <= mine + EARLIER, f"{mine} and {others} images are left"
    row = faster(f"pgd: {STEPS} steps, ResNet56, foolbox{name}", ours, theirs, at_least=at_least, rounds=3)
    return replace(row, details=f"{row.details}; left {mine} and {others} of {IMAGES}")


if __name__ == "__main__":
    show(run())
