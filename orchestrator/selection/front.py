"""The Pareto front of a store's trials."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prunesweep.orchestrator.query.candidates import (
    apply_constraints,
    as_candidates,
    check_comparable,
    eligible_trials,
    keep_verified,
)
from prunesweep.orchestrator.query.columns import check_trials_table, half_columns, report_gain_columns
from prunesweep.orchestrator.query.conditions import parse_constraints, parse_filters
from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.orchestrator.selection.dominance import non_dominated
from prunesweep.orchestrator.selection.hypervolume import hypervolume
from prunesweep.orchestrator.selection.knee import knee
from prunesweep.orchestrator.selection.objectives import DEFAULT_OBJECTIVES, Objective, parse_objectives
from prunesweep.orchestrator.selection.study import as_study
from prunesweep.sweeps.words import counted

if TYPE_CHECKING:
    from optuna import Study


@dataclass(frozen=True, eq=False)
class Front:
    """The Pareto-optimal candidates, and all candidates that they were selected from.

    A candidate is the mean of the trials that differ only in the seed, or a single trial if seeds are not averaged.

    Attributes:
        objectives: the objectives of the selection, in the order in which they were named.
        table: the Pareto-optimal candidates, sorted from the best in the first objective. Columns: the axes and other
            settings, ``seeds`` (the number of trials averaged), ``trial_keys`` (a list, sorted by seed), each objective
            and each constrained figure on both halves of the test images (``generalization_selection``,
            ``generalization_report``; FLOPs and other costs have no halves), ``parameters``, ``flops``, and all gains
            on the report half (percentage points).
        compared: all candidates, with the same columns.
        knee: the index in ``table`` of the front's knee; see ``prunesweep.orchestrator.selection.knee``.
        left_out: reason -> the number of trials that are in no candidate for that reason.
    """

    objectives: tuple[Objective, ...]
    table: pd.DataFrame
    compared: pd.DataFrame
    knee: int
    left_out: dict[str, int]

    @property
    def candidates(self) -> int:
        """Return the number of candidates that were compared."""
        return len(self.compared)

    @cached_property
    def study(self) -> Study:
        """Return all candidates as an in-memory Optuna study, for Optuna's plots; it is built on first access."""
        return as_study(self.compared, self.objectives)

    @property
    def reference_point(self) -> tuple[float, ...]:
        """Return the reference point of the hypervolume, with one value per objective.

        The value is 0 for an accuracy, -100 percentage points for a gain, and the candidates' largest cost for a cost.
        Therefore hypervolumes that include a cost can be compared only between fronts of the same candidates.
        """
        return tuple(objective.worst(self.compared) for objective in self.objectives)

    @cached_property
    def hypervolume(self) -> float:
        """Return the volume between the front and ``reference_point``; it is computed on first access.

        Its unit is the product of the objectives' units; with two accuracies it is at most 1.
        """
        losses = np.column_stack([objective.losses(self.table) for objective in self.objectives])
        signs = [-1.0 if objective.kind.direction == "maximize" else 1.0 for objective in self.objectives]
        return hypervolume(losses, np.array(signs) * np.array(self.reference_point))


def select_front(
    trials: pd.DataFrame,
    *,
    objectives: str | Sequence[str] = DEFAULT_OBJECTIVES,
    constraints: str | Sequence[str] = (),
    where: str | Sequence[str] = (),
    average_seeds: bool = True,
    verdicts: Mapping[str, str] | None = None,
) -> Front:
    """Return the Pareto-optimal candidates, selected by their results on the selection half of the test images.

    Objectives and constraints name a figure without a half, such as "robustness". The selection uses the figure on the
    selection half; the report half is kept for reporting the selected candidates. Baselines and controls are candidates
    like all others, since an unpruned network may well be optimal; ``where="structure != none"`` leaves them out.

    A ``SelectionError`` is raised for an unknown objective, a condition that cannot be parsed, a figure of the report
    half as an objective or in a constraint, figures that are not comparable because trials differ in test images or in
    the definition of robustness, and a selection in which no candidate is left.

    Args:
        trials: the table ``trials`` of a store.
        objectives: names from ``OBJECTIVES``. For each attack in the table, ``robustness_ATTACK`` and its gains can be
            named, too.
        constraints: conditions on figures, such as "generalization_gain >= -1" or "flops <= 5e7". A candidate must meet
            all of them; its figures are means over its trials.
        where: conditions on settings, such as "architecture == resnet20" or "iterations <= 2". A trial must meet all of
            them.
        average_seeds: whether trials that differ only in the seed, and so share a ``setting_key``, are averaged and
            compared as one candidate. A trial whose ``setting_key`` is unknown is a candidate by itself.
        verdicts: trial key -> verdict on the trial's gain in robustness. If given, a candidate takes part only if all
            its trials have the verdict *holds*.
    """
    check_trials_table(trials)
    parsed_objectives = parse_objectives(_as_list(objectives), trials.columns)
    bounds = parse_constraints(_as_list(constraints), trials)
    filters = parse_filters(_as_list(where), trials)

    bounded = [name for bound in bounds for name in bound.names]
    names = [*dict.fromkeys([*(objective.name for objective in parsed_objectives), *bounded])]
    bounded_columns = [column for bound in bounds for column in bound.needed]
    needed = [*dict.fromkeys([*(objective.column for objective in parsed_objectives), *bounded_columns])]
    eligible, left_out = eligible_trials(trials, filters, needed)
    check_comparable(eligible, names)

    measured = _figure_columns(names, trials.columns)
    candidates, beyond_bounds = apply_constraints(
        as_candidates(eligible, measured, average_seeds=average_seeds), bounds
    )
    left_out |= beyond_bounds
    if verdicts is not None:
        candidates, not_verified = keep_verified(candidates, verdicts)
        left_out |= not_verified
    _check_not_empty(len(candidates), len(trials), left_out)

    losses = np.column_stack([objective.losses(candidates) for objective in parsed_objectives])
    optimal = np.flatnonzero(non_dominated(losses))
    optimal = optimal[np.lexsort(losses[optimal].T[::-1])]
    return Front(
        objectives=tuple(parsed_objectives),
        table=candidates.iloc[optimal].reset_index(drop=True),
        compared=candidates,
        knee=knee(losses[optimal]),
        left_out=left_out,
    )


def _as_list(texts: str | Sequence[str]) -> Sequence[str]:
    return [texts] if isinstance(texts, str) else texts


def _figure_columns(names: Iterable[str], columns: Collection[str]) -> list[str]:
    """Return the names of the columns with figures (accuracies, gains and costs) in a front's tables.

    Args:
        names: the figures of objectives and constraints. The front's tables have both halves of each.
        columns: the columns of the trials table. The front's tables have all its gains on the report half.
    """
    selected_by = [column for name in names for column in half_columns(name, columns)]
    return [*dict.fromkeys([*selected_by, "parameters", "flops", *report_gain_columns(columns)])]


def _check_not_empty(candidates: int, trials: int, left_out: dict[str, int]) -> None:
    if not candidates:
        reasons = "".join(f"; {counted(count, 'trial')}: {reason}" for reason, count in left_out.items())
        raise SelectionError(f"no candidate is left of {counted(trials, 'trial')}{reasons}")
