"""The hypervolume: how much of the objectives' space a set of points dominates."""

import numpy as np
from numpy.typing import NDArray

from prunesweep.orchestrator.selection.dominance import non_dominated


def hypervolume(losses: NDArray[np.float64], reference_point: NDArray[np.float64]) -> float:
    """Return the volume between the points and the reference point, exactly, in any dimension.

    In two dimensions it is a sum of rectangles. Above, it is the algorithm WFG (While, Bradstreet and Barone 2012, "A
    Fast Way of Calculating Exact Hypervolumes"): a point adds the volume that it dominates alone, which is its own box
    without what the points after it dominate of that box.

    Args:
        losses: (points, objectives), lower is better, no nulls.
        reference_point: (objectives,), no point lies beyond it.

    Returns:
        The volume, in the product of the objectives' units; 0 of no points.
    """
    front = np.unique(losses[non_dominated(losses)], axis=0)  # sorted by the first objective, each point once
    if len(front) == 0:
        return 0.0
    if front.shape[1] == 2:
        return _area(front, reference_point)
    boxes = (reference_point - front).prod(axis=1)
    return sum(
        float(box) - hypervolume(np.maximum(front[number + 1 :], front[number]), reference_point)
        for number, box in enumerate(boxes)
    )


def _area(front: NDArray[np.float64], reference_point: NDArray[np.float64]) -> float:
    """The area of a front in two dimensions, sorted by the first objective: the second falls, and rectangles stack."""
    widths = reference_point[0] - front[:, 0]
    heights = np.concatenate([reference_point[1:], front[:-1, 1]]) - front[:, 1]
    return float(widths @ heights)
