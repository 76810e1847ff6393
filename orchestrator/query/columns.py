"""What the columns of the trials table mean to a choice: settings, halves, what makes figures comparable."""

from collections.abc import Callable, Collection, Iterable

import pandas as pd
import pyarrow as pa

from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.results_store.schema import TRIALS
from prunesweep.sweeps.setting import NAMES

_TYPES: dict[pa.DataType, type] = {pa.string(): str, pa.bool_(): bool, pa.int64(): int, pa.float64(): float}

SETTINGS: dict[str, type] = {
    "dataset": str,
    "architecture": str,
    "recipe": str,
    "structure": str,
    "criterion": str,
    "adjustment": str,
    "iterations": int,
    "ratio": float,
}
"""The axes of a sweep, seed apart: the words by which people know a trial."""

SETTING_KEY = "setting_key"
"""Trials that share it differ in the seed alone. A trial of an older version may have none, and is like no other."""

DETAILS: dict[str, type] = {
    column.name: _TYPES[column.type] for column in TRIALS if column.name in NAMES and column.name != SETTING_KEY
}
"""What is set beside the axes, and may tell apart trials whose words are the same."""

EPOCHS = "epochs"
"""Trained in a round: set as well, and a figure that can be bounded."""

REMOVED = {
    "filters_asked": "max",
    "filters_removed": "min",
    "blocks_asked": "max",
    "blocks_removed": "min",
    "single_filter_layers": "max",
}
"""What pruning left, and what of it is told where seeds of one setting differ: the farthest from what was asked."""

SEED = "seed"
SELECTION, REPORT = "_selection", "_report"
ON_FRONT = "on_front"


def is_accuracy(column: str) -> bool:
    """Whether ``column`` is an accuracy or the gain of one, and so depends on the test images."""
    return column.startswith(("generalization", "robustness"))


def is_robustness(column: str) -> bool:
    """Whether ``column`` is a robustness or the gain of one, and so depends on the attacks."""
    return column.startswith("robustness")


COMPARABLE_WITHIN: dict[str, Callable[[str], bool]] = {
    "dataset": is_accuracy,
    "test_fingerprint": is_accuracy,
    "robustness_definition": is_robustness,
}
"""Column -> which figures can be compared only between trials that agree in it."""

DIAGNOSTICS = frozenset({"logit_margin", "vanishing_gradients"})
"""Figures of all test images alone: they tell of a network, and nothing is chosen by them."""

REQUIRED = (*SETTINGS, SETTING_KEY, SEED, *COMPARABLE_WITHIN, "trial_key", "error", "parameters", "flops")


def check_table(trials: pd.DataFrame) -> None:
    """Raise ``SelectionError`` where ``trials`` lacks a column that every store's trials table has."""
    absent = [column for column in REQUIRED if column not in trials.columns]
    if absent:
        raise SelectionError(f"this is not a trials table: it has no column {', '.join(dict.fromkeys(absent))}")


def without_half(name: str) -> str:
    """The figure that a user names, with ``_selection`` taken off.

    Raises ``SelectionError`` for a ``_report`` column: the half that is chosen by cannot report the chosen.
    """
    if name.endswith(REPORT):
        figure = name.removesuffix(REPORT)
        raise SelectionError(
            f'"{name}" cannot be chosen by: the report half is kept to report the chosen; '
            f"name {figure}, which is read on the selection half"
        )
    return name.removesuffix(SELECTION)


def selection_column(figure: str, columns: Collection[str]) -> str:
    """The column to choose by: the selection half of what is read from test images, else the only one."""
    half = figure + SELECTION
    return half if half in columns or is_accuracy(figure) else figure


def both_halves(figure: str, columns: Collection[str]) -> list[str]:
    """The columns to show for a figure: its selection and report halves, or its only one."""
    return [half for half in (figure + SELECTION, figure + REPORT) if half in columns] or [figure]


def figures(columns: Iterable[str]) -> list[str]:
    """The figures that can be chosen by: those with a selection half, and those that have no halves."""
    columns = list(columns)
    names = dict.fromkeys(column.removesuffix(SELECTION) for column in columns if not column.endswith(REPORT))
    return [name for name in names if name not in DIAGNOSTICS and selection_column(name, columns) in columns]


def report_gains(columns: Iterable[str]) -> list[str]:
    """The columns of all gains, over the baseline and over the control, on the report half."""
    endings = (f"_gain{REPORT}", f"_gain_over_control{REPORT}")
    return [column for column in columns if column.endswith(endings)]
