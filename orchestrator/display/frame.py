"""A data frame as a table."""

from typing import Any

import pandas as pd

from prunesweep.orchestrator.display.table_view import TableView, ViewColumn


def frame_view(frame: pd.DataFrame, *, title: str, notes: tuple[str, ...] = ()) -> TableView:
    """Return a data frame as a table, in which missing values are empty cells.

    On a narrow terminal the columns before the first number stay, because they name the rows; of the others the last
    ones are left out first.

    Args:
        frame: the data.
        title: what the table shows.
        notes: what a reader must know about it, each a full sentence.
    """
    is_number = [_is_number(values) for _, values in frame.items()]
    naming = is_number.index(True) if True in is_number else len(is_number)
    columns = [
        ViewColumn(
            str(name),
            [_format(value) for value in values],
            wraps=not number,
            is_number=number,
            rank=max(0, index - naming),
        )
        for index, ((name, values), number) in enumerate(zip(frame.items(), is_number, strict=True))
    ]
    return TableView(title, columns, frame, notes=notes)


def _is_number(values: "pd.Series[Any]") -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _format(value: Any) -> str:
    return "" if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value)
