"""The hypervolume: the volume of the objective space that a set of points dominates."""

import numpy as np
from numpy.typing import NDArray

from prunesweep.orchestrator.selection.dominance import non_dominated


def hypervolume(losses: NDArray[np.float64], reference_point: NDArray[np.float64]) -> float:
    """Return the exact volume that the points dominate up to the reference point, in any dimension.

    In two dimensions it is a sum of rectangles. In other dimensions it is computed by the algorithm WFG (While,
    Bradstreet and Barone 2012, "A Fast Way of Calculating Exact Hypervolumes"): each point adds the volume of its own
    box minus the part of that box that later points dominate.

    Args:
        losses: (points, objectives), lower is better, no NaN.
        reference_point: (objectives,), at least as high as every point in every objective.

    Returns:
        The volume in the product of the objectives' units; 0 if there are no points.
    """
    front = np.unique(losses[non_dominated(losses)], axis=0)  # sorted by the first objective, each point once
    if len(front) == 0:
        return 0.0
    if front.shape[1] == 2:
        return _area(front, reference_point)
    boxes = (reference_point - front).prod(axis=1)
    return sum(
        float(box) - hypervolume(np.maximum(front[index + 1 :], front[index]), reference_point)
        for index, box in enumerate(boxes)
    )


def _area(front: NDArray[np.float64], reference_point: NDArray[np.float64]) -> float:
    """Return the area that a front of two objectives dominates, as a sum of rectangles.

    Args:
        front: (points, 2), sorted by the first objective, so that the second one decreases.
        reference_point: (2,), at least as high as every point in both objectives.
    """
    widths = reference_point[0] - front[:, 0]
    heights = np.concatenate([reference_point[1:], front[:-1, 1]]) - front[:, 1]
    return float(widths @ heights)
