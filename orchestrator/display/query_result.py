"""The result of a SQL query as a table."""

import re
from collections.abc import Hashable
from typing import Any

import pandas as pd

from prunesweep.orchestrator.display.table_view import TableView, ViewColumn, is_number_column
from prunesweep.orchestrator.query.descriptions import KEY_DIGITS
from prunesweep.sweeps.words import counted

MAX_SHOWN_ROWS = 500

_KEY = re.compile(r"[0-9a-f]{32}")


def query_view(rows: pd.DataFrame, *, whole: bool) -> TableView:
    """Return the result of a query as a table.

    Args:
        rows: the result.
        whole: whether keys are shown whole, and all rows; else keys are shortened to the digits that commands need, and
            rows beyond ``MAX_SHOWN_ROWS`` are left out.
    """
    shown = rows if whole else rows.head(MAX_SHOWN_ROWS)
    columns = [_view_column(name, shown[name], whole=whole, rank=min(index, 1)) for index, name in enumerate(shown)]
    left_out = len(rows) - len(shown)
    notes = [f"{counted(left_out, 'more row')}; --wide, --csv and --json print all."] if left_out else []
    return TableView(title=counted(len(rows), "row"), columns=columns, frame=rows, notes=notes)


def _view_column(name: Hashable, values: "pd.Series[Any]", *, whole: bool, rank: int) -> ViewColumn:
    """Return a column of the table. The first one names the rows: it has rank 0, and is never left out."""
    is_number = is_number_column(values)
    cells = [_format(value) for value in values]
    is_key = not is_number and any(cells) and all(_KEY.fullmatch(cell) for cell in cells if cell)
    if is_key and not whole:
        cells = [cell[:KEY_DIGITS] for cell in cells]
    return ViewColumn(str(name), cells, wraps=not is_number and not is_key, is_number=is_number, rank=rank)


def _format(value: Any) -> str:
    """Return a value as text: floats with six digits, nulls empty."""
    if isinstance(value, list | dict):
        return str(value)
    if pd.isna(value):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.6g}" if isinstance(value, float) else str(value)
