"""The 15 corruptions at 5 severities, against imagecorruptions, which is called an image at a time as its README does.

Both sides run in one thread, on digits. The images that come out are not compared: imagecorruptions has ImageNet-C's
constants, where ours at this side has CIFAR-10-C's, and other random numbers. The tests hold ours against the published
definitions, and with ImageNet-C's constants against imagecorruptions. A second trial reads the corrupted images that
the first one made: they have to be equal to what it would make.
"""

import os
import tempfile
from collections.abc import Iterator
from unittest import mock

import imagecorruptions
import torch
from torch import Tensor

from benchmarks.timing import Row, faster, seconds, show, times_faster
from prunesweep.sweeps.datasets import Digits
from prunesweep.workers import load_dataset
from prunesweep.workers.attacks.corruptions.corrupt import KINDS, SEVERITIES, corrupt
from prunesweep.workers.attacks.corruptions.library import corrupted_images

IMAGES = 1000
SIDE = 32
SHARED_IMAGES = 200  # of a second trial
PEER = "imagecorruptions"


def run() -> Iterator[Row]:
    """A row for each kind, their sum, the kind that gains least, and a second trial's."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    images = load_dataset(Digits(name="digits", size=SIDE)).train.read(slice(0, IMAGES))
    times = {kind: _seconds(images, kind) for kind in KINDS}
    ours, theirs = (sum(of_side) for of_side in zip(*times.values(), strict=True))
    least = min(KINDS, key=lambda kind: times[kind][1] / times[kind][0])
    yield times_faster(f"corruptions: 15 kinds, {PEER}", ours, theirs, at_least=8.0)
    yield times_faster(f"corruptions: least: {least}", *times[least], at_least=1.0)
    slowest = max(KINDS, key=lambda kind: times[kind][1])
    yield times_faster(f"corruptions: all but {slowest}", ours - times[slowest][0], theirs - times[slowest][1])
    for kind, of_kind in times.items():
        yield times_faster(f"corruptions: {kind}", *of_kind)
    yield _second_trial(images[:SHARED_IMAGES])
    torch.set_num_threads(threads)


def _seconds(images: Tensor, kind: str) -> list[float]:
    """Of ours and of theirs, at all severities."""
    by_pixel = images.permute(0, 2, 3, 1).contiguous().numpy()

    def ours() -> None:
        for severity in SEVERITIES:
            corrupt(images, kind, severity)

    def theirs() -> None:
        for severity in SEVERITIES:
            for image in by_pixel:
                imagecorruptions.corrupt(image, corruption_name=kind, severity=severity)

    return seconds(ours, theirs, rounds=1)


def _second_trial(images: Tensor) -> Row:
    """Reading the kept images, against making them."""
    asked = [(kind, severity) for kind in KINDS for severity in SEVERITIES]

    def read() -> list[Tensor]:
        return [corrupted_images(images, "benchmark", *each, frost_textures="package").clone() for each in asked]

    def make() -> list[Tensor]:
        return [corrupt(images, *each) for each in asked]

    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, PRUNESWEEP_CACHE=folder):
        assert all(torch.equal(one, other) for one, other in zip(read(), make(), strict=True)), "the two sides disagree"
        return faster("corruptions: second trial, made again", read, make, rounds=1)


if __name__ == "__main__":
    show(run())
