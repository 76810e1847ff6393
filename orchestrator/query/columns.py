"""What the columns of the table ``trials`` mean to a selection: axes, halves, and what makes figures comparable."""

from collections.abc import Callable, Collection, Iterable

import pandas as pd
import pyarrow as pa

from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.results_store.schema import TRIAL_COLUMNS
from prunesweep.sweeps.setting import SETTING_NAMES
from prunesweep.sweeps.words import listed

_TYPES: dict[pa.DataType, type] = {pa.string(): str, pa.bool_(): bool, pa.int64(): int, pa.float64(): float}

AXIS_COLUMNS: dict[str, type] = {
    "dataset": str,
    "architecture": str,
    "recipe": str,
    "structure": str,
    "criterion": str,
    "adjustment": str,
    "iterations": int,
    "ratio": float,
}
"""The data set and the axes of a sweep, without the seed: the columns that describe a trial to people."""

SETTING_KEY = "setting_key"
"""The column that trials of one setting share, which differ only in the seed.

It is null where the setting is unknown (some trials of older versions); such a trial is averaged with no other.
"""

SETTING_DETAILS: dict[str, type] = {
    column.name: _TYPES[column.type]
    for column in TRIAL_COLUMNS
    if column.name in SETTING_NAMES and column.name != SETTING_KEY
}
"""The columns of a setting besides the axes, in which trials can differ that have the same description."""

EPOCHS = "epochs"
"""The epochs trained in a round: part of the setting, and also a figure that a constraint can bound."""

REMOVAL_COUNTS = {
    "filters_asked": "max",
    "filters_removed": "min",
    "blocks_asked": "max",
    "blocks_removed": "min",
    "single_filter_layers": "max",
}
"""Columns about what was removed -> how seeds of one setting are aggregated: to the worst case among them."""

SEED = "seed"
SELECTION_SUFFIX, REPORT_SUFFIX = "_selection", "_report"
ON_FRONT = "on_front"


def is_accuracy(column: str) -> bool:
    """Return whether a column is an accuracy or the gain of one, and so depends on the test images."""
    return column.startswith(("generalization", "robustness"))


def is_robustness(column: str) -> bool:
    """Return whether a column is a robustness or the gain of one, and so depends on the attacks."""
    return column.startswith("robustness")


COMPARABLE_WITHIN: dict[str, Callable[[str], bool]] = {
    "dataset": is_accuracy,
    "test_fingerprint": is_accuracy,
    "robustness_definition": is_robustness,
}
"""Column -> which figures can be compared only between trials of the same value in it."""

DIAGNOSTICS = frozenset({"logit_margin", "vanishing_gradients"})
"""Figures measured on all test images, without halves: they describe a network and are never selected by."""

REQUIRED = (*AXIS_COLUMNS, SETTING_KEY, SEED, *COMPARABLE_WITHIN, "trial_key", "error", "parameters", "flops")


def check_trials_table(trials: pd.DataFrame) -> None:
    """Check that a data frame has the columns of a store's table ``trials``.

    Raises:
        SelectionError: A required column is missing.
    """
    missing = dict.fromkeys(column for column in REQUIRED if column not in trials.columns)
    if missing:
        raise SelectionError(f"this is not a trials table: it has no column {listed(missing, last='or')}")


def parse_figure_name(name: str) -> str:
    """Return the figure that a user names, without the suffix ``_selection``.

    Raises:
        SelectionError: The name is that of a ``_report`` column. The report half must not take part in the selection,
            because the selected networks are reported on it.
    """
    if name.endswith(REPORT_SUFFIX):
        figure = name.removesuffix(REPORT_SUFFIX)
        raise SelectionError(
            f'"{name}" cannot be an objective or a constraint: the report half is kept for reporting the chosen '
            f"networks; name {figure}, which is read on the selection half"
        )
    return name.removesuffix(SELECTION_SUFFIX)


def selection_column(figure: str, columns: Collection[str]) -> str:
    """Return the column of a figure to select by: its selection half, or its only column if it has no halves.

    An accuracy always has a selection half, so for one this column is returned even if ``columns`` lacks it.
    """
    half = figure + SELECTION_SUFFIX
    return half if half in columns or is_accuracy(figure) else figure


def half_columns(figure: str, columns: Collection[str]) -> list[str]:
    """Return the columns to show for a figure: its selection and report halves, or its only column."""
    return [half for half in (figure + SELECTION_SUFFIX, figure + REPORT_SUFFIX) if half in columns] or [figure]


def selectable_figures(columns: Iterable[str]) -> list[str]:
    """Return the figures that can be selected by: those with a selection half, and those that have no halves."""
    columns = list(columns)
    names = dict.fromkeys(
        column.removesuffix(SELECTION_SUFFIX) for column in columns if not column.endswith(REPORT_SUFFIX)
    )
    return [name for name in names if name not in DIAGNOSTICS and selection_column(name, columns) in columns]


def report_gain_columns(columns: Iterable[str]) -> list[str]:
    """Return the columns of all gains, over the baseline and over the control, on the report half."""
    endings = (f"_gain{REPORT_SUFFIX}", f"_gain_over_control{REPORT_SUFFIX}")
    return [column for column in columns if column.endswith(endings)]
