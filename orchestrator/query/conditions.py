"""Conditions on trials: ``COLUMN OPERATOR VALUE``, as in "generalization_gain >= -1" or "structure != none".

A constraint bounds a figure, and is held against the mean of a setting's seeds. A filter (``where``) picks
trials by what was set. They are parsed here, and nothing in them is ever evaluated as code.
"""

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from prunesweep.orchestrator.query.amounts import read_amount
from prunesweep.orchestrator.query.columns import (
    COMPARABLE_WITHIN,
    DETAILS,
    SEED,
    SETTING_KEY,
    SETTINGS,
    figures,
    selection_column,
    without_half,
)
from prunesweep.orchestrator.query.errors import SelectionError, unknown

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}
FILTERS: dict[str, type] = SETTINGS | {SEED: int, SETTING_KEY: str} | DETAILS | dict.fromkeys(COMPARABLE_WITHIN, str)
"""The columns that trials can be filtered by, and the type of each."""

_PIECES = re.compile(r"(?P<column>[^<>=!]*)(?P<operator>[<>=!]*)(?P<value>.*)", re.DOTALL)
_QUOTED = re.compile(r"""(["'])(?P<word>.*)\1""", re.DOTALL)


@dataclass(frozen=True)
class Condition:
    """One condition: the text it was given as, what it is about, and the column it reads."""

    text: str
    name: str
    column: str
    operator: str
    value: float | str

    def met(self, table: pd.DataFrame) -> "pd.Series[bool]":
        """Which rows meet the condition. A null meets none, not even ``!=``: the unknown promises nothing."""
        column = table[self.column]
        holds: pd.Series[bool] = OPERATORS[self.operator](column, self.value) & column.notna()
        return holds


def parse_constraints(texts: Iterable[str], trials: pd.DataFrame) -> list[Condition]:
    """The constraints of these texts: numeric figures only, read on the selection half where there is one.

    Raises ``SelectionError``, naming the bad piece, for what is no condition, an unknown or ``_report``
    column, a setting, and a value that is no number.
    """
    return [_parse_constraint(text, trials) for text in texts]


def parse_filters(texts: Iterable[str], trials: pd.DataFrame) -> list[Condition]:
    """The filters of these texts: settings, the seed, and what makes figures comparable.

    Raises ``SelectionError``, naming the bad piece, for what is no condition, an unknown column, a figure, a
    word that is compared by size, and an equality that no trial can meet.
    """
    return [_parse_filter(text, trials) for text in texts]


def _parse_constraint(text: str, trials: pd.DataFrame) -> Condition:
    column, sign, value = _pieces("constraint", text)
    if column in FILTERS:
        raise SelectionError(f'constraint "{text}": {column} is a setting; filter by it with where')
    figure = without_half(column)
    numeric = [
        known
        for known in figures(trials.columns)
        if known not in FILTERS and pd.api.types.is_numeric_dtype(trials[selection_column(known, trials.columns)])
    ]
    if figure not in numeric:
        raise unknown(f'column in constraint "{text}":', column, numeric)
    bound = _number("constraint", text, figure, value)
    return Condition(text, figure, selection_column(figure, trials.columns), sign, bound)


def _parse_filter(text: str, trials: pd.DataFrame) -> Condition:
    column, sign, value = _pieces("where", text)
    if column not in FILTERS and column in trials.columns:
        raise SelectionError(f'where "{text}": {column} is a figure; bound it with a constraint')
    if column not in FILTERS:
        raise unknown(f'column in where "{text}":', column, FILTERS)
    if FILTERS[column] is bool:
        return Condition(text, column, column, sign, _truth(text, value))
    if FILTERS[column] is not str:
        return Condition(text, column, column, sign, _number("where", text, column, value))
    if sign not in ("==", "!="):
        raise SelectionError(f'where "{text}": {column} is a word, and words have == and != only, not {sign}')
    word = quoted["word"] if (quoted := _QUOTED.fullmatch(value)) else value
    present = set(trials[column].dropna())
    if sign == "==" and present and word not in present:
        raise unknown(f'{column} in where "{text}":', word, present)
    return Condition(text, column, column, sign, word)


def _pieces(kind: str, text: str) -> tuple[str, str, str]:
    pieces = _PIECES.fullmatch(text)
    assert pieces is not None, "every text splits into pieces, some of them empty"
    column, sign, value = (pieces[name].strip() for name in ("column", "operator", "value"))
    if sign not in OPERATORS:
        fault = f'"{sign}" is no operator' if sign else "it has no operator"
        raise SelectionError(f'{kind} "{text}": {fault}; use one of {" ".join(OPERATORS)}')
    if not column or not value:
        missing = "value" if column else "column"
        raise SelectionError(f'{kind} "{text}": it has no {missing}; write COLUMN {sign} VALUE')
    return column, sign, value


def _number(kind: str, text: str, column: str, value: str) -> float:
    try:
        return read_amount(value, column)
    except ValueError as error:
        raise SelectionError(f'{kind} "{text}": {error}') from None


def _truth(text: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise SelectionError(f'where "{text}": "{value}" is neither true nor false')
    return value.lower() == "true"
