"""A data frame as a table."""

from typing import Any

import pandas as pd

from prunesweep.orchestrator.display.table_view import TableView, ViewColumn, is_number_column


def frame_view(frame: pd.DataFrame, *, title: str, notes: tuple[str, ...] = ()) -> TableView:
    """Return a data frame as a table, in which missing values are empty cells.

    On a narrow terminal the first column and those without a heading stay, because they name the rows. The cells of the
    others are wrapped at words, and if that is not enough, the last columns are left out.

    Args:
        frame: the data.
        title: what the table shows.
        notes: what a reader must know about it, each a full sentence.
    """
    columns = []
    for index, (name, values) in enumerate(frame.items()):
        names_row = index == 0 or not str(name).strip()
        columns.append(
            ViewColumn(
                str(name),
                [_format(value) for value in values],
                wraps=names_row,
                is_number=is_number_column(values),
                rank=0 if names_row else 1,
            )
        )
    return TableView(title, columns, frame, notes=notes)


def _format(value: Any) -> str:
    return "" if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value)
