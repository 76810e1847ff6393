"""The smallest perturbation that fools a network, for each image."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from prunesweep.sweeps.errors import UserError
from prunesweep.workers.attacks.pgd import pgd_images

# From 1/8 to 64 of 255 levels, each ε √2 times the one before it, in [0, 1].
GRID: tuple[float, ...] = tuple(2 ** (half / 2) / 255 for half in range(-6, 13))
# The shares of images on which the baseline should stay correct at the chosen ε, and the bounds of acceptable shares.
WANTED = (2 / 3, 1 / 3)
LEAST, MOST = 0.1, 0.9


class NoEpsilon(UserError):
    """A baseline whose accuracy is too low or too high within every ε of the grid for gains to be measured."""


def smallest_epsilons(
    network: nn.Module, images: Tensor, labels: Tensor, indices: Tensor, *, steps: int
) -> NDArray[np.float64]:
    """Return the smallest ε of ``GRID`` at which PGD on the margin loss fools each image, float64 (N,).

    The grid is bisected for each image, on the assumption that an attack that succeeds within an ε succeeds within a
    larger one. An image has 0 if it is misclassified without an attack, and infinity if the largest ε does not fool it.

    Args:
        network: images in [0, 1] to logits, in evaluation mode.
        images: float32 (N, 3, H, W) in [0, 1].
        labels: true classes, int64 (N,).
        indices: positions of the images in the test set, int64 (N,), which determine the random starts of PGD.
        steps: number of steps of each PGD.
    """
    # Each image's smallest ε is in values[low + 1 .. high]. 0 stands for misclassified without an attack, and infinity
    # for never fooled.
    values = [0.0, *GRID, float("inf")]
    low = torch.zeros(len(images), dtype=torch.int64)
    high = torch.full((len(images),), len(values) - 1)
    with torch.inference_mode():
        high[(network(images).argmax(1) != labels).cpu()] = 0
    while bool((undecided := high - low > 1).any()):
        middle = (low + high) // 2
        for index in middle[undecided].unique().tolist():
            attacked = undecided & (middle == index)
            on_device = attacked.to(images.device)
            _, fooled = pgd_images(
                network,
                images[on_device],
                labels[on_device],
                indices[attacked],
                epsilon=values[index],
                steps=steps,
                loss="margin",
            )
            fooled = fooled.cpu()
            high[attacked] = torch.where(fooled, index, high[attacked])
            low[attacked] = torch.where(fooled, low[attacked], index)
    smallest: NDArray[np.float64] = np.array(values)[high.numpy()]
    return smallest


def graded_epsilons(smallest: NDArray[np.float64]) -> tuple[float, ...]:
    """Return the ε of ``GRID`` within which a baseline stays correct on about two thirds and one third of the images.

    Args:
        smallest: the smallest ε that fools the baseline for each image, as ``smallest_epsilons`` returns them.

    Returns:
        The two ε, ascending, or one ε if they are equal.

    Raises:
        NoEpsilon: no ε leaves the baseline correct on 10–90 % of the images.
    """
    kept = {epsilon: float((smallest > epsilon).mean()) for epsilon in GRID}
    between = [epsilon for epsilon, share in kept.items() if LEAST <= share <= MOST]
    if not between:
        shares = f"{max(kept.values()):.0%} at the smallest and {min(kept.values()):.0%} at the largest"
        raise NoEpsilon(
            f"no ε from {GRID[0] * 255:g}/255 to {GRID[-1] * 255:g}/255 leaves the baseline with 10–90 % under PGD: "
            f"it keeps {shares}; a baseline must classify well, and its gradients must lead somewhere"
        )
    chosen = {min(between, key=lambda epsilon: abs(kept[epsilon] - wanted)) for wanted in WANTED}
    return tuple(sorted(chosen))
