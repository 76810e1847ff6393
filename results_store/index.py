"""All results in one object, so that a command reads one file and one listing instead of a request a result.

The index is a copy: what it lacks is read from ``results/`` and added, and it can be deleted at any time.
"""

import io
import json
import re
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from prunesweep.results_store.documents import JsonObject, fault_of, trial_of
from prunesweep.results_store.errors import StoreError
from prunesweep.results_store.objects import Objects

RESULTS = "results"
INDEX = "index/results.parquet"
_RESULT = re.compile(r"[0-9a-f]{32}(\.failure-[0-9a-f]{16})?\.json")
_SCHEMA = pa.schema([("name", pa.string()), ("trial_key", pa.string()), ("document", pa.string())])


class _IndexEntry(NamedTuple):
    """A result: the trial that it tells of, and its JSON, which is parsed when it is asked for."""

    trial_key: str
    text: str


_FOREIGN = _IndexEntry("", "")  # of a file that is no result: noted, so that it is not looked at again


class Index:
    """The documents of a store, by the trials that they tell of.

    Attributes:
        stored: the names of the results that the stored index has.
        changed: the trials that results tell of which are new to it, or gone since.
    """

    def __init__(self, objects: Objects, listed: Sequence[str]) -> None:
        """Reads the index, and of the results that are ``listed`` those that it lacks. Raises: StoreError."""
        self._objects = objects
        stored = _read(objects)
        self._entries = {name: stored[name] if name in stored else _read_result(objects, name) for name in listed}
        self.stored = sorted(stored)
        self.changed = frozenset(
            (stored.get(name) or self._entries[name]).trial_key for name in stored.keys() ^ self._entries.keys()
        )
        self._of_trial: dict[str, list[str]] = defaultdict(list)
        for entry in self._entries.values():
            if entry == _FOREIGN:
                continue
            self._of_trial[entry.trial_key].append(entry.text)

    @property
    def trials(self) -> frozenset[str]:
        """The keys of the trials that any result tells of."""
        return frozenset(self._of_trial)

    @property
    def without_setting(self) -> frozenset[str]:
        """The keys of the trials that older versions stored, whose documents do not hold their setting."""
        described = ((entry.trial_key, entry.text) for entry in self._entries.values() if '"settings"' in entry.text)
        holds: dict[str, bool] = {}
        for key, text in described:
            holds[key] = holds.get(key, False) or '"setting_key"' in text
        return frozenset(key for key, held in holds.items() if not held)

    def documents(self, trial_keys: Collection[str]) -> list[JsonObject]:
        """All that is known of these trials."""
        return [json.loads(text) for key in sorted(set(trial_keys)) for text in self._of_trial.get(key, ())]

    def write(self) -> None:
        """Stores the index."""
        rows = [(name, *entry) for name, entry in self._entries.items()]
        columns = [[row[place] for row in rows] for place in range(len(_SCHEMA))]
        buffer = io.BytesIO()
        pq.write_table(pa.table(columns, schema=_SCHEMA), buffer, compression="zstd")
        self._objects.put(INDEX, buffer.getvalue())


def _read_result(objects: Objects, name: str) -> _IndexEntry:
    """A result, or ``_FOREIGN`` of a file that is not called like one. Raises: StoreError where one is damaged."""
    text = objects.get(f"{RESULTS}/{name}").decode(errors="replace")
    try:
        document: JsonObject = json.loads(text)
        fault = fault_of(document)
    except ValueError as error:
        fault = f"is not JSON: {error}"
    if fault is None:
        return _IndexEntry(trial_of(document), text)
    if _RESULT.fullmatch(name):
        raise StoreError(f"{objects.path(f'{RESULTS}/{name}')}: {fault}; delete it to go on")
    return _FOREIGN


def _read(objects: Objects) -> dict[str, _IndexEntry]:
    try:
        table = pq.ParquetFile(io.BytesIO(objects.get(INDEX))).read()
        names, *entries = (table.column(name).to_pylist() for name in _SCHEMA.names)
    except (StoreError, pa.ArrowException, OSError, LookupError):  # lost, damaged or of an older version: made anew
        return {}
    return dict(zip(names, map(_IndexEntry, *entries), strict=True))
