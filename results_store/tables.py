"""The tables as Parquet objects: each is one object, replaced whole, and its metadata say what results it was made of.

Where a table is there already, the rows of trials that nothing new tells of are taken over from it.
"""

import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prunesweep.results_store.documents import JsonObject
from prunesweep.results_store.errors import NotStored
from prunesweep.results_store.index import Index
from prunesweep.results_store.objects import Objects
from prunesweep.results_store.origins import Origins
from prunesweep.results_store.rows import SortedDocuments, rows_of
from prunesweep.results_store.schema import SWEEPS, TABLES, arrow_schema
from prunesweep.sweeps.keys import key_of
from prunesweep.sweeps.setting import NAMES

_BATCH = 500  # trials whose documents are in memory at once
_CONTENTS, _RUNS = b"results", b"runs"  # in a table's metadata
# The columns of ``trials``, and the fields of its documents, that name what a trial is compared with.
_COMPARED = ("baseline_key", "control_key", "plain_key")


def refresh(objects: Objects, listed: Sequence[str]) -> bool:
    """Makes the tables anew if there are results among the ``listed`` or columns that they lack, or some gone.

    Returns:
        Whether that was so.
    """
    contents, origins = key_of("results", listed), Origins(objects)
    schemas = {table: _schema(table, contents, origins) for table in TABLES}
    stored = {table: _open(objects, table) for table in TABLES}
    if all(_has(file, schemas[table]) for table, file in stored.items()):
        return False
    index = Index(objects, listed)
    if index.changed:
        index.write()
    kept = _read(stored, key_of("results", index.stored))
    trials = index.trials if kept is None else _concerned(kept["trials"], index.changed)
    made = _make(index, trials)
    for table in TABLES:
        rows = made[table] if kept is None else _merged(kept[table], made[table], trials)
        if table == "trials":
            rows = _with_origins(rows, origins, index.without_setting)
        buffer = io.BytesIO()
        pq.write_table(rows.replace_schema_metadata(schemas[table].metadata), buffer, compression="zstd")
        objects.put(_object(table), buffer.getvalue())
    return True


def read(objects: Objects, table: str) -> pa.Table:
    """A table as it was last made. Raises: NotStored."""
    return pq.ParquetFile(io.BytesIO(objects.get(_object(table)))).read()


def make(table: str, documents: Iterable[Mapping[str, Any]], objects: Objects) -> pa.Table:
    """A table of some documents of a store."""
    rows = pa.Table.from_pylist(rows_of(table, SortedDocuments(documents)), schema=arrow_schema(table))
    if table != "trials":
        return rows
    return _with_origins(rows, Origins(objects), rows.filter(rows["setting_key"].is_null())["trial_key"].to_pylist())


def _with_origins(trials: pa.Table, origins: Origins, without_setting: Collection[str]) -> pa.Table:
    """The rows of ``trials`` with the sweeps that asked for them, and the settings of those that lack them.

    Args:
        without_setting: the trials whose documents do not hold their setting.
    """
    keys = pa.array(sorted(without_setting), pa.string())
    lacking = trials.filter(pc.is_in(trials["trial_key"], value_set=keys)).to_pylist()
    settings = origins.settings_of(lacking)
    empty = dict.fromkeys(NAMES)
    filled = [{**row, **empty, **settings.get(row["trial_key"], {})} for row in lacking]
    rows = _merged(trials, pa.Table.from_pylist(filled, schema=arrow_schema("trials")), without_setting)
    place = rows.column_names.index(SWEEPS)
    asked = pa.array(origins.sweeps_of(rows["trial_key"].to_pylist()), pa.string())
    return rows.set_column(place, rows.schema.field(place), asked)


def _open(objects: Objects, table: str) -> pq.ParquetFile | None:
    try:
        return pq.ParquetFile(io.BytesIO(objects.get(_object(table))))
    except (NotStored, pa.ArrowException, OSError):  # lost or damaged
        return None


def _has(file: pq.ParquetFile | None, schema: pa.Schema) -> bool:
    """Whether a table is there with these columns and these metadata, which say what it was made of."""
    return file is not None and bool(file.schema_arrow.equals(schema, check_metadata=True))


def _is_made_of(file: pq.ParquetFile, table: str, contents: str) -> bool:
    """Whether a table has today's columns and was made of these results, whatever sweeps have run since."""
    stored = file.schema_arrow
    noted = {name: value for name, value in (stored.metadata or {}).items() if name != _RUNS}
    return bool(stored.with_metadata(noted).equals(_schema(table, contents), check_metadata=True))


def _read(stored: Mapping[str, pq.ParquetFile | None], contents: str) -> dict[str, pa.Table] | None:
    """The stored tables, or None where one of them is not made of these results."""
    found = {}
    for table, file in stored.items():
        if file is None or not _is_made_of(file, table, contents):
            return None
        try:
            found[table] = file.read()
        except (pa.ArrowException, OSError):  # damaged
            return None
    return found


def _concerned(trials: pa.Table, changed: Collection[str]) -> frozenset[str]:
    """The trials whose rows may change with what is known of some: these, and all that are compared with them."""
    keys = pa.array(sorted(changed), pa.string())
    compared = [trials.filter(pc.is_in(trials[column], value_set=keys))["trial_key"] for column in _COMPARED]
    return frozenset(changed).union(*(column.to_pylist() for column in compared))


def _make(index: Index, trials: Collection[str]) -> dict[str, pa.Table]:
    """The rows of these trials in every table, a batch of trials at a time."""
    made = {table: [arrow_schema(table).empty_table()] for table in TABLES}
    for batch in _batches(sorted(trials)):
        documents = index.documents(batch)
        known = SortedDocuments([*documents, *index.documents(_compared(documents) - batch)])
        for table, parts in made.items():
            subject = TABLES[table][0].name
            rows = [row for row in rows_of(table, known) if row[subject] in batch]
            parts.append(pa.Table.from_pylist(rows, schema=arrow_schema(table)))
    return {table: pa.concat_tables(parts) for table, parts in made.items()}


def _batches(keys: Sequence[str]) -> Iterator[frozenset[str]]:
    return (frozenset(keys[start : start + _BATCH]) for start in range(0, len(keys), _BATCH))


def _compared(documents: Iterable[JsonObject]) -> set[str]:
    """The trials that those of the documents are compared with."""
    return {document[field] for document in documents for field in _COMPARED if document.get(field) is not None}


def _merged(kept: pa.Table, made: pa.Table, trials: Collection[str]) -> pa.Table:
    """The rows made of these trials in place of those that were kept of them."""
    subject = kept.column_names[0]
    others = kept.filter(pc.invert(pc.is_in(kept[subject], value_set=pa.array(sorted(trials), pa.string()))))
    rows = pa.concat_tables([others, made])
    return rows.take(pc.sort_indices(rows, [(subject, "ascending")]))  # stable: a trial's rows stay in their order


def _schema(table: str, contents: str, origins: Origins | None = None) -> pa.Schema:
    """The columns of a table, with what it is made of: results, and for ``trials`` the runs of sweeps."""
    schema = arrow_schema(table)
    runs = {_RUNS: origins.digest} if origins is not None and table == "trials" else {}
    return schema.with_metadata({**(schema.metadata or {}), _CONTENTS: contents, **runs})


def _object(table: str) -> str:
    return f"{table}/{table}.parquet"
