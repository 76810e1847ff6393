"""The objectives of a selection, each with its direction and its worst value."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from prunesweep.orchestrator.query.columns import parse_figure_name, selectable_figures, selection_column
from prunesweep.orchestrator.query.errors import SelectionError, unknown_name_error


@dataclass(frozen=True)
class ObjectiveKind:
    """The direction and the worst value that all objectives of one kind (accuracy, gain or cost) have.

    Attributes:
        direction: ``maximize`` if large values are better, ``minimize`` if small values are.
        worst: the worst possible value. None if there is no bound.
    """

    direction: Literal["maximize", "minimize"]
    worst: float | None


ACCURACY = ObjectiveKind("maximize", worst=0.0)
GAIN = ObjectiveKind("maximize", worst=-100.0)
COST = ObjectiveKind("minimize", worst=None)

OBJECTIVES: dict[str, ObjectiveKind] = {
    "generalization": ACCURACY,
    "generalization_gain": GAIN,
    "generalization_gain_over_control": GAIN,
    "robustness": ACCURACY,
    "robustness_gain": GAIN,
    "robustness_gain_over_control": GAIN,
    "flops": COST,
    "parameters": COST,
}
"""Objective -> its kind. Accuracies lie in [0, 1], gains are percentage points.

``robustness_ATTACK`` and its gains, for every attack in the table, are objectives of the same kinds as ``robustness``
and its gains.
"""

DEFAULT_OBJECTIVES = ("generalization", "robustness", "flops")
"""Accurate, robust and cheap; without a cost, unpruned networks that were trained longer often win."""

_ROBUSTNESS_TO_ONE_ATTACK = re.compile(r"robustness_\w+?(?P<gain>_gain|_gain_over_control)?")


@dataclass(frozen=True)
class Objective:
    """An objective that trials are selected by.

    Attributes:
        name: the figure without a half of the test images, such as ``robustness``.
        column: the column with the objective's values. For an accuracy or a gain it is that of the selection half, such
            as ``robustness_selection``; for a cost it is ``name``.
        kind: the objective's direction and worst value.
    """

    name: str
    column: str
    kind: ObjectiveKind

    def losses(self, candidates: pd.DataFrame) -> NDArray[np.float64]:
        """Return the candidates' values, (candidates,), with the sign changed if needed so that lower is better."""
        values = candidates[self.column].to_numpy(dtype=np.float64)
        return -values if self.kind.direction == "maximize" else values

    def worst(self, candidates: pd.DataFrame) -> float:
        """Return the worst possible value if the objective is bounded, else the largest cost of the candidates."""
        return self.kind.worst if self.kind.worst is not None else float(candidates[self.column].max())


def parse_objectives(names: Sequence[str], columns: Collection[str]) -> list[Objective]:
    """Return the objectives with these names.

    An unknown name, or the name of a ``_report`` column, raises ``SelectionError``, too.

    Args:
        names: the objectives as the user named them, such as ``robustness``.
        columns: the columns of the trials table.

    Raises:
        SelectionError: no objective is named, or one is named twice.
    """
    if not names:
        raise SelectionError("no objective is named")
    objectives = [_parse_objective(name, columns) for name in names]
    repeated = [objective.name for objective in objectives if objectives.count(objective) > 1]
    if repeated:
        raise SelectionError(f'objective "{repeated[0]}" is named twice')
    return objectives


def _parse_objective(name: str, columns: Collection[str]) -> Objective:
    figure = parse_figure_name(name)
    allowed = {each: kind for each in selectable_figures(columns) if (kind := _objective_kind(each))}
    if figure == "seconds":
        raise SelectionError('objective "seconds": it is the duration of the trial, not a property of its network')
    if figure not in allowed:
        raise unknown_name_error("objective", name, allowed)
    return Objective(figure, selection_column(figure, columns), allowed[figure])


def _objective_kind(figure: str) -> ObjectiveKind | None:
    """Return the kind of a figure, or None if it cannot be an objective."""
    if figure not in OBJECTIVES and (attack := _ROBUSTNESS_TO_ONE_ATTACK.fullmatch(figure)):
        return OBJECTIVES["robustness" + (attack["gain"] or "")]
    return OBJECTIVES.get(figure)
