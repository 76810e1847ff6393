"""The tables as Parquet objects, brought up to date with the results.

Each table is one object that is replaced as a whole. The metadata of the object record the results from which the table
was built. Rows of trials without new results are copied from the stored table.
"""

import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prunesweep.results_store.documents import JsonObject
from prunesweep.results_store.errors import NotStored
from prunesweep.results_store.index import Index
from prunesweep.results_store.objects import Objects
from prunesweep.results_store.origins import Origins
from prunesweep.results_store.rows import DocumentsByKind, Row, rows_of
from prunesweep.results_store.schema import SWEEPS_COLUMN, TABLES, arrow_schema
from prunesweep.sweeps.keys import key_of
from prunesweep.sweeps.setting import SETTING_NAMES

_BATCH = 500  # trials whose documents are parsed at once, which limits the memory needed
_ROWS = 20_000  # rows that are converted at once, for the same reason: ImageNet has a row per trial and class
_RESULTS_KEY, _RUNS_KEY = b"results", b"runs"  # in a table's metadata
# The columns of the table ``trials``, and fields of trials' documents, with the keys of what a trial is compared with.
_REFERENCE_COLUMNS = ("baseline_key", "control_key", "plain_key")


def refresh(objects: Objects, listed: Sequence[str]) -> bool:
    """Bring the stored tables up to date with the results, the sweeps and this version's columns.

    Args:
        objects: the objects of the store.
        listed: the names of the JSON files in ``results/``.

    Returns:
        Whether any table was out of date.
    """
    contents, origins = key_of("results", listed), Origins(objects)
    schemas = {table: _schema(table, contents, origins) for table in TABLES}
    files = {table: _open(objects, table) for table in TABLES}
    if all(_is_current(file, schemas[table]) for table, file in files.items()):
        return False
    index = Index(objects, listed)
    if index.changed:
        index.write()
    # Stored tables can be reused if they were built from the same results as the stored index.
    stored = _read_all(files, key_of("results", index.stored))
    trials = index.trials if stored is None else _affected_trials(stored["trials"], index.changed)
    built = _build_all(index, trials)
    for table in TABLES:
        rows = built[table] if stored is None else _replace_rows(stored[table], built[table], trials)
        if table == "trials":
            rows = _with_origins(rows, origins, index.without_setting)
        buffer = io.BytesIO()
        pq.write_table(rows.replace_schema_metadata(schemas[table].metadata), buffer, compression="zstd")
        objects.put(_path(table), buffer.getvalue())
    return True


def read(objects: Objects, table: str) -> pa.Table:
    """Return a stored table without refreshing it.

    ``NotStored`` is raised if the table does not exist.
    """
    return pq.ParquetFile(io.BytesIO(objects.get(_path(table)))).read()


def build(table: str, documents: Iterable[Mapping[str, Any]], objects: Objects) -> pa.Table:
    """Build a table in memory from some documents of a store.

    Args:
        table: one of ``TABLES``.
        documents: the documents that the table describes.
        objects: the objects of the store.
    """
    rows = _from_rows(rows_of(table, DocumentsByKind(documents)), arrow_schema(table))
    if table != "trials":
        return rows
    return _with_origins(rows, Origins(objects), rows.filter(rows["setting_key"].is_null())["trial_key"].to_pylist())


def _with_origins(trials: pa.Table, origins: Origins, without_setting: Collection[str]) -> pa.Table:
    """Return the table ``trials`` after adding the values that come from the records of the sweeps.

    These values are the names of the sweeps that requested each trial, and the setting (everything in a trial's key but
    the seed) of each trial that an older version stored without it.

    Args:
        trials: the table ``trials``.
        origins: the records of the sweeps.
        without_setting: the keys of the trials whose documents lack the trial's setting.
    """
    keys = pa.array(sorted(without_setting), pa.string())
    incomplete = trials.filter(pc.is_in(trials["trial_key"], value_set=keys)).to_pylist()
    settings = origins.settings_of(incomplete)
    empty = dict.fromkeys(SETTING_NAMES)
    filled = [{**row, **empty, **settings.get(row["trial_key"], {})} for row in incomplete]
    rows = _replace_rows(trials, pa.Table.from_pylist(filled, schema=arrow_schema("trials")), without_setting)
    index = rows.column_names.index(SWEEPS_COLUMN)
    sweeps = pa.array(origins.sweeps_of(rows["trial_key"].to_pylist()), pa.string())
    return rows.set_column(index, rows.schema.field(index), sweeps)


def _open(objects: Objects, table: str) -> pq.ParquetFile | None:
    try:
        return pq.ParquetFile(io.BytesIO(objects.get(_path(table))))
    except (NotStored, pa.ArrowException, OSError):  # missing or damaged
        return None


