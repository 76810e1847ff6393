"""Measures the speed of trials on this machine, by timing an excerpt of their work."""

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
"""Small enough that training never diverges, however often the excerpt is repeated."""
CHANNEL_NORMALISATION = (0.5, 0.5, 0.5)
"""Means, and standard deviations, of the networks' inputs; they do not affect the speed."""


class WorkExcerpt:
    """A short excerpt of the work of trials: a few training steps and one batch of an attack for each trial.

    Attributes:
        images: number of images in training and attacks of all trials together.
    """

    def __init__(self, trials: Sequence[Trial], data: Mapping[str, Any]) -> None:
        """Create a network like the baseline of each trial, and run the excerpt once.

        Args:
            trials: trials to measure; one of each architecture is enough. A trial without training is only attacked.
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
        folded_network: the network with its batch norms folded before any training, for the attack.
        training: settings of the training, or None for a trial without training.
        work: the trial with as many training and test images as one repetition uses.
    """

    network: Network
    folded_network: Network
    training: Training | None
    work: Work

    @staticmethod
    def from_trial(trial: Trial, data: Dataset) -> "_TrialExcerpt":
        """Create the network, and select the images."""
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
        # Dynamics are measured once per epoch, which here would be every few steps.
        without_dynamics = replace(trial, round=trial.round.model_copy(update={"dynamics": False}))
        work = Work(without_dynamics, Store("memory://rate"), subset, lambda event: None, lambda: False)
        stable = training.model_copy(update={"learning_rate": STABLE_LEARNING_RATE}) if training else None
        move_to_device(network, data.device)
        return _TrialExcerpt(network, fold_batch_norms(network), stable, work)

    @property
    def images(self) -> int:
        """Return the number of images in training and attack together."""
        return len(self.work.data.train) + len(self.work.data.test)

    def run(self) -> None:
        """Train for a few steps, if the trial trains at all, and attack one batch."""
        if self.training is not None:
            self.network.requires_grad_(True)  # the attack turned it off
            train(self.network, self.training, self.work, last_epoch=1)
        fgsm(Subject(self.network, self.work.data.test, "", folded_network=self.folded_network), Fgsm())


def _allocate_spare_memory(device: torch.device) -> Tensor | None:
    """Allocate half of the GPU memory used so far, for work outside the excerpt such as scoring and other attacks."""
    if device.type != "cuda":
        return None
    return torch.empty(torch.cuda.max_memory_reserved(device) // 2, dtype=torch.uint8, device=device)


def _first_images(split: LabelledImages, count: int) -> LabelledImages:
    """Return a split of the first images of a split."""
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
        order = self._split.order(generator)  # the split may be shuffled only within windows
        return order[order < len(self)]

    def training_batch(self, indices: Tensor, training: Training, generator: torch.Generator) -> Tensor:
        return self._split.training_batch(indices, training, generator)

    def channel_statistics(self) -> tuple[ChannelValues, ChannelValues]:
        return self._split.channel_statistics()
