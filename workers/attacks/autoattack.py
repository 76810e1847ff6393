"""AutoAttack (Croce and Hein 2020) through the package pyautoattack: an ensemble without parameters to choose."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from prunesweep.sweeps.attacks import AUTOATTACK_MISSING, Autoattack
from prunesweep.sweeps.errors import UserError
from prunesweep.workers.attacks.losses import misclassified
from prunesweep.workers.attacks.subject import Evaluation, Subject
from prunesweep.workers.attacks.worst_case import Search, evaluation

AUTOATTACK_SEED = 0
TARGETS = 9  # of the targeted attacks: the standard number, where there are ten classes

# The package warns of networks that it may not suit; without a handler, Python would print that.
logging.getLogger("auto-attack").addHandler(logging.NullHandler())


def autoattack(subject: Subject, settings: Autoattack) -> Evaluation:
    """Accuracy at each ε."""

    def search_at(epsilon: float) -> Search:
        return lambda images, labels, _: autoattack_images(
            subject.network,
            images,
            labels,
            epsilon=epsilon,
            version=settings.version,
            batch=settings.batch,
            check_stop=subject.check_stop,
        )

    return evaluation("autoattack", subject, settings, search_at)


def autoattack_images(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    epsilon: float,
    version: str = "standard",
    batch: int = 250,
    check_stop: Callable[[], None] = lambda: None,
) -> tuple[Tensor, Tensor]:
    """Images within ε of ``images`` (L∞) that fool the network, and which of them do.

    The package seeds torch's global generator anew for every batch, always the same; that generator is left as it
    was. It draws for a whole batch at once, so that, unlike our own attacks', an image's numbers depend on those
    beside it. Its targeted losses need four classes: with fewer, their untargeted counterparts stand in for them; with
    fewer than ten, the targets are all other classes.

    Args:
        network: images to logits, two classes or more; in the mode that the caller set. Its parameters get no gradient.
        images: float32 (N, 3, H, W) in [0, 1].
        labels: the true classes, int64 (N,).
        epsilon: the ball's radius, in (0, 1].
        version: ``standard``, or ``plus`` with restarts and more attacks.
        batch: images at a time, 1 or more.
        check_stop: called before every pass through the network; may raise.

    Returns:
        float32 (N, 3, H, W) in [0, 1], of images not fooled the images themselves; bool (N,).

    Raises:
        UserError: pyautoattack is not installed.
    """
    try:
        from pyautoattack import AutoAttack
    except ImportError:
        raise UserError(AUTOATTACK_MISSING) from None

    attacked = _AttachedNetwork(network, check_stop)
    with torch.inference_mode(False), _left_as_it_was(network, images.device):
        attack = AutoAttack(
            attacked, device=images.device, eps=epsilon, norm="Linf", seed=AUTOATTACK_SEED, version=version
        )
        with torch.no_grad():
            classes = network(images[:1]).shape[1]
        attack.apgd_targeted.n_target_classes = attack.fab.n_target_classes = min(TARGETS, classes - 1)
        attack.attacks_to_run = _possible(attack.attacks_to_run, classes)
        adversarial, _ = attack.run_standard_evaluation(images, labels, batch_size=batch)
        with torch.no_grad():
            parts = zip(adversarial.split(batch), labels.split(batch), strict=True)
            fooled = torch.cat([misclassified(network(some), theirs) for some, theirs in parts])
    return adversarial, fooled


def _possible(attacks: list[str], classes: int) -> list[str]:
    """The ensemble without losses that need more classes: targeted DLR four, DLR three."""
    if classes > 3:
        return attacks
    untargeted = [{"apgd-t": "apgd-dlr", "fab-t": "fab"}.get(name, name) for name in attacks]
    return [name for name in dict.fromkeys(untargeted) if classes > 2 or name != "apgd-dlr"]


class _AttachedNetwork(nn.Module):
    """A network whose logits always hang on the images, also where a step in it cuts the gradient: then it is zero."""

    def __init__(self, network: nn.Module, check_stop: Callable[[], None]) -> None:
        super().__init__()
        self.network = network
        self.check_stop = check_stop

    def forward(self, images: Tensor) -> Tensor:
        self.check_stop()
        logits: Tensor = self.network(images)
        return logits + 0 * images.flatten(1).sum(1, keepdim=True) if images.requires_grad else logits


@contextmanager
def _left_as_it_was(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Undoes what the package does beside: it seeds torch, traces calls, and lets parameters gather gradients."""
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    trace = sys.gettrace()
    try:
        for parameter in learning:
            parameter.requires_grad_(False)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        sys.settrace(trace)
        for parameter in learning:
            parameter.requires_grad_(True)
