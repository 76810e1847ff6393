"""One reproduced table or figure: what it shows, what is missing, and what would fill it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MISSING = "missing"


@dataclass(frozen=True)
class Gap:
    """Something that the store lacks: what it is, and the command that makes it.

    ``fill`` makes it where stored networks are all that it takes, and is told where to send lines on its progress; a
    gap that needs a sweep has none. ``hint``: what else would do.
    """

    what: str
    command: str
    fill: Callable[[Callable[[str], None]], object] | None = None
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.what}: {self.command}{self.hint and f' ({self.hint})'}"


@dataclass(frozen=True, eq=False)
class Reproduction:
    """A table or a figure of the paper, made from a store.

    Attributes:
        name: such as ``table1``.
        title: what it shows.
        shown: the table as people read it, words and numbers as text.
        data: what it was made from, one figure a row.
        missing: what the store lacks.
        notes: how to read it.
        draw: draws it, of a figure; None of a table.
    """

    name: str
    title: str
    shown: pd.DataFrame
    data: pd.DataFrame
    missing: tuple[Gap, ...] = ()
    notes: tuple[str, ...] = ()
    draw: "Callable[[Figure], None] | None" = None