def _is_current(file: pq.ParquetFile | None, schema: pa.Schema) -> bool:
    """Return whether a table is stored with this schema, whose metadata record what the table was built from."""
    return file is not None and bool(file.schema_arrow.equals(schema, check_metadata=True))


def _is_built_from(file: pq.ParquetFile, table: str, contents: str) -> bool:
    """Return whether a stored table has this version's columns and was built from these results.

    The records of sweeps from which the table was built are not compared.

    Args:
        file: the stored table.
        table: the name of the table.
        contents: the hash of the names of the results.
    """
    stored = file.schema_arrow
    metadata = {name: value for name, value in (stored.metadata or {}).items() if name != _RUNS_KEY}
    return bool(stored.with_metadata(metadata).equals(_schema(table, contents), check_metadata=True))


def _read_all(files: Mapping[str, pq.ParquetFile | None], contents: str) -> dict[str, pa.Table] | None:
    """Return all stored tables by name, or None if one is damaged or was not built from the results ``contents``."""
    tables = {}
    for table, file in files.items():
        if file is None or not _is_built_from(file, table, contents):
            return None
        try:
            tables[table] = file.read()
        except (pa.ArrowException, OSError):  # damaged
            return None
    return tables


def _affected_trials(trials: pa.Table, changed: Collection[str]) -> frozenset[str]:
    """Return the keys of the trials whose rows may no longer be right.

    These are the trials with changed results, and the trials that are compared with a trial with changed results.

    Args:
        trials: the stored table ``trials``.
        changed: the keys of the trials with changed results.
    """
    keys = pa.array(sorted(changed), pa.string())
    dependents = [trials.filter(pc.is_in(trials[column], value_set=keys))["trial_key"] for column in _REFERENCE_COLUMNS]
    return frozenset(changed).union(*(column.to_pylist() for column in dependents))


def _build_all(index: Index, trials: Collection[str]) -> dict[str, pa.Table]:
    """Build the rows of these trials in every table, with the documents of one batch of trials at a time in memory."""
    parts_by_table = {table: [arrow_schema(table).empty_table()] for table in TABLES}
    for batch in _batches(sorted(trials)):
        own = index.documents(batch)
        documents = DocumentsByKind([*own, *index.documents(_reference_trials(own) - batch)])
        for table, parts in parts_by_table.items():
            key_column = TABLES[table][0].name
            rows = (row for row in rows_of(table, documents) if row[key_column] in batch)
            parts.append(_from_rows(rows, arrow_schema(table)))
    return {table: pa.concat_tables(parts) for table, parts in parts_by_table.items()}


def _from_rows(rows: Iterable[Row], schema: pa.Schema) -> pa.Table:
    """Return rows as a table, with ``_ROWS`` of them in memory at a time if they are computed one by one."""
    remaining, parts = iter(rows), [schema.empty_table()]
    while some := list(islice(remaining, _ROWS)):
        parts.append(pa.Table.from_pylist(some, schema=schema))
    return pa.concat_tables(parts)


def _batches(keys: Sequence[str]) -> Iterator[frozenset[str]]:
    return (frozenset(keys[start : start + _BATCH]) for start in range(0, len(keys), _BATCH))


def _reference_trials(documents: Iterable[JsonObject]) -> set[str]:
    """Return the keys of the trials that the trials of these documents are compared with."""
    return {
        document[field] for document in documents for field in _REFERENCE_COLUMNS if document.get(field) is not None
    }


def _replace_rows(table: pa.Table, replacements: pa.Table, trials: Collection[str]) -> pa.Table:
    """Return a table with the rows of some trials replaced, sorted by trial.

    Args:
        table: the table, whose first column is the trial key.
        replacements: the new rows.
        trials: the keys of the trials whose rows are removed from ``table``.
    """
    key_column = table.column_names[0]
    others = table.filter(pc.invert(pc.is_in(table[key_column], value_set=pa.array(sorted(trials), pa.string()))))
    rows = pa.concat_tables([others, replacements])
    return rows.take(pc.sort_indices(rows, [(key_column, "ascending")]))  # stable: a trial's rows stay in their order


def _schema(table: str, contents: str, origins: Origins | None = None) -> pa.Schema:
    """Return the schema of a table, whose metadata are hashes of what the table is built from.

    Args:
        table: one of ``TABLES``.
        contents: the hash of the names of the results.
        origins: the records of the sweeps, on which only the table ``trials`` depends; None leaves their hash out.
    """
    schema = arrow_schema(table)
    runs = {_RUNS_KEY: origins.digest} if origins is not None and table == "trials" else {}
    return schema.with_metadata({**(schema.metadata or {}), _RESULTS_KEY: contents, **runs})


def _path(table: str) -> str:
    return f"{table}/{table}.parquet"
