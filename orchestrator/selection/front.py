"""The Pareto front of a store's trials."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from prunesweep.orchestrator.query.candidates import (
    as_candidates,
    check_comparable,
    eligible_trials,
    holding,
    meeting,
)
from prunesweep.orchestrator.query.columns import both_halves, check_table, report_gains
from prunesweep.orchestrator.query.conditions import parse_constraints, parse_filters
from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.orchestrator.selection.dominance import non_dominated
from prunesweep.orchestrator.selection.hypervolume import hypervolume
from prunesweep.orchestrator.selection.knee import knee
from prunesweep.orchestrator.selection.objectives import Objective, parse_objectives
from prunesweep.orchestrator.selection.study import as_study
from prunesweep.sweeps.words import counted

if TYPE_CHECKING:
    from optuna import Study


@dataclass(frozen=True, eq=False)
class Front:
    """The Pareto-optimal candidates, and what they were chosen from.

    Attributes:
        objectives: What was chosen by, in the order in which it was named.
        table: The Pareto-optimal candidates, best in the first objective first. Columns: the settings,
            ``seeds`` (how many were averaged), ``trial_keys`` (a list, by seed), each objective and each
            constrained figure on both halves (``generalization_selection``, ``generalization_report``; FLOPs
            and other costs have no halves), ``parameters``, ``flops``, and all gains on the report half
            (percentage points).
        compared: All candidates, with the same columns.
        knee: The row of ``table`` that is the front's knee; see ``prunesweep.orchestrator.selection.knee``.
        left_out: Reason -> how many trials are in no candidate for that reason.
    """

    objectives: tuple[Objective, ...]
    table: pd.DataFrame
    compared: pd.DataFrame
    knee: int
    left_out: dict[str, int]

    @property
    def candidates(self) -> int:
        """How many candidates were compared."""
        return len(self.compared)

    @cached_property
    def study(self) -> Study:
        """All candidates as an in-memory Optuna study, for Optuna's plots; built when first read."""
        return as_study(self.compared, self.objectives)

    @property
    def reference_point(self) -> tuple[float, ...]:
        """Where the hypervolume is measured from, one value an objective.

        An accuracy of 0, a gain of -100 percentage points, and the largest cost among the candidates. So
        hypervolumes that include a cost can be compared only between fronts of the same candidates.
        """
        return tuple(objective.worst(self.compared) for objective in self.objectives)

    @cached_property
    def hypervolume(self) -> float:
        """The volume that the front dominates, from ``reference_point``; computed when read.

        Its unit is the product of the objectives': 1 is the most for two accuracies.
        """
        losses = np.column_stack([objective.losses(self.table) for objective in self.objectives])
        signs = [-1.0 if objective.kind.direction == "maximize" else 1.0 for objective in self.objectives]
        return hypervolume(losses, np.array(signs) * np.array(self.reference_point))


def select_front(
    trials: pd.DataFrame,
    *,
    objectives: str | Sequence[str] = ("generalization", "robustness"),
    constraints: str | Sequence[str] = (),
    where: str | Sequence[str] = (),
    average_seeds: bool = True,
    verdicts: Mapping[str, str] | None = None,
) -> Front:
    """The trials that no other beats in every objective, chosen on the selection half of the test images.

    Objectives and constraints name a figure ("robustness"), and its selection half is read. Baselines and
    controls are candidates like all others, since an unpruned network may well be optimal;
    ``where="structure != none"`` leaves them out.

    Args:
        trials: The trials table of a store, one row a trial.
        objectives: Names from ``OBJECTIVES``, or ``robustness_ATTACK`` and its gains for an attack in the
            table.
        constraints: Such as "generalization_gain >= -1" or "flops <= 5e7"; all must hold, for the mean of
            the seeds.
        where: Such as "architecture == resnet20" or "iterations <= 2", on settings; all must hold.
        average_seeds: Whether the seeds of one setting, which share a ``setting_key``, are averaged and compared as
            one candidate. A trial whose setting is not known is averaged with none.
        verdicts: Key -> whether a trial's gain in robustness is real; where given, a candidate any of whose
            trials is not verified to hold is left out.

    Raises:
        SelectionError: For an unknown objective, a condition that cannot be understood, a choice by the
            report half, figures that cannot be compared (other test images, other definitions of
            robustness), and when no candidate is left.
    """
    check_table(trials)
    goals = parse_objectives(_listed(objectives), trials.columns)
    limits = parse_constraints(_listed(constraints), trials)
    filters = parse_filters(_listed(where), trials)

    names = [*dict.fromkeys([*(goal.name for goal in goals), *(limit.name for limit in limits)])]
    needed = [*dict.fromkeys([*(goal.column for goal in goals), *(limit.column for limit in limits)])]
    eligible, left_out = eligible_trials(trials, filters, needed)
    check_comparable(eligible, names)

    measured = _measured(names, trials.columns)
    candidates, unmet = meeting(as_candidates(eligible, measured, average_seeds=average_seeds), limits)
    left_out |= unmet
    if verdicts is not None:
        candidates, not_holding = holding(candidates, verdicts)
        left_out |= not_holding
    _check_any(len(candidates), len(trials), left_out)

    losses = np.column_stack([goal.losses(candidates) for goal in goals])
    optimal = np.flatnonzero(non_dominated(losses))
    optimal = optimal[np.lexsort(losses[optimal].T[::-1])]
    return Front(
        objectives=tuple(goals),
        table=candidates.iloc[optimal].reset_index(drop=True),
        compared=candidates,
        knee=knee(losses[optimal]),
        left_out=left_out,
    )


def _listed(given: str | Sequence[str]) -> Sequence[str]:
    return [given] if isinstance(given, str) else given


def _measured(names: Iterable[str], columns: Collection[str]) -> list[str]:
    """The columns that a front shows: both halves of what was chosen by, sizes and the reported gains."""
    chosen_by = [column for name in names for column in both_halves(name, columns)]
    return [*dict.fromkeys([*chosen_by, "parameters", "flops", *report_gains(columns)])]


def _check_any(left: int, total: int, left_out: dict[str, int]) -> None:
    if not left:
        reasons = "; ".join(f"{count} {reason}" for reason, count in left_out.items())
        raise SelectionError(f"no candidate is left of {counted(total, 'trial')}" + (f": {reasons}" if reasons else ""))
