"""Draws a data frame as it is."""

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table


def frame_table(frame: pd.DataFrame, *, title: str) -> Table:
    """A data frame as it is: a column a column, empty where there is no value."""
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name, values in frame.items():
        is_number = pd.api.types.is_numeric_dtype(values)
        table.add_column(str(name), justify="right" if is_number else "left")
    for row in frame.itertuples(index=False):
        table.add_row(
            *("" if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value) for value in row)
        )
    return table
