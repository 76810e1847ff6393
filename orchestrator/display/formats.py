"""Printing a table for a terminal, as CSV, JSON, Markdown or LaTeX."""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pandas as pd
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from prunesweep.orchestrator.display.table_view import GAP, TableView, fit_columns
from prunesweep.sweeps.words import listed

MAX_LISTED_COLUMNS = 12  # columns left out that the note below a table names

_LATEX_ESCAPES = str.maketrans(
    {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"}
    | {character: f"\\{character}" for character in "&%$#_{}"}
    | {"<": "$<$", ">": "$>$", "|": r"\textbar{}", "\N{MINUS SIGN}": "$-$", "→": r"$\rightarrow$"}
    | {"×": r"$\times$", "±": r"$\pm$", "…": r"\ldots{}", "ε": r"$\varepsilon$", "◆": r"$\blacklozenge$"}
)
_MINUS = re.compile(r"(?<![\w.-])-(?=\d)")  # before a number, and not in a word or a key


def print_view(view: TableView, console: Console, format: str = "table") -> None:
    """Print a table.

    Args:
        view: the table.
        console: the console to print on.
        format: ``table`` for the columns that fit the console, ``wide`` for all columns on long lines, or ``csv``,
            ``json``, ``markdown`` or ``latex`` for all columns.
    """
    if format == "table":
        console.print(render_view(view, console.width))
    elif format == "wide":
        _widened(console, view).print(render_view(view, None))
    else:
        print(_TEXT_FORMATS[format](view), file=console.file)


def render_view(view: TableView, width: int | None) -> RenderableType:
    """Return a table for a terminal; columns that do not fit are left out, and a note says so.

    Args:
        view: the table.
        width: the width of the terminal, in terminal cells; None for as wide as needed.
    """
    widths = fit_columns(view.columns, _full_width(view) if width is None else width)
    left_out = [column.heading for index, column in enumerate(view.columns) if index not in widths and column.has_text]
    parts: list[RenderableType] = [Text(f"{view.title}\n", style="bold")]
    bounds = sorted({0, *view.headings, view.rows})
    header_alone = 0 in view.headings or view.rows == 0
    parts += [_rich_table(view, widths, range(0), show_header=True)] if header_alone else []
    for start, end in pairwise(bounds):
        parts += [Text(view.headings[start], style="cyan")] if start in view.headings else []
        parts.append(_rich_table(view, widths, range(start, end), show_header=start == 0 and not header_alone))
    notes = [*view.notes]
    if left_out:
        more = len(left_out) - MAX_LISTED_COLUMNS
        names = [*left_out[:MAX_LISTED_COLUMNS], *([f"{more} more"] if more > 0 else [])]
        notes.append(f"Not shown at this width: {listed(names)}; --wide shows every column.")
    parts += [Text("\n" + "\n".join(notes), style="dim")] if notes else []
    return Group(*parts)


def _full_width(view: TableView) -> int:
    """Return the width at which nothing of a table is wrapped, in terminal cells."""
    headings = (cell_len(heading) for heading in view.headings.values())
    return max(sum(max(column.width, cell_len(column.heading)) + GAP for column in view.columns), *headings, 80)


def _widened(console: Console, view: TableView) -> Console:
    """Return a console like the given one, but wide enough for all of a table."""
    return Console(
        file=console.file,
        width=max(console.width, _full_width(view)),
        force_terminal=console.is_terminal,
        no_color=console.no_color,
    )


def _rich_table(view: TableView, widths: dict[int, int], rows: range, *, show_header: bool) -> Table:
    """Return some rows of a table; all parts of one table have the same widths, so that their columns line up."""
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, show_header=show_header)
    for index, width in widths.items():
        column = view.columns[index]
        justify = "right" if column.is_number else "left"
        table.add_column(Text(column.heading), justify=justify, width=width, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*(Text(view.columns[index].cells[row]) for index in widths))
    return table


def as_csv(view: TableView) -> str:
    """Return all data of a table as CSV, with lists as words separated by spaces."""
    frame = view.frame.map(lambda value: " ".join(map(str, value)) if isinstance(value, list | tuple) else value)
    return frame.to_csv(index=False).rstrip("\n")


def as_json(view: TableView) -> str:
    """Return all data of a table as JSON; a value that could not be computed is null."""
    return json.dumps(frame_records(view.frame) if view.records is None else view.records, indent=1)


def frame_records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a data frame as JSON objects, with null for missing values."""
    records: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", double_precision=15))
    return records


def as_markdown(view: TableView) -> str:
    """Return a table with all its columns in Markdown; the heading of a group is a row of its own, in bold."""
    empty = [""] * (len(view.columns) - 1)
    rows = [[column.heading for column in view.columns]]
    rows.append(["---:" if column.is_number else "---" for column in view.columns])
    for heading, cells in _rows(view):
        rows += [[f"**{heading}**", *empty]] if heading is not None else []
        rows.append(cells)
    lines = [f"**{view.title}**", ""] if view.title else []
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |" for cells in rows]
    return "\n".join([*lines, "", *view.notes]).rstrip()


def as_latex(view: TableView) -> str:
    """Return a table with all its columns as a LaTeX ``tabular``; the heading of a group spans all columns.

    The packages that it needs are named in a comment, as are the title and the notes.
    """
    alignment = "".join("r" if column.is_number else "l" for column in view.columns)
    comments = ["needs \\usepackage{booktabs}, and amssymb for marks", view.title, *view.notes]
    lines = [f"% {comment}" for text in comments for comment in text.splitlines()]
    lines += [rf"\begin{{tabular}}{{{alignment}}}", r"\toprule"]
    lines += [_latex_row([column.heading for column in view.columns]), r"\midrule"]
    for index, (heading, cells) in enumerate(_rows(view)):
        if heading is not None:
            lines += [r"\addlinespace"] if index else []
            lines.append(rf"\multicolumn{{{len(cells)}}}{{l}}{{{_latex_text(heading)}}} \\")
        lines.append(_latex_row(cells))
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"])


def _rows(view: TableView) -> Iterator[tuple[str | None, list[str]]]:
    """Yield the cells of each row, each with the heading that stands above it, or None."""
    for row in range(view.rows):
        yield view.headings.get(row), [" ".join(column.cells[row].split()) for column in view.columns]


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(map(_latex_text, cells)) + r" \\"


def _latex_text(text: str) -> str:
    """Return a text with all that LaTeX would read as commands escaped, and with the minus signs of numbers."""
    return _MINUS.sub("\N{MINUS SIGN}", text).translate(_LATEX_ESCAPES)


_TEXT_FORMATS = {"csv": as_csv, "json": as_json, "markdown": as_markdown, "latex": as_latex}
TABLE_FORMATS = ("table", "wide", *_TEXT_FORMATS)
