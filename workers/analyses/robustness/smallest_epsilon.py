"""The smallest perturbation that fools, an image each."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from prunesweep.sweeps.errors import UserError
from prunesweep.workers.attacks.pgd import pgd_images

# Half octaves from 1/8 to 64 levels of a pixel, in [0, 1].
GRID: tuple[float, ...] = tuple(2 ** (half / 2) / 255 for half in range(-6, 13))
# The shares that the baseline is to keep at the ε that are chosen, and the least and the most that will do.
WANTED = (2 / 3, 1 / 3)
LEAST, MOST = 0.1, 0.9


class NoEpsilon(UserError):
    """No ε of the grid is between what the baseline withstands and what it does not."""


def smallest_epsilons(
    network: nn.Module, images: Tensor, labels: Tensor, indices: Tensor, *, steps: int
) -> NDArray[np.float64]:
    """The smallest ε of ``GRID`` at which PGD on the margin loss fools each image, (N,).

    By bisection of the grid, an image each: that what fools within an ε fools within a larger one is taken for
    granted. 0 where an image is wrong unattacked, infinite where the largest ε does not fool it.

    Args:
        images, labels, indices: as in ``pgd_images``.
        steps: of each PGD.
    """
    # Each image's answer lies in values[low + 1 .. high]; the ends stand for unattacked and for never.
    values = [0.0, *GRID, float("inf")]
    low = torch.zeros(len(images), dtype=torch.int64)
    high = torch.full((len(images),), len(values) - 1)
    with torch.inference_mode():
        high[(network(images).argmax(1) != labels).cpu()] = 0
    while bool((undecided := high - low > 1).any()):
        middle = (low + high) // 2
        for place in middle[undecided].unique().tolist():
            asked = undecided & (middle == place)
            there = asked.to(images.device)
            _, fooled = pgd_images(
                network,
                images[there],
                labels[there],
                indices[asked],
                epsilon=values[place],
                steps=steps,
                loss="margin",
            )
            fooled = fooled.cpu()
            high[asked] = torch.where(fooled, place, high[asked])
            low[asked] = torch.where(fooled, low[asked], place)
    smallest: NDArray[np.float64] = np.array(values)[high.numpy()]
    return smallest


def graded_epsilons(smallest: NDArray[np.float64]) -> tuple[float, ...]:
    """The ε of ``GRID`` at which a baseline keeps about two thirds and one third, ascending; one where they agree.

    Args:
        smallest: of the baseline's images, as ``smallest_epsilons`` gives them.

    Raises:
        NoEpsilon: at none it keeps 10–90 %.
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
