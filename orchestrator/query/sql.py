"""SQL on the tables of a store, by DuckDB."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.orchestrator.query.trials import table_of
from prunesweep.results_store import Store, StoreLike, existing_store
from prunesweep.results_store.schema import TABLES, arrow_schema
from prunesweep.sweeps.names import unknown_name

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LOCKS = (
    "SET python_enable_replacements = false",  # a name in SQL is never a variable of this program
    "SET enable_external_access = false",  # no files, no databases, no extensions
    "SET lock_configuration = true",  # the statements above cannot be undone
)
"""Statements after which SQL reads nothing but the registered tables."""

_READING = frozenset({"SELECT", "EXPLAIN", "MULTI"})  # DuckDB's kinds of statements that return rows; MULTI is PIVOT
_UNKNOWN_TABLE = re.compile(r"Table with name (?P<name>.+) does not exist!")
_QUOTATION = re.compile(r"\n\s*LINE \d+:")  # where a message of DuckDB begins to quote the SQL


def query(store: StoreLike, sql: str, sweep: str | None = None) -> pd.DataFrame:
    """Return the rows that a SQL query selects from the tables of a store.

    The SQL is DuckDB's. It reads the tables of the store and nothing else: no file, no variable of this program. A
    missing store, an unknown sweep and a mistake in the SQL raise ``UserError``, with a message of one line.

    Args:
        store: a folder, an fsspec URL or an open store.
        sql: one statement that returns rows. Its tables are those of ``docs/tables.md``: ``trials``, ``attacks`` and so
            on.
        sweep: the name of a sweep that ran on the store. The tables then have only its trials, with the results of its
            own attacks and test images.

    Returns:
        The rows in the order of the query. Lists of SQL are lists.

    Raises:
        SelectionError: DuckDB is not installed, or the SQL is not one statement that returns rows.

    Example:
        >>> from prunesweep import query
        >>> query("store", "SELECT structure, round(robustness, 2) AS robustness FROM trials ORDER BY robustness")
          structure  robustness
        0   filters        0.23
        1      none        0.38
        2      none        0.39
    """
    try:
        import duckdb
    except ImportError:
        raise SelectionError("SQL needs DuckDB; install it with pip install 'prunesweep[sql]'") from None

    opened = existing_store(store)
    connection = connect(_arrow_tables(opened, _mentioned_tables(sql), sweep))
    try:
        _check_statement(connection, sql)
        return _fetch(connection, sql)
    except duckdb.Error as error:
        raise SelectionError(f"SQL: {_one_line(str(error))}") from None
    finally:
        connection.close()


def connect(tables: Mapping[str, pa.Table]) -> "DuckDBPyConnection":
    """Return a connection to a new database in memory, whose SQL reads these tables and nothing else.

    Args:
        tables: the tables by name.
    """
    import duckdb

    connection = duckdb.connect(":memory:")
    for name, table in tables.items():
        connection.register(name, table)
    for statement in LOCKS:
        connection.execute(statement)
    return connection


def _mentioned_tables(sql: str) -> list[str]:
    """Return the tables whose names occur in a text, and all tables if none does, as in ``SHOW TABLES``."""
    return [name for name in TABLES if name in sql.lower()] or [*TABLES]


def _arrow_tables(store: Store, names: Iterable[str], sweep: str | None) -> dict[str, pa.Table]:
    """Return tables of a store, or of one of its sweeps, with the types of the schema even where all is null."""
    return {
        name: pa.Table.from_pandas(table_of(store, name, sweep), schema=arrow_schema(name), preserve_index=False)
        for name in names
    }


def _check_statement(connection: "DuckDBPyConnection", sql: str) -> None:
    """Check that a text is one statement that returns rows.

    DuckDB raises an error of its own if the text is not SQL.

    Raises:
        SelectionError: there is no statement, more than one, or one that returns no rows.
    """
    statements = connection.extract_statements(sql)
    # DuckDB 1 turns a PIVOT into several statements that have no text of their own; the last one returns the rows.
    statements = [statement for statement in statements if statement.query.strip()] or statements[-1:]
    if len(statements) != 1:
        raise SelectionError(f"SQL: one statement is expected, and there are {len(statements)}")
    kind = statements[0].type.name
    if kind not in _READING:
        raise SelectionError(f"SQL: {kind} changes something or sets an option; only queries such as SELECT are run")


def _fetch(connection: "DuckDBPyConnection", sql: str) -> pd.DataFrame:
    """Return the rows of a query, with sums of whole numbers as whole numbers and lists as lists."""
    result = connection.execute(sql)
    types = [str(column[1]) for column in result.description or ()]
    frame: pd.DataFrame = result.df()
    for name, kind in zip(frame.columns, types, strict=True):
        if kind == "HUGEINT" and frame[name].abs().max() < 2**53:  # the type of sums, which DuckDB returns as floats
            frame[name] = frame[name].astype("Int64" if frame[name].hasnans else np.int64)
        elif frame[name].dtype == object:
            frame[name] = frame[name].map(lambda value: value.tolist() if isinstance(value, np.ndarray) else value)
    return frame


def _one_line(message: str) -> str:
    """Return the part of DuckDB's message that says what is wrong, on one line, without its quotation of the SQL."""
    unknown = _UNKNOWN_TABLE.search(message)
    if unknown:
        return unknown_name(unknown["name"], "a table", TABLES)
    return " ".join(_QUOTATION.split(message)[0].split())
