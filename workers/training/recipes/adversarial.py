"""``adversarial``: training on attacked images alone, by PGD (Madry et al. 2018) or by FGSM (Wong et al. 2020)."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from prunesweep.sweeps.language import Training
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.training.batch_norm import forward_by_batch


def adversarial(
    network: Network, images: Tensor, labels: Tensor, training: Training, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Images moved along the loss's gradient within the ball of ``training.adversarial``; labels as they are.

    The start is uniform in the ball. Attacked is the network in training mode, as it is trained; no image leaves the
    batch when it is fooled, and batch norm's running statistics see only what the attack ends with.
    """
    epsilon, length = training.adversarial.epsilon, training.adversarial.length
    lowest, highest = (images - epsilon).clamp_min_(0), (images + epsilon).clamp_max_(1)
    start = torch.empty(images.shape).uniform_(-epsilon, epsilon, generator=generator)
    attacked = (images + start.to(images.device)).clamp_(0, 1)
    for _ in range(training.adversarial.steps):
        attacked.requires_grad_()
        loss = cross_entropy(forward_by_batch(network, attacked), labels)
        (gradient,) = torch.autograd.grad(loss, attacked)
        attacked = (attacked.detach() + length * gradient.sign()).clamp_(lowest, highest)
    return attacked, labels
