"""How fast trials go here: a short piece of their work, repeated and timed."""

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
from prunesweep.workers.architectures.folding import folded
from prunesweep.workers.architectures.network import Network, new_network
from prunesweep.workers.attacks.fgsm import fgsm
from prunesweep.workers.attacks.subject import Subject
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.data.split import ChannelValues, LabelledImages, Split
from prunesweep.workers.random_streams import stream
from prunesweep.workers.runtime import configure, default_device, place
from prunesweep.workers.training.loop import train
from prunesweep.workers.work import Work

STEPS = 8  # of training in a piece
CAUTIOUS = 1e-6  # the learning rate, with which nothing diverges however often the piece is repeated
HALF = (0.5, 0.5, 0.5)


class WorkExcerpt:
    """What trials spend their time on: a few steps of training and a batch of an attack of each of them.

    ``images``: how many that trains on and attacks.
    """

    def __init__(self, trials: Sequence[Trial], data: Mapping[str, Any]) -> None:
        """Makes networks as the trials' baselines are, and does the piece once.

        Args:
            trials: one an architecture is enough. Those whose round trains nothing are attacked alone.
            data: ``Dataset.arrays()``.
        """
        configure(trials[0].context.threads)
        device = default_device()
        dataset = Dataset.from_arrays(data).to(device)
        self._pieces = [_TrialExcerpt.of(trial, dataset) for trial in trials]
        self.images = sum(piece.images for piece in self._pieces)
        self.rate(0.0)
        self._spare = _spare_memory(device)

    def rate(self, seconds: float) -> float:
        """Images a second over ``seconds``, or the little longer that the last of them take."""
        start, times = time.monotonic(), 0
        while times == 0 or time.monotonic() - start < seconds:
            for piece in self._pieces:
                piece.do()
            times += 1
        return times * self.images / (time.monotonic() - start)


@dataclass(frozen=True)
class _TrialExcerpt:
    """One trial's piece; ``training``: None where nothing is trained. ``folded_network``: the network, folded once."""

    network: Network
    folded_network: Network
    training: Training | None
    work: Work

    @staticmethod
    def of(trial: Trial, data: Dataset) -> "_TrialExcerpt":
        generator = stream("rate", trial.seed)
        network = new_network(trial.architecture, len(data.classes), data.side, HALF, HALF, generator=generator)
        training = trial.round.training if trial.round.epochs else None
        trained = STEPS * training.batch_size if training else 0
        attacked = next(Subject(network, data.test, "").batches()).stop
        few = replace(data, train=_first(data.train, trained), test=_first(data.test, attacked))
        # What is taken once an epoch would be taken every few steps.
        plain = replace(trial, round=trial.round.model_copy(update={"dynamics": False}))
        work = Work(plain, Store("memory://rate"), few, lambda event: None, lambda: False)
        cautious = training.model_copy(update={"learning_rate": CAUTIOUS}) if training else None
        place(network, data.device)
        return _TrialExcerpt(network, folded(network), cautious, work)

    @property
    def images(self) -> int:
        return len(self.work.data.train) + len(self.work.data.test)

    def do(self) -> None:
        if self.training is not None:
            self.network.requires_grad_(True)  # an attack takes that away
            train(self.network, self.training, self.work, last_epoch=1)
        fgsm(Subject(self.network, self.work.data.test, "", folded_network=self.folded_network), Fgsm())


def _spare_memory(device: torch.device) -> Tensor | None:
    """Half as much of a GPU's memory again, held for what the piece leaves out: scores and other attacks."""
    if device.type != "cuda":
        return None
    return torch.empty(torch.cuda.max_memory_reserved(device) // 2, dtype=torch.uint8, device=device)


def _first(split: LabelledImages, count: int) -> LabelledImages:
    """The first images of a split."""
    if split.holds_pixels:
        return Split(split.read(slice(count)), split.labels[:count])
    return _FirstStreamed(split, count)


class _FirstStreamed(LabelledImages):
    """The first images of a split that is streamed."""

    holds_pixels = False

    def __init__(self, split: LabelledImages, count: int) -> None:
        self._split = split
        self.labels = split.labels[:count]

    @property
    def side(self) -> int:
        return self._split.side

    def to(self, device: torch.device) -> "_FirstStreamed":
        return _FirstStreamed(self._split.to(device), len(self))

    def read(self, chosen: Tensor | slice) -> Tensor:
        return self._split.read(torch.arange(len(self))[chosen] if isinstance(chosen, slice) else chosen)

    def order(self, generator: torch.Generator) -> Tensor:
        order = self._split.order(generator)  # which may be mixed within a window alone
        return order[order < len(self)]

    def training_batch(self, chosen: Tensor, training: Training, generator: torch.Generator) -> Tensor:
        return self._split.training_batch(chosen, training, generator)

    def channel_statistics(self) -> tuple[ChannelValues, ChannelValues]:
        return self._split.channel_statistics()
