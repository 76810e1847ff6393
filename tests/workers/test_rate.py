"""The excerpt of work that measures the speed of trials: it is like their work, and can be repeated indefinitely."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from prunesweep.sweeps.attacks import Fgsm
from prunesweep.sweeps.language import Sweep, Training
from prunesweep.sweeps.tree import grow_tree
from prunesweep.sweeps.trial import Trial
from prunesweep.workers import load_dataset, rate
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.attacks.fgsm import fgsm
from prunesweep.workers.attacks.subject import Subject
from prunesweep.workers.rate import TRAINING_STEPS, WorkExcerpt
from prunesweep.workers.training.loop import train
from prunesweep.workers.work import Work

SWEEP = """
name: rate
dataset: {name: digits, size: 16, test_limit: 40}
baseline: {epochs: 3, batch_size: 4, learning_rate: 10, momentum: 0.99, weight_decay: 1}
axes: {architecture: [resnet20, mobilenet_v2], iterations: 0}
attacks: {fgsm: {}}
"""
Calls = list[tuple[str, int]]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """The calls of training and of the attack in their order, each with its number of images."""
    calls: Calls = []

    def watched_train(network: Network, training: Training, work: Work, **options: Any) -> None:
        history = train(network, training, work, **options)
        assert len(history) == 1
        assert np.isfinite(history[0]["loss"])
        calls.append(("train", len(work.data.train)))

    def watched_fgsm(subject: Subject, settings: Fgsm) -> None:
        calls.append(("attack", len(fgsm(subject, settings).outcomes[0].correct)))

    monkeypatch.setattr(rate, "train", watched_train)
    monkeypatch.setattr(rate, "fgsm", watched_fgsm)
    return calls


def make_excerpt(sweep: Sweep, trials: Sequence[Trial]) -> WorkExcerpt:
    return WorkExcerpt(trials, load_dataset(sweep.dataset).arrays())


def test_an_excerpt_has_some_training_steps_and_one_attacked_batch_per_trial(
    parse: Callable[..., Sweep], calls: Calls
) -> None:
    sweep = parse(SWEEP)
    excerpt = make_excerpt(sweep, list(grow_tree(sweep)))
    expected = [("train", TRAINING_STEPS * 4), ("attack", 40)] * 2
    assert calls == expected
    assert excerpt.images == sum(images for _, images in expected)


def test_it_is_repeated_until_the_time_is_over_and_never_diverges(parse: Callable[..., Sweep], calls: Calls) -> None:
    sweep = parse(SWEEP, "axes.architecture=resnet20")
    excerpt = make_excerpt(sweep, list(grow_tree(sweep)))
    calls.clear()
    assert excerpt.measure_rate(1.0) > 0
    assert len(calls) > 2
    calls.clear()
    excerpt.measure_rate(0.0)
    assert len(calls) == 2


@pytest.mark.parametrize("training", [None, Training(epochs=0)])
def test_a_trial_without_training_is_only_attacked(
    parse: Callable[..., Sweep], calls: Calls, training: Training | None
) -> None:
    sweep = parse(SWEEP, "axes.architecture=resnet20")
    (trial,) = grow_tree(sweep)
    make_excerpt(sweep, [replace(trial, round=trial.round.model_copy(update={"training": training}))])
    assert calls == [("attack", 40)]


def test_streamed_images_are_read_as_training_reads_them(
    parse: Callable[..., Sweep], calls: Calls, tmp_path: Path
) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        for number in range(30):
            pixels = np.random.default_rng(number).integers(0, 256, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / label / f"{number}.png")
    settings = "name: imagenet, size: 16, test_limit: 10, allow_overlap: true"
    streamed = f"dataset={{{settings}, train: {tmp_path}, test: {tmp_path}}}"
    sweep = parse(SWEEP, streamed, "axes.architecture=resnet20")
    make_excerpt(sweep, list(grow_tree(sweep)))
    assert calls == [("train", TRAINING_STEPS * 4), ("attack", 10)]


def test_the_first_images_of_a_streamed_split(parse: Callable[..., Sweep], tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        for number in range(3):
            Image.new("RGB", (16, 16), (40 * number, 0, 0)).save(tmp_path / label / f"{number}.png")
    streamed = f"dataset={{name: imagenet, train: {tmp_path}, test: {tmp_path}, size: 16, allow_overlap: true}}"
    split = load_dataset(parse(SWEEP, streamed).dataset).train
    first = rate._first_images(split, 4)
    assert torch.equal(first.labels, split.labels[:4])
    assert torch.equal(first.read(slice(None)), split.read(slice(4)))
    assert torch.equal(first.read(torch.tensor([2])), split.read(torch.tensor([2])))
    order, whole = (images.order(torch.Generator().manual_seed(0)).tolist() for images in (first, split))
    assert order == [number for number in whole if number < 4], "shuffled like the split"
