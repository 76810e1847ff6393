"""The recipe ``adversarial``: training on images attacked by PGD (Madry et al. 2018) or FGSM (Wong et al. 2020)."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from prunesweep.sweeps.language import Training
from prunesweep.workers.architectures.network import Network
from prunesweep.workers.training.batch_norm import forward_keeping_buffers


def adversarial(
    network: Network, images: Tensor, labels: Tensor, training: Training, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return the images moved along the sign of the loss's gradient within the ε-ball, and their unchanged labels.

    The attack is set by ``training.adversarial`` and starts at a uniformly random point of the ball. It runs against
    the network in training mode, for all its steps on all images, whether they fool the network or not; no image stays
    clean. Batch norm's running statistics are updated only by the training step on the attacked images.
    """
    epsilon, step_size = training.adversarial.epsilon, training.adversarial.effective_step_size
    lowest, highest = (images - epsilon).clamp_min_(0), (images + epsilon).clamp_max_(1)
    start = torch.empty(images.shape).uniform_(-epsilon, epsilon, generator=generator)
    attacked = (images + start.to(images.device)).clamp_(0, 1)
    for _ in range(training.adversarial.steps):
        attacked.requires_grad_()
        loss = cross_entropy(forward_keeping_buffers(network, attacked), labels)
        (gradient,) = torch.autograd.grad(loss, attacked)
        attacked = (attacked.detach() + step_size * gradient.sign()).clamp_(lowest, highest)
    return attacked, labels
