"""The command ``prunesweep query``."""

from typing import Annotated

import typer

from prunesweep.orchestrator import DEFAULT_STORE
from prunesweep.orchestrator.commands.shared import (
    AsCsv,
    AsJson,
    StoreUrl,
    SweepFilter,
    TableFormat,
    Wide,
    console,
    table_format,
)

EXAMPLE = (
    "prunesweep query 'SELECT criterion, avg(robustness_gain) AS gain FROM trials GROUP BY criterion ORDER BY gain'"
)


def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One query in DuckDB's SQL, in quotes.")],
    store: StoreUrl = DEFAULT_STORE,
    sweep: SweepFilter = None,
    wide: Wide = False,
    as_csv: AsCsv = False,
    as_json: AsJson = False,
    format: TableFormat = None,
) -> None:
    """Run a SQL query on the tables of a store.

    The tables are trials, attacks, classes, history, transfer, elements and verdicts: docs/tables.md has their columns,
    and DESCRIBE trials lists them; docs/query.md has examples. SQL reads these tables and no files.
    """
    from prunesweep.orchestrator.display.formats import print_view
    from prunesweep.orchestrator.display.query_result import query_view
    from prunesweep.orchestrator.query.sql import query as run_query

    chosen = table_format(wide, as_csv, as_json, format)
    rows = run_query(store, sql, sweep)
    print_view(query_view(rows, whole=chosen != "table"), console(), chosen)
