"""Pareto dominance."""

import numpy as np
from numpy.typing import NDArray


def non_dominated(losses: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return a mask of the Pareto-optimal points: no other is at least as good in all objectives and better in one.

    The result agrees with ``optuna.Study.best_trials``, which is slower because it copies every trial.

    Args:
        losses: (points, objectives), lower is better, no NaN.

    Returns:
        The mask, bool (points,). Equal points are either all optimal or all dominated.
    """
    optimal = np.zeros(len(losses), dtype=bool)
    # In this (lexicographic) order no point is dominated by a later one, so the first remaining point is optimal.
    remaining = np.lexsort(losses.T)
    while remaining.size:
        best = losses[remaining[0]]
        rest = losses[remaining]
        optimal[remaining[(rest == best).all(axis=1)]] = True
        remaining = remaining[(rest < best).any(axis=1)]
    return optimal
