"""Conditions on trials, such as "generalization_gain >= -1" or "structure == filters and ratio in [0.1, 0.2]".

A constraint bounds figures (measured columns) and applies to their means over the trials that differ only in the seed.
A filter (``where``) selects trials by their settings. The grammar is that of ``condition_grammar``; here the names and
values of a condition are checked against the columns of the table ``trials``.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from prunesweep.orchestrator.query.amounts import read_amount
from prunesweep.orchestrator.query.clauses import IN, NOT_IN, Clause, Comparison, Value
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
from prunesweep.orchestrator.query.condition_grammar import ConditionFault, ReadComparison, parse_condition
from prunesweep.orchestrator.query.errors import SelectionError, unknown_name_error

FILTERS: dict[str, type] = (
    AXIS_COLUMNS | {SEED: int, SETTING_KEY: str} | SETTING_DETAILS | dict.fromkeys(COMPARABLE_WITHIN, str)
)
"""The type of the values of each column that trials can be filtered by."""


@dataclass(frozen=True)
class Condition:
    """A parsed condition on the rows of a table.

    Attributes:
        text: the condition as the user wrote it.
        clause: the comparisons of the condition, and how they are joined.
    """

    text: str
    clause: Clause

    @property
    def names(self) -> list[str]:
        """Return the figures or settings that the condition is about, each once, in the order of the text."""
        return list(dict.fromkeys(comparison.name for comparison in self.clause.comparisons))

    @property
    def needed(self) -> list[str]:
        """Return the columns in which a row must have a value to meet the condition, in the order of the text."""
        columns = dict.fromkeys(comparison.column for comparison in self.clause.comparisons)
        return [column for column in columns if column in self.clause.needed]

    def matches(self, table: pd.DataFrame) -> "pd.Series[bool]":
        """Return a mask of the rows that meet the condition.

        A null meets no comparison, not even ``!=`` or ``not in``.
        """
        return self.clause.matches(table)


def parse_constraints(texts: Iterable[str], trials: pd.DataFrame) -> list[Condition]:
    """Parse constraints, such as ``generalization_gain >= -1``.

    Constraints are on numeric figures. A figure that has halves is read on the selection half (the test images that
    networks are chosen on). For any other text, ``SelectionError`` is raised and names the faulty part: a wrong form,
    an unknown or ``_report`` column, a setting in place of a figure, or a value that is not a number.
    """
    return [_parse("constraint", text, _constraint_reader(text, trials)) for text in texts]


def parse_filters(texts: Iterable[str], trials: pd.DataFrame) -> list[Condition]:
    """Parse filters, such as ``structure != none``.

    Filters are on the columns of ``FILTERS``: settings, the seed, and the columns of ``COMPARABLE_WITHIN``. For any
    other text, ``SelectionError`` is raised and names the faulty part: a wrong form, an unknown column, a figure in
    place of a setting, a text compared by size (as with ``>``), a value of the wrong type, or an equality with a text
    that no trial has.
    """
    return [_parse("where", text, _filter_reader(text, trials)) for text in texts]


def _parse(kind: str, text: str, read_comparison: ReadComparison) -> Condition:
    """Parse one condition.

    Args:
        kind: the word for the condition in messages: ``constraint`` or ``where``.
        text: the condition.
        read_comparison: checks and reads one comparison.

    Raises:
        SelectionError: the text has not the form of a condition.
    """
    try:
        return Condition(text, parse_condition(text, read_comparison))
    except ConditionFault as fault:
        raise SelectionError(f'{kind} "{text}": {fault}') from None


def _constraint_reader(text: str, trials: pd.DataFrame) -> ReadComparison:
    """Return the function that reads the comparisons of a constraint."""

    def read(column: str, operator: str, values: tuple[str, ...]) -> Comparison:
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
        bounds = tuple(_read_number("constraint", text, figure, value) for value in values)
        return Comparison(figure, selection_column(figure, trials.columns), operator, bounds)

    return read


def _filter_reader(text: str, trials: pd.DataFrame) -> ReadComparison:
    """Return the function that reads the comparisons of a filter."""

    def read(column: str, operator: str, values: tuple[str, ...]) -> Comparison:
        if column not in FILTERS and column in trials.columns:
            raise SelectionError(f'where "{text}": {column} is a figure; bound it with a constraint')
        if column not in FILTERS:
            raise unknown_name_error(f'column in where "{text}":', column, FILTERS)
        if FILTERS[column] is str:
            _check_words(text, column, operator, values, trials)
            return Comparison(column, column, operator, values)
        return Comparison(column, column, operator, tuple(_read_value(text, column, value) for value in values))

    return read


def _check_words(text: str, column: str, operator: str, words: tuple[str, ...], trials: pd.DataFrame) -> None:
    if operator not in ("==", "!=", IN, NOT_IN):
        raise SelectionError(
            f'where "{text}": {column} is text, which is compared with ==, !=, in or not in, not with {operator}'
        )
    present = set(trials[column].dropna())
    for word in words if operator in ("==", IN) and present else ():
        if word not in present:
            raise unknown_name_error(f'{column} in where "{text}":', word, present)


def _read_value(text: str, column: str, value: str) -> Value:
    """Return a value of a filter on a column that is not text."""
    return _read_flag(text, value) if FILTERS[column] is bool else _read_number("where", text, column, value)


def _read_number(kind: str, text: str, column: str, value: str) -> float:
    try:
        return read_amount(value, column)
    except ValueError as error:
        raise SelectionError(f'{kind} "{text}": {error}') from None


def _read_flag(text: str, value: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise SelectionError(f'where "{text}": "{value}" is neither true nor false')
    return value.lower() == "true"
