"""Epochs of fine-tuning on the CPU, compared with a simple loop over a DataLoader with torchvision's transforms."""

import copy
from collections.abc import Iterable
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from benchmarks.subjects import CLASSES, SIDE, random_subject
from benchmarks.timing import Row, measure_speedup, print_rows
from prunesweep.results_store import Store
from prunesweep.sweeps.language import Sweep, Training
from prunesweep.sweeps.tree import grow_tree
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.data.dataset import Dataset as TrialData
from prunesweep.workers.data.split import Split
from prunesweep.workers.random_streams import stream
from prunesweep.workers.training.loop import augmented_batches, train
from prunesweep.workers.work import Work

IMAGES = 1024
BATCH = 128
PADDING = SIDE // 8
RATE = 0.01
LOSS_TOLERANCE = 1e-3  # relative, of an epoch's mean loss in fp32: another memory layout rounds differently


def run() -> list[Row]:
    """Return one row per architecture and precision.

    Both sides train the same network on the same images; on identical batches their losses must be equal.
    """
    return [
        _row("resnet20", "fp32", 1.5),
        _row("resnet20", "bf16"),
        _row("resnet56", "fp32", 1.5),
        _row("resnet56", "bf16"),
    ]


def _row(architecture: str, precision: str, at_least: float | None = None) -> Row:
    network, split = random_subject(architecture, IMAGES)
    loader = DataLoader(_Images(split), batch_size=BATCH, shuffle=True, num_workers=2)
    losses = _compare_losses(network, split, precision)
    row = measure_speedup(
        f"training: {architecture}, {precision}, DataLoader",
        lambda: _train_as_trial(network, split, precision),
        lambda: _train_by_simple_loop(copy.deepcopy(network), loader, precision),
        at_least=at_least,
        rounds=3,
    )
    return replace(row, details=f"{row.details}; on identical batches losses {losses}")


def _compare_losses(network: Network, split: Split, precision: str) -> str:
    """Return the mean losses of both sides on identical augmented batches, after asserting that they agree in fp32."""
    work = _work(split, precision)
    identical_batches = list(
        augmented_batches(work, _training(work), stream("training", work.trial.seed, work.trial.iterations, 0))
    )
    ours = _train_as_trial(network, split, precision)
    theirs = _train_by_simple_loop(copy.deepcopy(network), identical_batches, precision)
    assert precision != "fp32" or abs(ours - theirs) <= LOSS_TOLERANCE * theirs, f"losses {ours} and {theirs}"
    return f"{ours:.4f}, {theirs:.4f}"


def _train_as_trial(network: Network, split: Split, precision: str) -> float:
    """Train a copy of the network for an epoch as a trial does, and return the mean loss."""
    work = _work(split, precision)
    (epoch,) = train(copy.deepcopy(network), _training(work), work)
    return epoch["loss"]


def _work(split: Split, precision: str) -> Work:
    sweep = Sweep.model_validate(
        {
            "name": "benchmark",
            "dataset": {"name": "digits"},
            "baseline": {"epochs": 1, "batch_size": BATCH, "learning_rate": RATE, "schedule": "constant", "flip": True},
            "axes": {"architecture": "resnet20", "iterations": 0},
            "precision": precision,
        }
    )
    (trial,) = grow_tree(sweep)
    data = TrialData("digits", split, split, tuple(map(str, range(CLASSES))))
    return Work(trial, Store("memory://"), data, lambda event: None, lambda: False)


def _training(work: Work) -> Training:
    training = work.trial.round.training
    assert training is not None
    return training


class _Images(Dataset[tuple[Tensor, int]]):
    """The images of a split with their labels, each augmented on its own."""

    def __init__(self, split: Split) -> None:
        self._images, self._labels = split.images, split.labels.tolist()
        self._transform = v2.Compose(
            [v2.RandomCrop(SIDE, padding=PADDING), v2.RandomHorizontalFlip(), v2.ToDtype(torch.float32, scale=True)]
        )

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self._transform(self._images[index]), self._labels[index]


def _train_by_simple_loop(network: nn.Module, loader: Iterable[tuple[Tensor, Tensor]], precision: str) -> float:
    """Train the network for an epoch as in PyTorch's tutorials, and return the mean loss."""
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=0.9, nesterov=True, weight_decay=5e-4)
    network.train()
    total = 0.0
    for images, labels in loader:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = cross_entropy(network(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
    return total / IMAGES


if __name__ == "__main__":
    print_rows(run())
