"""All results in one object, so that a command reads one file and one listing instead of a request a result.

The index is a copy: what it lacks is read from ``results/`` and added, and it can be deleted at any time.
"""

import io
import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from results_store.documents import Plain
from results_store.errors import NotStored
from results_store.objects import Objects

RESULTS = "results"
INDEX = "index/results.parquet"
_SCHEMA = pa.schema([("name", pa.string()), ("document", pa.string())])


class Index:
    """The documents of a store, by the names of their objects."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.documents: dict[str, Plain] = _read(objects)

    def catch_up(self, listed: Sequence[str]) -> bool:
        """Reads the results that are ``listed`` and not known yet. Returns whether there were any."""
        missing = [name for name in listed if name.endswith(".json") and name not in self.documents]
        for name in missing:
            self.documents[name] = json.loads(self._objects.get(f"{RESULTS}/{name}"))
        return bool(missing)

    def write(self) -> None:
        """Stores the index."""
        names = sorted(self.documents)
        texts = [json.dumps(self.documents[name], sort_keys=True) for name in names]
        buffer = io.BytesIO()
        pq.write_table(pa.table({"name": names, "document": texts}, schema=_SCHEMA), buffer, compression="zstd")
        self._objects.put(INDEX, buffer.getvalue())


def _read(objects: Objects) -> dict[str, Plain]:
    try:
        table = pq.read_table(io.BytesIO(objects.get(INDEX)))
    except (NotStored, pa.ArrowInvalid):
        return {}
    names, texts = table.column("name").to_pylist(), table.column("document").to_pylist()
    return {name: json.loads(text) for name, text in zip(names, texts, strict=True)}
