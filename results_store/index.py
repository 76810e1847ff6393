"""The index: all results in one object, so that a command need not request each result separately.

The index is a copy and can be deleted at any time. Results that are missing from the index are read from ``results/``
and added to it.
"""

import io
import json
import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from prunesweep.results_store.documents import JsonObject, invalid_reason, trial_key_of
from prunesweep.results_store.errors import StoreError
from prunesweep.results_store.objects import Objects

RESULTS = "results"
INDEX = "index/results.parquet"
_RESULT_NAME = re.compile(r"[0-9a-f]{32}(\.failure-[0-9a-f]{16})?\.json")
_SCHEMA = pa.schema([("name", pa.string()), ("trial_key", pa.string()), ("document", pa.string())])


class _IndexEntry(NamedTuple):
    """One result: the key of the trial that the result belongs to, and the JSON text, which is parsed on request."""

    trial_key: str
    text: str


_FOREIGN = _IndexEntry("", "")  # marks a file that is not a result, so that it is read only once


class Index:
    """The documents of a store by trial.

    Attributes:
        stored: the file names in the stored index, sorted.
        changed: the keys of the trials with a result that is missing from the stored index, or that is in the index but
            was deleted from ``results/``.
    """

    def __init__(self, objects: Objects, listed: Sequence[str]) -> None:
        """Read the stored index, then read from ``results/`` those results that are missing from the index.

        ``StoreError`` is raised if a result is damaged or cannot be read.

        Args:
            objects: the objects of the store.
            listed: the names of the JSON files in ``results/``.
        """
        self._objects = objects
        stored = _read_index(objects)
        self._entries = {name: stored[name] if name in stored else _read_result(objects, name) for name in listed}
        self.stored = sorted(stored)
        self.changed = frozenset(
            (stored.get(name) or self._entries[name]).trial_key for name in stored.keys() ^ self._entries.keys()
        )
        self._texts: dict[str, list[str]] = defaultdict(list)
        for entry in self._entries.values():
            if entry != _FOREIGN:
                self._texts[entry.trial_key].append(entry.text)

    @property
    def trials(self) -> frozenset[str]:
        """Return the keys of the trials that have results."""
        return frozenset(self._texts)

    @property
    def without_setting(self) -> frozenset[str]:
        """Return the keys of the trials whose documents lack the trial's setting (all of its key but the seed).

        An older version of prunesweep wrote such documents.
        """
        described = ((entry.trial_key, entry.text) for entry in self._entries.values() if '"settings"' in entry.text)
        has_setting: dict[str, bool] = {}
        for key, text in described:
            has_setting[key] = has_setting.get(key, False) or '"setting_key"' in text
        return frozenset(key for key, found in has_setting.items() if not found)

    def documents(self, trial_keys: Collection[str]) -> list[JsonObject]:
        """Return all documents of these trials, sorted by trial key.

        Trials without documents are ignored.
        """
        return [json.loads(text) for key in sorted(set(trial_keys)) for text in self._texts.get(key, ())]

    def write(self) -> None:
        """Store the index.

        ``StoreError`` is raised if the store cannot be written.
        """
        rows = [(name, *entry) for name, entry in self._entries.items()]
        columns = [[row[index] for row in rows] for index in range(len(_SCHEMA))]
        buffer = io.BytesIO()
        pq.write_table(pa.table(columns, schema=_SCHEMA), buffer, compression="zstd")
        self._objects.put(INDEX, buffer.getvalue())


def _read_result(objects: Objects, name: str) -> _IndexEntry:
    """Return the result in a file of ``results/``, or ``_FOREIGN`` if neither its content nor its name is a result's.

    Raises:
        StoreError: a file with the name of a result is damaged.
    """
    text = objects.get(f"{RESULTS}/{name}").decode(errors="replace")
    try:
        document: JsonObject = json.loads(text)
        reason = invalid_reason(document)
    except ValueError as error:
        reason = f"is not JSON: {error}"
    if reason is None:
        return _IndexEntry(trial_key_of(document), text)
    if _RESULT_NAME.fullmatch(name):
        raise StoreError(f"{objects.path(f'{RESULTS}/{name}')}: {reason}; delete it to continue")
    return _FOREIGN


def _read_index(objects: Objects) -> dict[str, _IndexEntry]:
    """Return the entries of the stored index by file name; empty if the index is missing or cannot be read."""
    try:
        table = pq.ParquetFile(io.BytesIO(objects.get(INDEX))).read()
        names, *entries = (table.column(name).to_pylist() for name in _SCHEMA.names)
    except (StoreError, pa.ArrowException, OSError, LookupError):  # missing, damaged or of an older version
        return {}
    return dict(zip(names, map(_IndexEntry, *entries), strict=True))
