"""The 15 corruptions at 5 severities, compared with imagecorruptions called per image, as in its README.

Both sides run in one thread, on digits. The corrupted images are not compared, because imagecorruptions has the
constants of ImageNet-C, ours at this image size those of CIFAR-10-C, and the random numbers differ. The tests compare
ours with the published definitions and, with ImageNet-C's constants, with imagecorruptions. The second trial of a sweep
reads the corrupted images that the first one cached, which must be equal to newly computed ones.
"""

import os
import tempfile
from collections.abc import Iterator
from unittest import mock

import imagecorruptions
import torch
from torch import Tensor

from benchmarks.timing import Row, measure_speedup, median_seconds, print_rows, speedup_row
from prunesweep.sweeps.datasets import Digits
from prunesweep.workers import load_dataset
from prunesweep.workers.attacks.corruptions.corrupt import KINDS, SEVERITIES, corrupt
from prunesweep.workers.attacks.corruptions.library import corrupted_images

IMAGES = 1000
SIDE = 32
CACHED_IMAGES = 200  # for the row on the second trial
PEER = "imagecorruptions"


def run() -> Iterator[Row]:
    """Yield a row for the sum over all kinds, the smallest speedup, each kind, and the second trial."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    images = load_dataset(Digits(name="digits", size=SIDE)).train.read(slice(0, IMAGES))
    times = {kind: _measure_seconds(images, kind) for kind in KINDS}
    ours, theirs = (sum(side_times) for side_times in zip(*times.values(), strict=True))
    least_gain = min(KINDS, key=lambda kind: times[kind][1] / times[kind][0])
    yield speedup_row(f"corruptions: 15 kinds, {PEER}", ours, theirs, at_least=8.0)
    yield speedup_row(f"corruptions: smallest gain: {least_gain}", *times[least_gain], at_least=1.0)
    slowest = max(KINDS, key=lambda kind: times[kind][1])
    yield speedup_row(f"corruptions: all but {slowest}", ours - times[slowest][0], theirs - times[slowest][1])
    for kind, kind_times in times.items():
        yield speedup_row(f"corruptions: {kind}", *kind_times)
    yield _second_trial_row(images[:CACHED_IMAGES])
    torch.set_num_threads(threads)


def _measure_seconds(images: Tensor, kind: str) -> list[float]:
    """Return the seconds of our side and of theirs for one kind at all severities."""
    channels_last = images.permute(0, 2, 3, 1).contiguous().numpy()

    def ours() -> None:
        for severity in SEVERITIES:
            corrupt(images, kind, severity)

    def theirs() -> None:
        for severity in SEVERITIES:
            for image in channels_last:
                imagecorruptions.corrupt(image, corruption_name=kind, severity=severity)

    return median_seconds(ours, theirs, rounds=1)


def _second_trial_row(images: Tensor) -> Row:
    """Return a row on reading the cached images compared with computing them."""
    kinds_and_severities = [(kind, severity) for kind in KINDS for severity in SEVERITIES]

    def read() -> list[Tensor]:
        return [
            corrupted_images(images, "benchmark", kind, severity, frost_textures="package").clone()
            for kind, severity in kinds_and_severities
        ]

    def compute() -> list[Tensor]:
        return [corrupt(images, kind, severity) for kind, severity in kinds_and_severities]

    with tempfile.TemporaryDirectory() as folder, mock.patch.dict(os.environ, PRUNESWEEP_CACHE=folder):
        assert all(torch.equal(cached, new) for cached, new in zip(read(), compute(), strict=True)), (
            "the two sides disagree"
        )
        return measure_speedup("corruptions: second trial, computed again", read, compute, rounds=1)


if __name__ == "__main__":
    print_rows(run())
