"""What can be an objective, and which way is better."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from prunesweep.orchestrator.query.columns import figures, selection_column, without_half
from prunesweep.orchestrator.query.errors import SelectionError, unknown


@dataclass(frozen=True)
class ObjectiveKind:
    """Which way an objective is better, and the worst value that it can take (None: it has no bound)."""

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
"""Objective -> kind. Accuracies lie in [0, 1], gains are percentage points. What is said of ``robustness``
also holds for ``robustness_ATTACK`` of every attack in the table."""

_OF_ONE_ATTACK = re.compile(r"robustness_\w+?(?P<gain>_gain|_gain_over_control)?")


@dataclass(frozen=True)
class Objective:
    """One objective as it was named, the column it is read from, and its kind."""

    name: str
    column: str
    kind: ObjectiveKind

    def losses(self, candidates: pd.DataFrame) -> NDArray[np.float64]:
        """The candidates' values, turned so that lower is better."""
        values = candidates[self.column].to_numpy(dtype=np.float64)
        return -values if self.kind.direction == "maximize" else values

    def worst(self, candidates: pd.DataFrame) -> float:
        """The value that no candidate is worse than: the kind's own, or the candidates' largest cost."""
        return self.kind.worst if self.kind.worst is not None else float(candidates[self.column].max())


def parse_objectives(names: Sequence[str], columns: Collection[str]) -> list[Objective]:
    """The objectives of these names.

    Raises ``SelectionError`` for none at all, one named twice, one that is unknown, and a ``_report`` column.
    """
    if not names:
        raise SelectionError("no objective is named")
    objectives = [_parse(name, columns) for name in names]
    twice = [objective.name for objective in objectives if objectives.count(objective) > 1]
    if twice:
        raise SelectionError(f'objective "{twice[0]}" is named twice')
    return objectives


def _parse(name: str, columns: Collection[str]) -> Objective:
    figure = without_half(name)
    allowed = {known: kind for known in figures(columns) if (kind := _kind(known))}
    if figure == "seconds":
        raise SelectionError('objective "seconds": it tells how long the trial took, and nothing of its network')
    if figure not in allowed:
        raise unknown("objective", name, allowed)
    return Objective(figure, selection_column(figure, columns), allowed[figure])


def _kind(figure: str) -> ObjectiveKind | None:
    if figure not in OBJECTIVES and (attack := _OF_ONE_ATTACK.fullmatch(figure)):
        return OBJECTIVES["robustness" + (attack["gain"] or "")]
    return OBJECTIVES.get(figure)
