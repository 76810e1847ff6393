"""SQL on a store's tables: what it returns, how it is printed, and that it reads nothing else."""

import io
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from prunesweep import query
from prunesweep.orchestrator.display.query_result import MAX_SHOWN_ROWS, query_view
from prunesweep.orchestrator.query.errors import SelectionError
from prunesweep.orchestrator.query.sql import connect
from prunesweep.results_store import Store
from prunesweep.results_store.schema import TABLES
from prunesweep.sweeps.errors import UserError
from tests.helpers.command import command, refusal

duckdb = pytest.importorskip("duckdb")

STORED = Path(__file__).parents[1] / "stores" / "version_0.1.0" / "store"
SECRET = pd.DataFrame({"secret": [1]})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("sql") / "store"
    shutil.copytree(STORED, folder)
    return Store(str(folder))


# ------------------------------------------------------------------------------------------------ what it returns


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_its_columns_and_rows(store: Store, table: str) -> None:
    frame = query(store, f"SELECT * FROM {table}")
    expected = store.table(table)
    assert list(frame) == list(expected)
    pd.testing.assert_frame_equal(with_plain_nulls(frame), with_plain_nulls(expected))


def with_plain_nulls(frame: pd.DataFrame) -> pd.DataFrame:
    """The same values as Python's, and None for every kind of null."""
    values = frame.astype(object)
    return values.where(values.notna(), None)


@pytest.mark.parametrize("table", TABLES)
def test_every_column_has_the_type_of_the_schema(store: Store, table: str) -> None:
    names = {"string": "VARCHAR", "int64": "BIGINT", "double": "DOUBLE", "bool": "BOOLEAN"}
    described = query(store, f"DESCRIBE {table}").set_index("column_name")["column_type"].to_dict()
    assert described == {column.name: names[str(column.type)] for column in TABLES[table]}


def test_a_column_of_nulls_can_be_compared(store: Store) -> None:
    assert store.table("trials")["error"].isna().all()
    assert query(store, "SELECT trial_key FROM trials WHERE error LIKE '%memory%' OR blocks > 1").empty


def test_sums_and_lists_are_plain_values(store: Store) -> None:
    row = query(store, "SELECT sum(correct) AS correct, list(DISTINCT attack ORDER BY attack) AS names FROM attacks")
    attacks = store.table("attacks")
    assert row["correct"].tolist() == [attacks["correct"].sum()] and row["correct"].dtype == "int64"
    assert row["names"].tolist() == [sorted(attacks["attack"].unique())]
    grouped = query(store, "SELECT sum(blocks) AS blocks, count(*) AS n FROM trials GROUP BY ALL")
    assert grouped["blocks"].isna().all() and grouped["n"].tolist() == [3]


def test_tables_in_any_case_and_of_joins_and_of_built_names_are_read(store: Store) -> None:
    joined = "SELECT count(*) AS n FROM Trials JOIN ATTACKS USING (trial_key)"
    assert query(store, joined)["n"].tolist() == [len(store.table("attacks"))]
    assert query(store, "SHOW TABLES")["name"].tolist() == sorted(TABLES)
    assert len(query(store, "SELECT * FROM query_table('tri' || 'als')")) == 3


def test_a_sweep_has_its_own_trials_alone(store: Store) -> None:
    other = json.loads(store.objects.get("sweeps/golden/run.json"))
    key, keys = next(iter(other["result_keys"].items()))
    store.save_sweep("one", "name: one", {**other, "result_keys": {key: keys}})
    assert query(store, "SELECT trial_key FROM trials", sweep="one")["trial_key"].tolist() == [key]
    assert query(store, "SELECT DISTINCT trial_key FROM attacks", sweep="one")["trial_key"].tolist() == [key]
    with pytest.raises(UserError, match=r"'on' is not a sweep of .*; did you mean 'one'"):
        query(store, "SELECT 1", sweep="on")


@pytest.mark.parametrize(
    "sql",
    [
        "DESCRIBE trials",
        "SHOW TABLES",
        "FROM trials",
        "VALUES (1)",
        "SELECT 1;",
        "EXPLAIN SELECT * FROM trials",
        "WITH t AS (SELECT 1) FROM t",
        "SUMMARIZE attacks",
        "PIVOT trials ON criterion USING count(*)",
    ],
)
def test_every_statement_that_returns_rows_is_run(store: Store, sql: str) -> None:
    assert len(query(store, sql))


# ------------------------------------------------------------------------------------------ what it does not read


@pytest.fixture(scope="module")
def locked() -> Iterator[Any]:
    connection = connect({"trials": pa.table({"x": [1]})})
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("files") / "file.csv"
    path.write_text("a,b\n1,2\n")
    return path


REACHING_OUT = [
    "SELECT * FROM read_csv('{csv}')",
    "SELECT * FROM '{csv}'",
    "SELECT * FROM read_text('{csv}')",
    "SELECT * FROM read_blob('{csv}')",
    "SELECT * FROM sniff_csv('{csv}')",
    "SELECT * FROM glob('{csv}*')",
    "SELECT * FROM read_parquet('{csv}')",
    "SELECT * FROM 'https://example.org/file.csv'",
    "COPY trials TO '{csv}.copy'",
    "COPY (SELECT 1) TO '{csv}.copy'",
    "EXPORT DATABASE '{csv}.copy'",
    "IMPORT DATABASE '{csv}'",
    "ATTACH '{csv}.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET python_enable_replacements = true",
    "SET lock_configuration = false",
    "RESET enable_external_access",
    "SELECT * FROM SECRET",
    "SELECT * FROM variable",
]


