"""Tables that commands print: their content, and which of their columns fit a terminal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from rich.cells import cell_len

MIN_NAME_WIDTH = 16  # to which a column that wraps may shrink, unless all its words are shorter
GAP = 2  # spaces between two columns


@dataclass(frozen=True)
class ViewColumn:
    """A column of a printed table.

    Attributes:
        heading: the name of the column.
        cells: the text of each row.
        wraps: whether long cells are wrapped, as those of names are; numbers and keys stay on one line.
        is_number: whether the cells are aligned at the right.
        rank: how soon the column is left out where the table does not fit: from 2 on before anything is wrapped, the
            highest first; 1 after everything is wrapped; 0, the rank of columns that name a row, never.
    """

    heading: str
    cells: Sequence[str]
    wraps: bool = False
    is_number: bool = False
    rank: int = 0

    @property
    def has_text(self) -> bool:
        """Return whether the column names a row or has a cell that is not empty."""
        return self.rank == 0 or any(self.cells)

    @property
    def width(self) -> int:
        """Return the width in which no cell is wrapped, in terminal cells."""
        lines = (line for text in self.cells for line in text.splitlines())
        return max([_longest_word(self.heading), *map(cell_len, lines)])

    @property
    def least_width(self) -> int:
        """Return the smallest width in which the column is readable, in terminal cells."""
        if not self.wraps:
            return self.width
        return max(_longest_word(self.heading), min(self.width, MIN_NAME_WIDTH))

    @property
    def word_width(self) -> int:
        """Return the width of the longest word, in terminal cells; for a column that wraps, ``least_width``."""
        return self.least_width if self.wraps else max(_longest_word(text) for text in (self.heading, *self.cells))


@dataclass(frozen=True)
class TableView:
    """A table to print, with the data that it shows.

    Attributes:
        title: what the table shows.
        columns: the columns, each with one cell per row.
        frame: the same data with all columns and full precision, for CSV.
        records: the same data as JSON values; None for one object per row of ``frame``.
        notes: what a reader must know about the table, each a full sentence.
        headings: the texts of headings above groups of rows, by the index of the group's first row.
    """

    title: str
    columns: Sequence[ViewColumn]
    frame: pd.DataFrame
    records: object = None
    notes: Sequence[str] = ()
    headings: Mapping[int, str] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return len(self.columns[0].cells) if self.columns else 0


def is_number_column(values: "pd.Series[Any]") -> bool:
    """Return whether a column of a data frame has numbers, which are aligned at the right; flags are no numbers."""
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def fit_columns(columns: Sequence[ViewColumn], width: int) -> dict[int, int]:
    """Return the columns of a table that fit a width, with the width of each.

    Columns without any text are left out. If the others do not fit, those of rank 2 and above are left out, the highest
    rank first; then cells are wrapped at words; and then those of rank 1 are left out, the last one first.

    Args:
        columns: the columns of the table.
        width: the width of the terminal, in terminal cells.

    Returns:
        The width of each column that is shown, in terminal cells, by the column's index.
    """
    shown = {index: column.least_width for index, column in enumerate(columns) if column.has_text}
    _leave_out(columns, shown, width, least_rank=2)
    if _total(shown) > width:
        shown = {index: columns[index].word_width for index in shown}
        _leave_out(columns, shown, width, least_rank=1)
    wrapped = [index for index in shown if columns[index].width > shown[index]]
    # Numbers before names, and the narrowest first, so that what it leaves goes to the others.
    wrapped.sort(key=lambda index: (columns[index].wraps, columns[index].width))
    for position, index in enumerate(wrapped):
        share = max(0, width - _total(shown)) // (len(wrapped) - position)
        shown[index] = min(columns[index].width, shown[index] + share)
    return shown


def _leave_out(columns: Sequence[ViewColumn], shown: dict[int, int], width: int, *, least_rank: int) -> None:
    """Remove columns from ``shown`` until the rest fits, the highest rank first and those below ``least_rank`` never.

    Args:
        columns: the columns of the table.
        shown: the width of each column that is shown, by index; it is changed in place.
        width: the width of the terminal, in terminal cells.
        least_rank: the lowest rank that may be left out.
    """
    while _total(shown) > width:
        candidates = [index for index in shown if columns[index].rank >= least_rank]
        if not candidates:
            return
        del shown[max(candidates, key=lambda index: (columns[index].rank, index))]


def _total(widths: Mapping[int, int]) -> int:
    """Return the width of a whole table, given the width of each column."""
    return sum(widths.values()) + GAP * (len(widths) - 1)


def _longest_word(text: str) -> int:
    """Return the width of the longest word of a text, together with the text's indentation."""
    return len(text) - len(text.lstrip()) + max(map(cell_len, text.split()), default=0)
