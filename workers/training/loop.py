"""The training loop: SGD on the training images, with separate random streams for each epoch."""

import math
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from prunesweep.results_store.documents import Epoch
from prunesweep.sweeps.catalogue import ADJUSTMENTS, RECIPES, resolve
from prunesweep.sweeps.events import EpochTrained
from prunesweep.sweeps.language import Training
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.data.split import LabelledImages
from prunesweep.workers.data.streaming import prefetch
from prunesweep.workers.random_streams import stream
from prunesweep.workers.runtime import move_to_device
from prunesweep.workers.training.checkpoint import Checkpoint
from prunesweep.workers.training.dynamics import DynamicsRecorder
from prunesweep.workers.training.learning_rates import learning_rate
from prunesweep.workers.work import Stopped, TrialError, Work

AfterEpoch = Callable[[int, Network], None]
CHECKED_IMAGES = 32  # training images whose logits must be finite after training


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
    """Train a network in place on the trial's training images, and return the history, with one entry per epoch.

    ``TrialError`` is raised if the mean loss of an epoch, or a logit of the trained network, is not finite.

    Args:
        network: the network to train.
        training: the training settings. ``epochs`` is the length of the schedule; ``recipe`` prepares each batch.
        work: the running trial. Its seed and its iteration, together with the epoch, determine the random streams.
        first_epoch: the number of epochs of the schedule for which the network has been trained already.
        last_epoch: the number of the epoch after which to end; by default the last epoch of the schedule.
        after_epoch: a function of the number of epochs done and the network. It is called after each epoch, and also
            before the first one unless training resumes from a checkpoint.
        checkpoint: the checkpoint from which to resume and to which to write; None for no checkpoint.

    Raises:
        Stopped: the trial was asked to stop. The checkpoint contains the epochs done so far.
    """
    move_to_device(network, work.data.device)
    # Created after pruning has replaced the parameters: an older optimizer would update parameters that are no longer
    # in the network.
    optimizer = torch.optim.SGD(
        network.parameters(),
        lr=training.learning_rate,
        momentum=training.momentum,
        nesterov=training.nesterov,
        weight_decay=training.weight_decay,
    )
    # Created before the checkpoint is restored, because it remembers the weights from which training starts.
    recorder = _make_dynamics_recorder(network, training, work)
    history = checkpoint.restore(network, optimizer) if checkpoint else []
    if not history:
        after_epoch(first_epoch, network)
    end = (training.epochs or 0) if last_epoch is None else last_epoch
    for epoch in range(first_epoch + len(history), end):
        entry = _train_epoch(network, optimizer, training, work, epoch)
        history.append(entry if recorder is None else {**entry, **recorder.measure()})
        after_epoch(epoch + 1, network)
        work.progress(EpochTrained(epoch + 1, training.epochs or 0, history[-1]["loss"], history[-1]["accuracy"]))
        stopping = work.should_stop()
        if checkpoint:
            checkpoint.save(network, optimizer, history, now=stopping)
        if stopping:
            raise Stopped(work.trial.key)
    _check_finite(network, training, work)
    return history


def _check_finite(network: Network, training: Training, work: Work) -> None:
    """Check that the trained network's logits are finite, on the first ``CHECKED_IMAGES`` training images.

    The loss of each batch is computed before the optimizer's step, so no loss shows the effect of the last step.

    Raises:
        TrialError: a logit is not finite.
    """
    images = work.data.train.read(slice(0, CHECKED_IMAGES)).float().div_(255)
    network.eval()
    with torch.no_grad():
        finite = torch.isfinite(network(images)).all()
    if not finite:
        raise TrialError(
            "training diverged: after its last epoch the network's logits are not finite, at a learning rate from "
            f"{training.learning_rate:g}; lower {_learning_rate_key_path(work)}"
        )


