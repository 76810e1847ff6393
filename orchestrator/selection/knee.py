"""The knee of a front: the point beyond which a small gain in one objective costs much in another."""

import numpy as np
from numpy.typing import NDArray

_TIE_DIGITS = 12
_LARGEST_CONDITION_NUMBER = 1e8


def knee(losses: NDArray[np.float64]) -> int:
    """Return the index of the knee: the point farthest from the plane through the extremes, on its better side.

    Each objective is first normalised over the front to [0, 1], where 1 is best; an objective in which all points agree
    is left out. The extremes are the best points in single objectives, one point for each objective. If the front
    bulges away from the best values, the extremes themselves are the farthest points. If the extremes do not define a
    plane whose normal is positive in every objective (for instance with fewer points than objectives), the knee is the
    point with the largest sum of normalised objectives. With two objectives, both rules choose the same point.

    The distance is that of Das, "On characterizing the knee of the Pareto curve based on normal-boundary
    intersection", Structural Optimization 18, 1999. Branke, Deb, Dierolf and Osswald, "Finding knees in multi-objective
    optimization", PPSN VIII, 2004, explain why a user without stated preferences chooses the knee.

    Args:
        losses: (points, objectives) of a front, lower is better, at least one point.

    Returns:
        The index of the point. If several points are equally far to 12 decimals, the first of them.
    """
    goodness = _normalise(losses)
    # This is the distance from the plane up to a factor and an offset, which do not move the maximum.
    height = goodness @ _plane_normal(goodness)
    return int(np.argmax(height.round(_TIE_DIGITS)))


def _normalise(losses: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the objectives scaled to [0, 1], where 1 is best, without objectives in which all points agree."""
    best, worst = losses.min(axis=0), losses.max(axis=0)
    differs = worst > best
    goodness: NDArray[np.float64] = ((worst - losses) / np.where(differs, worst - best, 1.0))[:, differs]
    return goodness


def _plane_normal(goodness: NDArray[np.float64]) -> NDArray[np.floating]:
    """Return the normal of the plane through the extremes, (objectives,), or ones if it is not positive throughout."""
    extremes = goodness[[_extreme(goodness, objective) for objective in range(goodness.shape[1])]]
    ones = np.ones(len(extremes))
    if not extremes.size or np.linalg.cond(extremes) > _LARGEST_CONDITION_NUMBER:
        return ones
    normal = np.linalg.solve(extremes, ones)
    return normal if (normal > 0).all() else ones


def _extreme(goodness: NDArray[np.float64], objective: int) -> int:
    """Return the index of the best point in an objective; of several, that with the largest sum of objectives."""
    is_best = goodness[:, objective] == 1.0
    return int(np.argmax(np.where(is_best, goodness.sum(axis=1), -np.inf)))
