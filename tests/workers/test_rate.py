"""The piece of work that shows how fast trials go: it is theirs, of their size, and can be repeated for ever."""

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
from prunesweep.workers.rate import STEPS, WorkExcerpt
from prunesweep.workers.training.loop import train
from prunesweep.workers.work import Work

SWEEP = """
name: rate
dataset: {name: digits, size: 16, test_limit: 40}
baseline: {epochs: 3, batch_size: 4, learning_rate: 10, momentum: 0.99, weight_decay: 1}
axes: {architecture: [resnet20, mobilenet_v2], iterations: 0}
attacks: {fgsm: {}}
"""
Seen = list[tuple[str, int]]


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> Seen:
    """What was passed to training and to the attack, and how many images that were."""
    seen: Seen = []

    def watched_train(network: Network, training: Training, work: Work, **options: Any) -> None:
        history = train(network, training, work, **options)
        assert len(history) == 1
        assert np.isfinite(history[0]["loss"])
        seen.append(("train", len(work.data.train)))

    def watched_fgsm(subject: Subject, settings: Fgsm) -> None:
        seen.append(("attack", len(fgsm(subject, settings).outcomes[0].correct)))

    monkeypatch.setattr(rate, "train", watched_train)
    monkeypatch.setattr(rate, "fgsm", watched_fgsm)
    return seen


def sample(sweep: Sweep, trials: Sequence[Trial]) -> WorkExcerpt:
    return WorkExcerpt(trials, load_dataset(sweep.dataset).arrays())


def test_a_piece_is_some_steps_and_a_batch_of_an_attack_of_each_trial(
    parse: Callable[..., Sweep], passed: Seen
) -> None:
    sweep = parse(SWEEP)
    made = sample(sweep, list(grow_tree(sweep)))
    piece = [("train", STEPS * 4), ("attack", 40)] * 2
    assert passed == piece
    assert made.images == sum(images for _, images in piece)


def test_it_is_done_again_until_the_time_is_over_and_never_diverges(parse: Callable[..., Sweep], passed: Seen) -> None:
    sweep = parse(SWEEP, "axes.architecture=resnet20")
    made = sample(sweep, list(grow_tree(sweep)))
    passed.clear()
    assert made.rate(1.0) > 0
    assert len(passed) > 2
    passed.clear()
    made.rate(0.0)
    assert len(passed) == 2


@pytest.mark.parametrize("training", [None, Training(epochs=0)])
def test_a_trial_that_trains_nothing_is_attacked_alone(
    parse: Callable[..., Sweep], passed: Seen, training: Training | None
) -> None:
    sweep = parse(SWEEP, "axes.architecture=resnet20")
    (trial,) = grow_tree(sweep)
    sample(sweep, [replace(trial, round=trial.round.model_copy(update={"training": training}))])
    assert passed == [("attack", 40)]


def test_streamed_images_are_read_as_training_reads_them(
    parse: Callable[..., Sweep], passed: Seen, tmp_path: Path
) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        for number in range(30):
            pixels = np.random.default_rng(number).integers(0, 256, (20, 20, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / label / f"{number}.png")
    settings = "name: imagenet, size: 16, test_limit: 10, allow_overlap: true"
    streamed = f"dataset={{{settings}, train: {tmp_path}, test: {tmp_path}}}"
    sweep = parse(SWEEP, streamed, "axes.architecture=resnet20")
    sample(sweep, list(grow_tree(sweep)))
    assert passed == [("train", STEPS * 4), ("attack", 10)]


def test_the_first_of_a_streamed_split_are_its_first(parse: Callable[..., Sweep], tmp_path: Path) -> None:
    for label in "ab":
        (tmp_path / label).mkdir()
        for number in range(3):
            Image.new("RGB", (16, 16), (40 * number, 0, 0)).save(tmp_path / label / f"{number}.png")
    streamed = f"dataset={{name: imagenet, train: {tmp_path}, test: {tmp_path}, size: 16, allow_overlap: true}}"
    split = load_dataset(parse(SWEEP, streamed).dataset).train
    first = rate._first(split, 4)
    assert torch.equal(first.labels, split.labels[:4])
    assert torch.equal(first.read(slice(None)), split.read(slice(4)))
    assert torch.equal(first.read(torch.tensor([2])), split.read(torch.tensor([2])))
    order, whole = (each.order(torch.Generator().manual_seed(0)).tolist() for each in (first, split))
    assert order == [number for number in whole if number < 4], "mixed as far as the split mixes"
