"""Pareto dominance."""

import numpy as np
from numpy.typing import NDArray


def non_dominated(losses: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points are Pareto-optimal: no other is as good in every objective and better in one.

    Args:
        losses: (points, objectives), lower is better, no nulls. Equal points stand or fall together.

    Returns:
        One truth value a point, the same as ``optuna.Study.best_trials`` has it, which copies every trial.
    """
    optimal = np.zeros(len(losses), dtype=bool)
    # In this (lexicographic) order no point is dominated by a later one, so the first that is left is optimal.
    remaining = np.lexsort(losses.T)
    while remaining.size:
        best = losses[remaining[0]]
        rest = losses[remaining]
        optimal[remaining[(rest == best).all(axis=1)]] = True
        remaining = remaining[(rest < best).any(axis=1)]
    return optimal
