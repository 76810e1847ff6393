"""Measurement of the speed of trials on this machine, by timing an excerpt of their work."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from prunesweep.results_store import Store
from prunesweep.sweeps.attacks import Fgsm
from prunesweep.sweeps.language import Training
from prunesweep.sweeps.trial import Trial
from prunesweep.workers.architectures.folding import fold_batch_norms
from prunesweep.workers.architectures.network import Network, new_network
from prunesweep.workers.attacks.fgsm import fgsm
from prunesweep.workers.attacks.subject import Subject
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.data.split import ChannelValues, LabelledImages, Split
from prunesweep.workers.random_streams import stream
from prunesweep.workers.runtime import configure_torch, default_device, move_to_device
from prunesweep.workers.training.loop import train
from prunesweep.workers.work import Work

TRAINING_STEPS = 8
"""Training steps of each trial in an excerpt."""
STABLE_LEARNING_RATE = 1e-6
"""A learning rate so small that training never diverges, however often the excerpt is repeated."""
CHANNEL_NORMALISATION = (0.5, 0.5, 0.5)
"""Means and standard deviations by which the networks normalise the channels; the values do not affect the speed."""


class WorkExcerpt:
    """A short excerpt of the work of trials: a few training steps and one batch of an attack for each trial.

    Attributes:
        images: number of images that one repetition of the excerpt processes, in training and attacks of all trials.
    """

    def __init__(self, trials: Sequence[Trial], data: Mapping[str, Any]) -> None:
        """Create a network like the baseline of each trial, and run the excerpt once.

        Args:
            trials: trials to measure; one of each architecture is enough. For a trial without training, only the attack
                is measured.
            data: the data set, as returned by ``Dataset.arrays()``.
        """
        configure_torch(trials[0].context.threads)
        device = default_device()
        dataset = Dataset.from_arrays(data).to(device)
        self._trial_excerpts = [_TrialExcerpt.from_trial(trial, dataset) for trial in trials]
        self.images = sum(excerpt.images for excerpt in self._trial_excerpts)
        self.measure_rate(0.0)
        self._spare_memory = _allocate_spare_memory(device)

    def measure_rate(self, seconds: float) -> float:
        """Repeat the excerpt and return the number of images per second.

        Args:
            seconds: how long to measure; the last repetition is finished even if it takes longer.
        """
        start, repetitions = time.monotonic(), 0
        while repetitions == 0 or time.monotonic() - start < seconds:
            for excerpt in self._trial_excerpts:
                excerpt.run()
            repetitions += 1
        return repetitions * self.images / (time.monotonic() - start)


@dataclass(frozen=True)
class _TrialExcerpt:
    """The excerpt of one trial's work.

    Attributes:
        network: a network like the trial's baseline.
        folded_network: a copy of the network with folded batch norms, for the attack; it was made before any training.
        training: settings of the training, or None for a trial without training.
        work: the trial, with only those training and test images that one repetition uses.
    """

    network: Network
    folded_network: Network
    training: Training | None
    work: Work

    @staticmethod
    def from_trial(trial: Trial, data: Dataset) -> "_TrialExcerpt":
        """Create the excerpt of a trial: create its network, and select the images of one repetition."""
        generator = stream("rate", trial.seed)
        network = new_network(
            trial.architecture,
            len(data.classes),
            data.side,
            CHANNEL_NORMALISATION,
            CHANNEL_NORMALISATION,
            generator=generator,
        )
        training = trial.round.training if trial.round.epochs else None
        trained = TRAINING_STEPS * training.batch_size if training else 0
        attacked = next(Subject(network, data.test, "").batches()).stop
        subset = replace(data, train=_first_images(data.train, trained), test=_first_images(data.test, attacked))
        # Training dynamics are measured once per epoch, but an epoch of the excerpt has only a few steps.
        without_dynamics = replace(trial, round=trial.round.model_copy(update={"dynamics": False}))
        work = Work(without_dynamics, Store("memory://rate"), subset, lambda event: None, lambda: False)
        stable = training.model_copy(update={"learning_rate": STABLE_LEARNING_RATE}) if training else None
        move_to_device(network, data.device)
        return _TrialExcerpt(network, fold_batch_norms(network), stable, work)

    @property
    def images(self) -> int:
        """Return the number of images that one repetition processes, in training and attack together."""
        return len(self.work.data.train) + len(self.work.data.test)

    def run(self) -> None:
        """Train for a few steps, if the trial trains at all, and attack one batch."""
        if self.training is not None:
            self.network.requires_grad_(True)  # the attack turned gradients off
            train(self.network, self.training, self.work, last_epoch=1)
        fgsm(Subject(self.network, self.work.data.test, "", folded_network=self.folded_network), Fgsm())


def _allocate_spare_memory(device: torch.device) -> Tensor | None:
    """Allocate GPU memory in place of work that the excerpt leaves out, such as scoring and other attacks.

    The tensor is half as large as the most GPU memory that this process has reserved so far. Without a GPU, the result
    is None.
    """
    if device.type != "cuda":
        return None
    return torch.empty(torch.cuda.max_memory_reserved(device) // 2, dtype=torch.uint8, device=device)


def _first_images(split: LabelledImages, count: int) -> LabelledImages:
    """Return a split with only the first ``count`` images of another split."""
    if split.holds_pixels:
        return Split(split.read(slice(count)), split.labels[:count])
    return _FirstStreamedImages(split, count)


class _FirstStreamedImages(LabelledImages):
    """The first images of a streamed split."""

    holds_pixels = False

    def __init__(self, split: LabelledImages, count: int) -> None:
        self._split = split
        self.labels = split.labels[:count]

    @property
    def side(self) -> int:
        return self._split.side

    def to(self, device: torch.device) -> "_FirstStreamedImages":
        return _FirstStreamedImages(self._split.to(device), len(self))

    def read(self, indices: Tensor | slice) -> Tensor:
        return self._split.read(torch.arange(len(self))[indices] if isinstance(indices, slice) else indices)

    def order(self, generator: torch.Generator) -> Tensor:
        order = self._split.order(generator)  # a streamed split may be shuffled only within windows
        return order[order < len(self)]

    def training_batch(self, indices: Tensor, training: Training, generator: torch.Generator) -> Tensor:
        return self._split.training_batch(indices, training, generator)

    def channel_statistics(self) -> tuple[ChannelValues, ChannelValues]:
        return self._split.channel_statistics()
