"""The roles that columns of the table ``trials`` have in a selection of networks.

A column may be an axis of the sweep, another part of the setting (everything in a trial's key but the seed), or a
figure (a measured value). An accuracy has further columns for the selection half (the test images that networks are
chosen on) and the report half (those that chosen networks are reported on).
"""

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
"""The column whose value is the same for trials that differ only in the seed.

It is null if the setting is unknown, as for some trials of older versions. Such a trial is averaged with no other.
"""

SETTING_DETAILS: dict[str, type] = {
    column.name: _TYPES[column.type]
    for column in TRIAL_COLUMNS
    if column.name in SETTING_NAMES and column.name != SETTING_KEY
}
"""The columns of a setting that are not axes. Trials with the same values on all axes may differ in these columns."""

EPOCHS = "epochs"
"""The epochs trained in a round: part of the setting, and also a figure that a constraint can bound."""

REMOVAL_COUNTS = {
    "filters_asked": "max",
    "filters_removed": "min",
    "blocks_asked": "max",
    "blocks_removed": "min",
    "single_filter_layers": "max",
}
"""How the values of trials that differ only in the seed are aggregated, by column: to the worst case of them."""

SEED = "seed"
SELECTION_SUFFIX, REPORT_SUFFIX = "_selection", "_report"
ON_FRONT = "on_front"


def is_accuracy(column: str) -> bool:
    """Return whether a column is an accuracy or a gain in accuracy, and so depends on the test images."""
    return column.startswith(("generalization", "robustness"))


def is_robustness(column: str) -> bool:
    """Return whether a column is a robustness or a gain in robustness, and so depends on the attacks."""
    return column.startswith("robustness")


COMPARABLE_WITHIN: dict[str, Callable[[str], bool]] = {
    "dataset": is_accuracy,
    "test_fingerprint": is_accuracy,
    "robustness_definition": is_robustness,
}
"""By column, a test of whether a figure can be compared only between trials with the same value in that column."""

DIAGNOSTICS = frozenset({"logit_margin", "vanishing_gradients", "ece"})
"""Figures that are measured on all test images alone. They describe a network, and no network is chosen by them."""

REQUIRED = (*AXIS_COLUMNS, SETTING_KEY, SEED, *COMPARABLE_WITHIN, "trial_key", "error", "parameters", "flops")


def check_trials_table(trials: pd.DataFrame) -> None:
    """Check that a data frame has the columns of a store's table ``trials``.

    Raises:
        SelectionError: a required column is missing.
    """
    missing = dict.fromkeys(column for column in REQUIRED if column not in trials.columns)
    if missing:
        raise SelectionError(f"this is not a trials table: it has no column {listed(missing, last='or')}")


def parse_figure_name(name: str) -> str:
    """Return the figure that a user names, which is the name without the suffix ``_selection``.

    Raises:
        SelectionError: the name has the suffix ``_report``. The report half must not take part in the selection,
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
    """Return the column to select by: the figure on the selection half, or its only column if it has no halves.

    For an accuracy, the column of the selection half is returned even if ``columns`` lacks it.
    """
    half = figure + SELECTION_SUFFIX
    return half if half in columns or is_accuracy(figure) else figure


def half_columns(figure: str, columns: Collection[str]) -> list[str]:
    """Return the columns to show for a figure: those of its selection and report halves, or its only column."""
    return [half for half in (figure + SELECTION_SUFFIX, figure + REPORT_SUFFIX) if half in columns] or [figure]


def selectable_figures(columns: Iterable[str]) -> list[str]:
    """Return the figures by which networks can be selected.

    These are the figures with a selection half, and the figures without halves except ``DIAGNOSTICS``.
    """
    columns = list(columns)
    names = dict.fromkeys(
        column.removesuffix(SELECTION_SUFFIX) for column in columns if not column.endswith(REPORT_SUFFIX)
    )
    return [name for name in names if name not in DIAGNOSTICS and selection_column(name, columns) in columns]


def report_gain_columns(columns: Iterable[str]) -> list[str]:
    """Return the columns of all gains, over the baseline and over the control, on the report half."""
    endings = (f"_gain{REPORT_SUFFIX}", f"_gain_over_control{REPORT_SUFFIX}")
    return [column for column in columns if column.endswith(endings)]