@pytest.mark.parametrize("sql", REACHING_OUT)
def test_the_locks_keep_everything_else_away(locked: Any, csv: Path, sql: str) -> None:
    """Not even statements that ``query`` does not run."""
    variable = SECRET  # noqa: F841
    with pytest.raises(duckdb.Error):
        locked.execute(sql.format(csv=csv)).fetchall()
    assert sorted(path.name for path in csv.parent.iterdir()) == ["file.csv"]


@pytest.mark.parametrize("option", ["python_enable_replacements", "enable_external_access"])
def test_the_options_are_set(locked: Any, option: str) -> None:
    assert locked.execute(f"SELECT current_setting('{option}')").fetchall() == [(False,)]


@pytest.mark.parametrize("sql", REACHING_OUT)
def test_what_is_kept_away_is_refused_in_one_line(store: Store, csv: Path, sql: str) -> None:
    assert refusal("query", sql.format(csv=csv), "--store", store.url).startswith("prunesweep: SQL: ")


# ---------------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", 'SQL: Parser Error: syntax error at or near "SELEC"'),
        ("SELECT trial_ky FROM trials", 'Referenced column "trial_ky" not found in FROM clause! Candidate bindings: '),
        ("SELECT * FROM trails", "SQL: 'trails' is not a table; did you mean 'trials'? Allowed: trials, attacks, "),
        ("SELECT CAST('x' AS INT)", "SQL: Conversion Error: Could not convert string 'x' to INT32"),
        ("", "SQL: one statement is expected, and there are 0"),
        ("SELECT 1; SELECT 2", "SQL: one statement is expected, and there are 2"),
        ("CREATE TABLE t AS SELECT 1", "SQL: CREATE changes something or sets an option; only queries such as SELECT"),
        ("DELETE FROM trials", "SQL: DELETE changes something"),
    ],
)
def test_a_mistake_is_one_line(store: Store, sql: str, message: str) -> None:
    with pytest.raises(SelectionError) as refused:
        query(store, sql)
    assert message in str(refused.value) and "\n" not in str(refused.value)
    assert "LINE 1" not in str(refused.value)


def test_without_duckdb_the_extra_is_named(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    said = refusal("query", "SELECT 1", "--store", store.url)
    assert said == "prunesweep: SQL needs DuckDB; install it with pip install 'prunesweep[sql]'\n"


# -------------------------------------------------------------------------------------------------- how it is printed

NETWORKS = "SELECT trial_key, setting_key, structure, robustness FROM trials ORDER BY trial_key"


@pytest.mark.parametrize("width", [60, 80])
def test_a_key_is_shown_by_the_digits_that_commands_need(
    store: Store, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    printed = command("query", NETWORKS, "--store", store.url).output
    assert max(map(len, printed.splitlines())) <= width
    for key in store.table("trials")["trial_key"]:
        assert f"{key[:10]} " in printed and key[:11] not in printed


def test_whole_keys_and_all_digits_are_in_the_other_formats(store: Store) -> None:
    rows = query(store, NETWORKS)
    wide = command("query", NETWORKS, "--store", store.url, "--wide").output
    assert all(key in wide for key in rows["setting_key"])
    csv = command("query", NETWORKS, "--store", store.url, "--csv").output
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(csv)), rows, check_dtype=False)
    parsed = json.loads(command("query", NETWORKS, "--store", store.url, "--json").output)
    assert [{**row, "robustness": pytest.approx(row["robustness"])} for row in parsed] == rows.to_dict("records")


def test_nulls_flags_and_numbers_as_text() -> None:
    rows = pd.DataFrame({"name": ["a", None], "share": [1 / 3, None], "flag": [True, False], "n": [12345678, 2]})
    view = query_view(rows, whole=False)
    assert [column.cells for column in view.columns] == [
        ["a", ""],
        ["0.333333", ""],
        ["true", "false"],
        ["12345678", "2"],
    ]
    assert [column.rank for column in view.columns] == [0, 1, 1, 1]


def test_a_long_result_is_cut_for_people_alone() -> None:
    rows = pd.DataFrame({"n": range(MAX_SHOWN_ROWS + 1)})
    short, whole = query_view(rows, whole=False), query_view(rows, whole=True)
    assert (short.rows, whole.rows) == (MAX_SHOWN_ROWS, MAX_SHOWN_ROWS + 1)
    assert short.notes == ["1 more row; --wide, --csv and --json print all."] and not whole.notes
    assert len(short.frame) == len(rows)


def test_the_help_lists_the_tables() -> None:
    shown = " ".join(command("query", "--help").output.split())
    assert all(table in shown for table in TABLES)


def test_many_columns_that_do_not_fit_are_counted(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    printed = command("query", "SELECT * FROM trials", "--store", store.url).output
    assert " more; --wide shows every column." in " ".join(printed.split()) and len(printed.splitlines()) < 20