def _train_epoch(network: Network, optimizer: torch.optim.SGD, training: Training, work: Work, epoch: int) -> Epoch:
    """Train a network for one epoch, and return the epoch's entry in the history.

    Raises:
        TrialError: the mean loss is not finite.
    """
    start = time.monotonic()
    network.train()
    device = work.data.device
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=work.trial.context.precision == "bf16")
    losses = torch.zeros((), dtype=torch.float64, device=device)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    images_done, images_per_epoch = 0, len(work.data.train)
    prepare = resolve(RECIPES[training.recipe].code)
    # Two streams, so that networks that differ only in their recipe are trained on the same images in the same order.
    batch_stream = stream("training", work.trial.seed, work.trial.iterations, epoch)
    recipe_stream = stream("recipe", work.trial.seed, work.trial.iterations, epoch)
    for images, labels in augmented_batches(work, training, batch_stream):
        rate = learning_rate(training, epoch + images_done / images_per_epoch)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        with autocast:
            prepared, targets = prepare(network, images, labels, training, recipe_stream)
            logits = network(prepared)
            loss = cross_entropy(logits, targets, label_smoothing=training.label_smoothing)
        loss.backward()
        optimizer.step()
        losses += loss.detach().double() * len(labels)
        correct += (logits.detach().argmax(1) == labels).sum()
        images_done += len(labels)
    mean_loss = losses.item() / images_done
    if not math.isfinite(mean_loss):
        raise TrialError(
            f"training diverged: the loss of epoch {epoch + 1} is {mean_loss}, at a learning rate from "
            f"{training.learning_rate:g}; lower {_learning_rate_key_path(work)}"
        )
    return {
        "epoch": epoch + 1,
        "loss": mean_loss,
        "accuracy": correct.item() / images_done,
        "learning_rate": learning_rate(training, epoch + 1),
        "seconds": time.monotonic() - start,
    }


def _learning_rate_key_path(work: Work) -> str:
    """Return the key path in the sweep file that sets the learning rate of the trial's training."""
    return f"{ADJUSTMENTS[work.trial.adjustment].trains_by or 'baseline'}.learning_rate"


def _make_dynamics_recorder(network: Network, training: Training, work: Work) -> DynamicsRecorder | None:
    """Return a recorder of gradient confusion and layer rotation in this training; None if they are not requested.

    The recorder's batches depend on the seed but not on the iteration. Therefore a network and the networks pruned from
    it are measured on the same batches.
    """
    if not work.trial.round.dynamics:
        return None

    def fixed_batches() -> Iterator[tuple[Tensor, Tensor]]:
        return clean_batches(work, training.batch_size, stream("dynamics", work.trial.seed))

    return DynamicsRecorder(network, fixed_batches, training.label_smoothing)


def clean_batches(work: Work, batch_size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield all training images once, in random order, without augmentation.

    Args:
        work: the trial in progress.
        batch_size: the number of images per batch.
        generator: a generator on the CPU, from which the order is drawn.

    Yields:
        Images float32 (N, 3, H, W) in [0, 1], and labels int64 (N,), with N ≥ 2.
    """
    split = work.data.train
    for indices in _batch_indices(split, batch_size, generator):
        yield split.read(indices).float().div_(255), split.labels[indices]


def augmented_batches(work: Work, training: Training, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Return an iterator over all training images once, in random order, cropped and mirrored at random.

    Args:
        work: the trial in progress.
        training: the training settings, among them those of batches and augmentation.
        generator: a generator on the CPU, from which the order and the augmentation are drawn.

    Returns:
        An iterator over images float32 (N, 3, H, W) in [0, 1] and labels int64 (N,), with N ≥ 2.
    """
    split = work.data.train
    batches = (
        (split.training_batch(indices, training, generator), split.labels[indices])
        for indices in _batch_indices(split, training.batch_size, generator)
    )
    return batches if split.holds_pixels else prefetch(batches)


def _batch_indices(split: LabelledImages, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Return an iterator over the indices of each batch of an epoch.

    A last batch of a single image is left out, because batch norm cannot compute the variance of one image.
    """
    return (indices for indices in split.order(generator).split(batch_size) if len(indices) > 1)
