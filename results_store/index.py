"""All results in one object, so that a command reads one file and one listing instead of a request a result.

The index is a copy: what it lacks is read from ``results/`` and added, and it can be deleted at any time.
"""

import io
import json
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from results_store.documents import Plain, fault_of
from results_store.errors import StoreError
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
        """Reads the results that are ``listed`` and not known yet, and forgets those that are gone.

        Returns:
            Whether there were any.
        """
        known = self.documents
        names = [name for name in listed if name.endswith(".json")]
        self.documents = {name: known[name] if name in known else self._read_result(name) for name in names}
        return self.documents.keys() != known.keys()

    def _read_result(self, name: str) -> Plain:
        content = self._objects.get(f"{RESULTS}/{name}")
        where = self._objects.path(f"{RESULTS}/{name}")
        try:
            document: Plain = json.loads(content)
        except ValueError as error:
            raise StoreError(f"{where}: is not JSON: {error}") from None
        fault = fault_of(document)
        if fault is not None:
            raise StoreError(f"{where}: {fault}; delete it to go on")
        return document

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
        names, texts = table.column("name").to_pylist(), table.column("document").to_pylist()
        return {name: json.loads(text) for name, text in zip(names, texts, strict=True)}
    except (StoreError, pa.ArrowException, OSError, LookupError, ValueError):  # lost or damaged: it is made anew
        return {}
