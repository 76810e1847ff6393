"""The clauses of conditions: comparisons of columns with values, and clauses joined with ``and`` and ``or``."""

import operator
from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from typing import Any

import pandas as pd

IN, NOT_IN = "in", "not in"
SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}
"""The operators that compare a column with one value."""

OPERATORS = (*SIGNS, IN, NOT_IN)


Value = float | str | bool
"""A value in a condition: a number, a text, or true or false."""


@dataclass(frozen=True)
class Comparison:
    """The comparison of a column with one value, or with a list of values.

    Attributes:
        name: the figure or setting that is compared.
        column: the column that is compared: for a figure with halves the column of the selection half, else ``name``.
        operator: one of ``OPERATORS``.
        values: the values to compare with; exactly one unless the operator is ``in`` or ``not in``.
    """

    name: str
    column: str
    operator: str
    values: tuple[Value, ...]

    @property
    def comparisons(self) -> tuple["Comparison", ...]:
        """Return this comparison alone."""
        return (self,)

    @property
    def needed(self) -> frozenset[str]:
        """Return the column, because a null meets no comparison."""
        return frozenset({self.column})

    def matches(self, table: pd.DataFrame) -> "pd.Series[bool]":
        """Return a mask of the rows that meet the comparison; a null meets none, not even ``!=`` or ``not in``."""
        column = table[self.column]
        matches: pd.Series[bool] = self._compare(column) & column.notna()
        return matches

    def _compare(self, column: "pd.Series[Any]") -> Any:
        if self.operator in SIGNS:
            return SIGNS[self.operator](column, self.values[0])
        is_listed = column.isin(list(self.values))
        return is_listed if self.operator == IN else ~is_listed


@dataclass(frozen=True)
class JoinedClauses:
    """Clauses joined with one word, ``and`` or ``or``."""

    clauses: tuple["Clause", ...]

    @property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Return all comparisons in the clauses, in the order in which they are written."""
        return sum((clause.comparisons for clause in self.clauses), ())


class AllOf(JoinedClauses):
    """Clauses joined with ``and``, all of which must be met."""

    @property
    def needed(self) -> frozenset[str]:
        """Return the columns that any clause needs."""
        return frozenset().union(*(clause.needed for clause in self.clauses))

    def matches(self, table: pd.DataFrame) -> "pd.Series[bool]":
        """Return a mask of the rows that meet every clause."""
        return reduce(operator.and_, (clause.matches(table) for clause in self.clauses))


class AnyOf(JoinedClauses):
    """Clauses joined with ``or``, at least one of which must be met."""

    @property
    def needed(self) -> frozenset[str]:
        """Return the columns that every clause needs; a row with a null in another column may meet another clause."""
        first, *others = (clause.needed for clause in self.clauses)
        return first.intersection(*others)

    def matches(self, table: pd.DataFrame) -> "pd.Series[bool]":
        """Return a mask of the rows that meet at least one clause."""
        return reduce(operator.or_, (clause.matches(table) for clause in self.clauses))


Clause = Comparison | AllOf | AnyOf
