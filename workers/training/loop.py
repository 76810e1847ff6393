"""The training loop: clean training images, SGD, one random stream an epoch."""

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
from prunesweep.workers.data.streaming import ahead
from prunesweep.workers.random_streams import stream
from prunesweep.workers.runtime import place
from prunesweep.workers.training.checkpoint import Checkpoint
from prunesweep.workers.training.dynamics import Observer
from prunesweep.workers.training.learning_rates import learning_rate
from prunesweep.workers.work import Stopped, TrialError, Work

AfterEpoch = Callable[[int, Network], None]
LOOKED_AT = 32  # images


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
        training: its ``epochs`` set the schedule's length, its ``recipe`` what is made of each batch; the random
            streams come from seed, iteration and epoch.
        first_epoch: epochs of the schedule that lie behind the network already.
        last_epoch: where to end; left out, at the schedule's end.
        after_epoch: called with the epochs done so far (``first_epoch`` at the start) and the network.
        checkpoint: where to go on from, and where to write to.

    Raises:
        TrialError: the loss, or what the trained network says, is not finite.
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
    observer = _observer(network, training, work)  # before the checkpoint: it remembers where training began
    history = checkpoint.restore(network, optimizer) if checkpoint else []
    if not history:
        after_epoch(first_epoch, network)
    end = (training.epochs or 0) if last_epoch is None else last_epoch
    for epoch in range(first_epoch + len(history), end):
        done = _train_epoch(network, optimizer, training, work, epoch)
        history.append(done if observer is None else {**done, **observer.figures()})
        after_epoch(epoch + 1, network)
        work.progress(EpochTrained(epoch + 1, training.epochs or 0, history[-1]["loss"], history[-1]["accuracy"]))
        stopping = work.should_stop()
        if checkpoint:
            checkpoint.keep(network, optimizer, history, now=stopping)
        if stopping:
            raise Stopped(work.trial.key)
    _check_finite(network, training, work)
    return history


def _check_finite(network: Network, training: Training, work: Work) -> None:
    """An epoch's losses are from before its steps: what the last step broke shows only now."""
    images = work.data.train.read(slice(0, LOOKED_AT)).float().div_(255)
    network.eval()
    with torch.no_grad():
        finite = torch.isfinite(network(images)).all()
    if not finite:
        raise TrialError(
            "training diverged: after its last epoch the network's logits are not finite, at a learning rate from "
            f"{training.learning_rate:g}; lower {_rate_of(work)}"
        )


def _train_epoch(network: Network, optimizer: torch.optim.SGD, training: Training, work: Work, epoch: int) -> Epoch:
    start = time.monotonic()
    network.train()
    device = work.data.device
    mixed = torch.autocast(device.type, torch.bfloat16, enabled=work.trial.context.precision == "bf16")
    losses = torch.zeros((), dtype=torch.float64, device=device)
    correct = torch.zeros((), dtype=torch.int64, device=device)
    seen, images_of_epoch = 0, len(work.data.train)
    prepare = resolve(RECIPES[training.recipe].code)
    # Apart from the batches' stream: by whatever recipe, siblings see the same images in the same order.
    draws = stream("recipe", work.trial.seed, work.trial.iterations, epoch)
    for images, labels in batches(work, training, stream("training", work.trial.seed, work.trial.iterations, epoch)):
        rate = learning_rate(training, epoch + seen / images_of_epoch)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad(set_to_none=True)
        with mixed:
            shown, targets = prepare(network, images, labels, training, draws)
            logits = network(shown)
            loss = cross_entropy(logits, targets, label_smoothing=training.label_smoothing)
        loss.backward()
        optimizer.step()
        losses += loss.detach().double() * len(labels)
        correct += (logits.detach().argmax(1) == labels).sum()
        seen += len(labels)
    mean_loss = losses.item() / seen
    if not math.isfinite(mean_loss):
        raise TrialError(
            f"training diverged: the loss of epoch {epoch + 1} is {mean_loss}, at a learning rate from "
            f"{training.learning_rate:g}; lower {_rate_of(work)}"
        )
    return {
        "epoch": epoch + 1,
        "loss": mean_loss,
        "accuracy": correct.item() / seen,
        "learning_rate": learning_rate(training, epoch + 1),
        "seconds": time.monotonic() - start,
    }


def _rate_of(work: Work) -> str:
    """The key of the sweep file that sets the learning rate of a trial's training."""
    return f"{ADJUSTMENTS[work.trial.adjustment].trains_by or 'baseline'}.learning_rate"


def _observer(network: Network, training: Training, work: Work) -> Observer | None:
    """What takes the training's dynamics, if the sweep asks for them.

    Its batches depend on the seed and not on the iteration: a network and those pruned from it are held to the same.
    """
    if not work.trial.round.dynamics:
        return None

    def fixed_batches() -> Iterator[tuple[Tensor, Tensor]]:
        return clean_batches(work, training.batch_size, stream("dynamics", work.trial.seed))

    return Observer(network, fixed_batches, training.label_smoothing)


def clean_batches(work: Work, batch_size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """The training images once, in batches as training has them, as they are evaluated and so without augmentation."""
    split = work.data.train
    for chosen in _epoch(split, batch_size, generator):
        yield split.read(chosen).float().div_(255), split.labels[chosen]


def batches(work: Work, training: Training, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """The training images once, in random order: images in [0, 1], augmented, and labels."""
    split = work.data.train
    made = (
        (split.training_batch(chosen, training, generator), split.labels[chosen])
        for chosen in _epoch(split, training.batch_size, generator)
    )
    return made if split.holds_pixels else ahead(made)


def _epoch(split: LabelledImages, batch_size: int, generator: torch.Generator) -> Iterator[Tensor]:
    """The indices of each batch of an epoch, without a last batch of one: batch norm has no variance of one image."""
    return (chosen for chosen in split.order(generator).split(batch_size) if len(chosen) > 1)
