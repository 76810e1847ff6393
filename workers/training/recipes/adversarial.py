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
    """Return the images after an attack of gradient-sign steps within the ε-ball, and their unchanged labels.

    ``training.adversarial`` sets the radius ε, the number of steps and their size. The attack starts at a uniformly
    random point of the L∞ ball around the image, and the network is in training mode. Every image is attacked, with all
    steps, even if the network is fooled after fewer steps. Batch norm's running statistics stay the same during the
    attack; only the training step on the attacked images updates them.
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
