"""The tables of docs/data.md, which tests make from files that they write and the real readers read."""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
WRITE = "PRUNESWEEP_WRITE_DOCS"


def check_table(name: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Assert that the page's table is the one that was made; where ``PRUNESWEEP_WRITE_DOCS`` is set, write it.

    Args:
        name: of the markers ``<!-- table: NAME -->`` and ``<!-- end -->`` that the table stands between.
        header: titles of the columns.
        rows: cells, as many in each row as there are columns.
    """
    made = as_markdown(header, rows)
    if os.environ.get(WRITE):
        _write(name, made)
    assert table_of(name) == made, f"docs/data.md: table {name} is not what the readers do; set {WRITE}=1 to write it"


def as_markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown, a line a row."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


def table_of(name: str) -> str:
    """Return what stands between a table's markers on the page."""
    found = _between(name).search(PAGE.read_text(encoding="utf-8"))
    assert found is not None, f"docs/data.md has no markers for the table {name}"
    return found.group(2).strip()


def _write(name: str, made: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    written = _between(name).sub(lambda found: f"{found.group(1)}\n{made}\n{found.group(3)}", page)
    PAGE.write_text(written, encoding="utf-8")


def _between(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- table: {re.escape(name)} -->)\n(.*?)(<!-- end -->)", re.DOTALL)
