"""Conditions on trials: ``COLUMN OPERATOR VALUE``, as in "generalization_gain >= -1" or "structure != none".

A constraint bounds a figure (a measured column) and applies to the mean over the trials that differ only in the seed. A
filter (``where``) selects trials by their settings. Constraints and filters are parsed here; no part of them is ever
evaluated as code.
"""

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from prunesweep.orchestrator.query.amounts import read_amount
from prunesweep.orchestrator.query.columns import (
    AXIS_COLUMNS,
    COMPARABLE_WITHIN,
    SEED,
    SETTING_DETAILS,
    SETTING_KEY,
    parse_figure_name,
    selectable_figures,
    selection_column,
)
from prunesweep.orchestrator.query.errors import SelectionError, unknown_name_error

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}
FILTERS: dict[str, type] = (
    AXIS_COLUMNS | {SEED: int, SETTING_KEY: str} | SETTING_DETAILS | dict.fromkeys(COMPARABLE_WITHIN, str)
)
"""The type of the values of each column that trials can be filtered by."""

_PIECES = re.compile(r"(?P<column>[^<>=!]*)(?P<operator>[<>=!]*)(?P<value>.*)", re.DOTALL)
_QUOTED = re.compile(r"""(["'])(?P<word>.*)\1""", re.DOTALL)


@dataclass(frozen=True)
class Condition:
    """A parsed condition on the rows of a table.

    Attributes:
        text: the condition as the user wrote it.
        name: the figure or setting that the condition is about.
        column: the column that is compared: for a figure with halves the column of the selection half, else ``name``.
        operator: a key of ``OPERATORS``.
        value: the number or text that the column is compared with.
    """

    text: str
    name: str
    column: str
    operator: str
    value: float | str

    def matches(self, table: pd.DataFrame) -> "pd.Series[bool]":
        """Return a mask of the rows that meet the condition.

        A null meets no condition, not even ``!=``.
        """
        column = table[self.column]
        matches: pd.Series[bool] = OPERATORS[self.operator](column, self.value) & column.notna()
        return matches


def parse_constraints(texts: Iterable[str], trials: pd.DataFrame) -> list[Condition]:
    """Parse constraints, such as ``generalization_gain >= -1``.

    Constraints are on numeric figures. A figure that has halves is read on the selection half (the test images that
    networks are chosen on). For any other text, ``SelectionError`` is raised and names the faulty part: a wrong form,
    an unknown or ``_report`` column, a setting in place of a figure, or a value that is not a number.
    """
    return [_parse_constraint(text, trials) for text in texts]


def parse_filters(texts: Iterable[str], trials: pd.DataFrame) -> list[Condition]:
    """Parse filters, such as ``structure != none``.

    Filters are on the columns of ``FILTERS``: settings, the seed, and the columns of ``COMPARABLE_WITHIN``. For any
    other text, ``SelectionError`` is raised and names the faulty part: a wrong form, an unknown column, a figure in
    place of a setting, a text compared by size (as with ``>``), a value of the wrong type, or an equality with a text
    that no trial has.
    """
    return [_parse_filter(text, trials) for text in texts]


def _parse_constraint(text: str, trials: pd.DataFrame) -> Condition:
    column, sign, value = _split("constraint", text)
    if column in FILTERS:
        raise SelectionError(f'constraint "{text}": {column} is a setting; filter by it with where')
    figure = parse_figure_name(column)
    allowed = [
        name
        for name in selectable_figures(trials.columns)
        if name not in FILTERS and pd.api.types.is_numeric_dtype(trials[selection_column(name, trials.columns)])
    ]
    if figure not in allowed:
        raise unknown_name_error(f'column in constraint "{text}":', column, allowed)
    bound = _parse_number("constraint", text, figure, value)
    return Condition(text, figure, selection_column(figure, trials.columns), sign, bound)


def _parse_filter(text: str, trials: pd.DataFrame) -> Condition:
    column, sign, value = _split("where", text)
    if column not in FILTERS and column in trials.columns:
        raise SelectionError(f'where "{text}": {column} is a figure; bound it with a constraint')
    if column not in FILTERS:
        raise unknown_name_error(f'column in where "{text}":', column, FILTERS)
    if FILTERS[column] is bool:
        return Condition(text, column, column, sign, _parse_bool(text, value))
    if FILTERS[column] is not str:
        return Condition(text, column, column, sign, _parse_number("where", text, column, value))
    if sign not in ("==", "!="):
        raise SelectionError(f'where "{text}": {column} is text, which is compared with == or != only, not with {sign}')
    word = quoted["word"] if (quoted := _QUOTED.fullmatch(value)) else value
    present = set(trials[column].dropna())
    if sign == "==" and present and word not in present:
        raise unknown_name_error(f'{column} in where "{text}":', word, present)
    return Condition(text, column, column, sign, word)


def _split(kind: str, text: str) -> tuple[str, str, str]:
    """Split a condition into column, operator and value.

    Args:
        kind: the word for the condition in the error message: ``constraint`` or ``where``.
        text: the condition.

    Raises:
        SelectionError: one of the three is missing, or the operator is not in ``OPERATORS``.
    """
    pieces = _PIECES.fullmatch(text)
    assert pieces is not None, "every text splits into pieces, some of them empty"
    column, sign, value = (pieces[name].strip() for name in ("column", "operator", "value"))
    if sign not in OPERATORS:
        fault = f'"{sign}" is not an operator' if sign else "it has no operator"
        raise SelectionError(f'{kind} "{text}": {fault}; use one of {" ".join(OPERATORS)}')
    if not column or not value:
        missing = "value" if column else "column"
        raise SelectionError(f'{kind} "{text}": it has no {missing}; write COLUMN {sign} VALUE')
    return column, sign, value


def _parse_number(kind: str, text: str, column: str, value: str) -> float:
    try:
        return read_amount(value, column)
    except ValueError as error:
        raise SelectionError(f'{kind} "{text}": {error}') from None


def _parse_bool(text: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise SelectionError(f'where "{text}": "{value}" is neither true nor false')
    return value.lower() == "true"
