"""The knee of a front: where giving up a little of one objective no longer buys much of another."""

import numpy as np
from numpy.typing import NDArray

_TIE_DIGITS = 12
_WORST_CONDITION = 1e8


def knee(losses: NDArray[np.float64]) -> int:
    """The front's point that bulges farthest, towards the best of all, from the plane through the extremes.

    Each objective is first normalised over the front to [0, 1], where 1 is best; one in which all points
    agree is left out. The extremes are the points that are best in one objective each. On a front that bulges
    the other way the extremes themselves are farthest. Where the extremes fix no plane that faces the best
    point (fewer points than objectives, say), the best sum of the normalised objectives is taken; with two
    objectives that is the same.

    The distance is that of Das, "On characterizing the knee of the Pareto curve based on normal-boundary
    intersection", Structural Optimization 18, 1999. Why the knee is what one wants who has stated no
    preference: Branke, Deb, Dierolf and Osswald, "Finding knees in multi-objective optimization", PPSN VIII,
    2004.

    Args:
        losses: (points, objectives) of a front, lower is better, at least one point.

    Returns:
        The point's position; of equally far ones (to 12 decimals) the first.
    """
    goodness = _normalised(losses)
    # The distance from the plane but for a factor and an offset, which move no maximum.
    height = goodness @ _plane_normal(goodness)
    return int(np.argmax(height.round(_TIE_DIGITS)))


def _normalised(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    best, worst = losses.min(axis=0), losses.max(axis=0)
    differs = worst > best
    goodness: NDArray[np.float64] = ((worst - losses) / np.where(differs, worst - best, 1.0))[:, differs]
    return goodness


def _plane_normal(goodness: NDArray[np.float64]) -> NDArray[np.floating]:
    """A normal of the plane through the extremes, towards the best; equal parts where there is none."""
    extremes = goodness[[_extreme(goodness, objective) for objective in range(goodness.shape[1])]]
    even = np.ones(len(extremes))
    if not extremes.size or np.linalg.cond(extremes) > _WORST_CONDITION:
        return even
    normal = np.linalg.solve(extremes, even)
    return normal if (normal > 0).all() else even


def _extreme(goodness: NDArray[np.float64], objective: int) -> int:
    """The point that is best in the objective; of several, the one with the best sum of all."""
    is_best = goodness[:, objective] == 1.0
    return int(np.argmax(np.where(is_best, goodness.sum(axis=1), -np.inf)))
