"""Rendering a data frame for a terminal."""

import pandas as pd
from rich.box import SIMPLE_HEAD
from rich.table import Table


def render_frame(frame: pd.DataFrame, *, title: str) -> Table:
    """Return a view of a data frame with all its columns, in which missing values are empty cells."""
    view = Table(title=title, box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for name, values in frame.items():
        is_number = pd.api.types.is_numeric_dtype(values)
        view.add_column(str(name), justify="right" if is_number else "left")
    for row in frame.itertuples(index=False):
        view.add_row(
            *("" if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value) for value in row)
        )
    return view
