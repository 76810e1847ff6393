"""AutoAttack (Croce and Hein 2020) through the package pyautoattack: an ensemble of attacks without hyperparameters."""

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
from prunesweep.workers.attacks.worst_case import Search, evaluate_epsilons

AUTOATTACK_SEED = 0
# The number of other classes that a targeted attack tries: the package's default, and with ten classes all others.
TARGET_CLASSES = 9

# The package warns about networks that it may not suit; without a handler, Python would print the warnings.
logging.getLogger("auto-attack").addHandler(logging.NullHandler())


def autoattack(subject: Subject, settings: Autoattack) -> Evaluation:
    """Evaluate the network under AutoAttack within each ε."""

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

    return evaluate_epsilons("autoattack", subject, settings, search_at)


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
    """Return adversarial images within ε of ``images`` (L∞), and a mask of those that fool the network.

    The package reseeds torch's global generator with the same seed for every batch; this function restores the
    generator at the end. The package draws random numbers for a whole batch at once. Therefore an image's random
    numbers depend on the other images of its batch, unlike in our own attacks. The targeted attacks need at least four
    classes; with fewer, untargeted attacks replace them. With fewer than ten classes, the targets are all other
    classes.

    Args:
        network: the network, from images to the logits of at least two classes. It runs in the mode (evaluation or
            training) that the caller set, and its parameters get no gradient.
        images: float32 (N, 3, H, W) in [0, 1].
        labels: the true classes, int64 (N,).
        epsilon: the radius of the ball, in (0, 1].
        version: ``standard``, or ``plus`` with restarts and more attacks.
        batch: the number of images per batch, at least 1.
        check_stop: called before each of the package's passes through the network; it may raise to end the attack.

    Returns:
        The adversarial images, float32 (N, 3, H, W) in [0, 1], and a mask, bool (N,), of those that fool the network.
        If no adversarial image was found for an image, the image is returned unchanged.

    Raises:
        UserError: pyautoattack is not installed.
    """
    try:
        from pyautoattack import AutoAttack
    except ImportError:
        raise UserError(AUTOATTACK_MISSING) from None

    connected_network = _ConnectedNetwork(network, check_stop)
    with torch.inference_mode(False), _restoring_global_state(network, images.device):
        attack = AutoAttack(
            connected_network, device=images.device, eps=epsilon, norm="Linf", seed=AUTOATTACK_SEED, version=version
        )
        with torch.no_grad():
            classes = network(images[:1]).shape[1]
        attack.apgd_targeted.n_target_classes = attack.fab.n_target_classes = min(TARGET_CLASSES, classes - 1)
        attack.attacks_to_run = _attacks_for(attack.attacks_to_run, classes)
        adversarial, _ = attack.run_standard_evaluation(images, labels, batch_size=batch)
        with torch.no_grad():
            batches = zip(adversarial.split(batch), labels.split(batch), strict=True)
            fooled = torch.cat(
                [misclassified(network(batch_images), batch_labels) for batch_images, batch_labels in batches]
            )
    return adversarial, fooled


def _attacks_for(attacks: list[str], classes: int) -> list[str]:
    """Return the names of the attacks to run on a network with ``classes`` classes.

    The targeted DLR loss needs at least four classes. With fewer, untargeted attacks replace the targeted ones. The
    untargeted DLR loss needs at least three classes. With two, the attack that maximises it is left out.
    """
    if classes > 3:
        return attacks
    untargeted = [{"apgd-t": "apgd-dlr", "fab-t": "fab"}.get(name, name) for name in attacks]
    return [name for name in dict.fromkeys(untargeted) if classes > 2 or name != "apgd-dlr"]


class _ConnectedNetwork(nn.Module):
    """A network whose logits always depend on the images in autograd.

    If a step function in the network cuts the gradient, autograd returns zeros instead of raising an error.
    """

    def __init__(self, network: nn.Module, check_stop: Callable[[], None]) -> None:
        super().__init__()
        self.network = network
        self.check_stop = check_stop

    def forward(self, images: Tensor) -> Tensor:
        """Call ``check_stop``, which may raise, and return the logits."""
        self.check_stop()
        logits: Tensor = self.network(images)
        return logits + 0 * images.flatten(1).sum(1, keepdim=True) if images.requires_grad else logits


@contextmanager
def _restoring_global_state(network: nn.Module, device: torch.device) -> Iterator[None]:
    """Undo the package's side effects at the end, and keep it from adding to the gradients of the parameters.

    The package seeds torch's global generator and sets Python's trace function. Both are restored.
    """
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    trace = sys.gettrace()
    try:
        for parameter in trainable:
            parameter.requires_grad_(False)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield
    finally:
        sys.settrace(trace)
        for parameter in trainable:
            parameter.requires_grad_(True)
