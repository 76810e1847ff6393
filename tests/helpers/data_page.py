"""The tables of docs/data.md, which tests generate by writing files and reading them with the product's readers."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
WRITE = "PRUNESWEEP_WRITE_DOCS"


def check_table(name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Assert that the page has this table; if ``PRUNESWEEP_WRITE_DOCS`` is set, write it to the page first.

    Args:
        name: The table's name in the markers ``<!-- table: NAME -->`` and ``<!-- end -->`` around it.
        header: The titles of the columns.
        rows: The rows, with one cell per column.
    """
    generated = as_markdown(header, rows)
    if os.environ.get(WRITE):
        _write(name, generated)
    assert table_of(name) == generated, f"docs/data.md: table {name} is out of date; set {WRITE}=1 to update it"


def as_markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def table_of(name: str) -> str:
    """Return the text between a table's markers on the page."""
    match = _between(name).search(PAGE.read_text(encoding="utf-8"))
    assert match is not None, f"docs/data.md has no markers for the table {name}"
    return match.group(2).strip()


def _write(name: str, table: str) -> None:
    """Replace a table of the page."""
    page = PAGE.read_text(encoding="utf-8")
    updated = _between(name).sub(lambda match: f"{match.group(1)}\n{table}\n{match.group(3)}", page)
    PAGE.write_text(updated, encoding="utf-8")


def _between(name: str) -> re.Pattern[str]:
    """Return the pattern of a table with its markers."""
    return re.compile(rf"(<!-- table: {re.escape(name)} -->)\n(.*?)(<!-- end -->)", re.DOTALL)
