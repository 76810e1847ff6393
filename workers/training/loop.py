"""The training loop: clean training images, SGD, one random stream an epoch."""

import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from results_store.documents import Epoch
from sweeps.language import Training
from workers.architectures.network import Network
from workers.data.augmentation import augment
from workers.data.dataset import Split
from workers.runtime import place
from workers.streams import stream
from workers.training.checkpoint import Checkpoint
from workers.training.schedule import learning_rate
from workers.work import Stopped, TrialError, Work

AfterEpoch = Callable[[int, Network], None]


def train(
    network: Network,
    training: Training,
    work: Work,
    *,
    first_epoch: int = 0,
    last_epoch: int | None = None,
    after_epoch: AfterEpoch = lambda epoch, network: None,
    checkpoint: Checkpoint | None = None,
) -> list[Epoch]:
    """Trains ``network`` in place on the work's training images and returns its history.

    Args:
        training: its ``epochs`` set the schedule's length; the random streams come from seed, iteration and epoch.
        first_epoch: epochs of the schedule that lie behind the network already.
        last_epoch: where to end; left out, at the schedule's end.
        after_epoch: called with the epochs done so far (``first_epoch`` at the start) and the network.
        checkpoint: where to go on from, and where to write to.

    Raises:
        TrialError: the loss is not finite.
        Stopped: an end was asked for; the checkpoint holds the epochs done.
    """
    place(network, work.data.device)
    # After pruning, and so after the parameters were replaced: an older optimizer would train what is gone.
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=training.learning_rate,
        momentum=training.momentum,
        nesterov=training.nesterov,
        weight_decay=training.weight_decay,
    )
    history = checkpoint.restore(network, optimizer) if checkpoint else []
    if not history:
        after_epoch(first_epoch, network)
    end = (training.epochs or 0) if last_epoch is None else last_epoch
    for epoch in range(first_epoch + len(history), end):
        history.append(_train_epoch(network, optimizer, training, work, epoch))
        after_epoch(epoch + 1, network)
        work.progress({"stage": "epoch", "epoch": epoch + 1, "epochs": training.epochs, **history[-1]})
        stopping = work.should_stop()
        if checkpoint:
            checkpoint.keep(network, optimizer, history, now=stopping)
        if stopping:
            raise Stopped(work.trial.key)
    return history


def _train_epoch(network: Network, optimizer: torch.optim.SGD, training: Training, work: Work, epoch: int) -> Epoch:
    start = time.monotonic()
    network.train()
    device = work.data.device
    mixed = torch.autocast(device.type, torch.bfloat16, enabled=work.trial.conditions.precision == "bf16")
    losses = torch.zeros((), dtype=torch.float64, device=device)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    seen, images_of_epoch = 0, len(work.data.train)
    for images, labels in _batches(work, training, epoch):
        rate = learning_rate(training, epoch + seen / images_of_epoch)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        with mixed:
            logits = network(images)
            loss = cross_entropy(logits, labels, label_smoothing=training.label_smoothing)
        loss.backward()
        optimizer.step()
        losses += loss.detach().double() * len(labels)
        correct += (logits.detach().argmax(1) == labels).sum()
        seen += len(labels)
    mean_loss = losses.item() / seen
    if not math.isfinite(mean_loss):
        raise TrialError(f"training diverged: the loss of epoch {epoch + 1} is {mean_loss}; lower learning_rate")
    return {
        "epoch": epoch + 1,
        "loss": mean_loss,
        "accuracy": correct.item() / seen,
        "learning_rate": learning_rate(training, epoch + 1),
        "seconds": time.monotonic() - start,
    }


def _batches(work: Work, training: Training, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """The batches of one epoch, images in [0, 1]. Siblings see the same ones in the same order."""
    split: Split = work.data.train
    trial = work.trial
    generator = stream("training", trial.seed, trial.iterations, epoch)
    order = torch.randperm(len(split), generator=generator).to(split.labels.device)
    padding = work.data.side // 8 if training.crop_padding is None else training.crop_padding
    for chosen in order.split(training.batch_size):
        if len(chosen) == 1:  # batch norm has no variance of one image
            continue
        images = augment(split.images[chosen], padding=padding, flip=bool(training.flip), generator=generator)
        yield images.float().div_(255), split.labels[chosen]
