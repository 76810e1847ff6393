"""A reproduced table or figure: its content, what the store lacks for it, and the commands that would add it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MISSING = "missing"


@dataclass(frozen=True)
class Gap:
    """Results that a table or figure needs and that are missing in the store.

    Attributes:
        what: the missing results.
        command: the command that computes them.
        fill: computes these results from stored networks, and calls its argument with each line on the progress; None
            if a sweep must be run instead.
        hint: an alternative to the command, in words; empty if there is none.
    """

    what: str
    command: str
    fill: Callable[[Callable[[str], None]], object] | None = None
    hint: str = ""

    def __str__(self) -> str:
        """Return the missing results and the command in one line."""
        return f"{self.what}: {self.command}{self.hint and f' ({self.hint})'}"


@dataclass(frozen=True, eq=False)
class Reproduction:
    """A table or a figure of the paper, reproduced from a store.

    Attributes:
        name: such as ``table1``.
        title: what the table or figure shows.
        shown: the table to print, with numbers formatted as text.
        data: the underlying numbers, one observation per row.
        missing: the results that the store lacks.
        notes: how to read the table or figure.
        draw: draws a figure; None for a table.
    """

    name: str
    title: str
    shown: pd.DataFrame
    data: pd.DataFrame
    missing: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()
    draw: "Callable[[Figure], None] | None" = None
