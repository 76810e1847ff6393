"""The store: results, networks, scores and tables in a folder or a bucket.

Every object is written in one step under a key made of what it holds, so writing it twice is harmless and two
workers can share it without a lock. Weights come first, ``network.json`` next and the result last: where there is a
result, all that it speaks of is there.
"""

import json
import os
import uuid
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from prunesweep.results_store import tables
from prunesweep.results_store.documents import (
    ElementsResult,
    EvaluationResult,
    FailureResult,
    JsonObject,
    NetworkResult,
    TransferResult,
    VerdictResult,
)
from prunesweep.results_store.errors import NotStored, StoreError
from prunesweep.results_store.index import RESULTS, Index
from prunesweep.results_store.objects import Objects
from prunesweep.results_store.rows import SortedDocuments
from prunesweep.results_store.schema import SCHEMA_VERSION

Arrays = Mapping[str, NDArray[Any]]

WEIGHTS = "weights.safetensors"
NETWORK = "network.json"
_ABOUT = "store.json"
_START = "`prunesweep run`"
_ARRAYS = ".safetensors"
_HEADER = "about"  # the one entry of a safetensors header that is ours: JSON


class Store:
    """A store at a URL: a local folder, or what else fsspec knows."""

    def __init__(self, url: str) -> None:
        """Opens a store without writing anything; one that is not there yet is empty.

        Raises:
            StoreError: the URL is none, or the store is of a newer schema.
        """
        self.objects = Objects(url)
        if self.objects.is_local and Path(self.url).is_file():
            raise StoreError(f"{self.url}: a file, and no store; name another with --store, or start one with {_START}")
        self._check_schema()

    def __reduce__(self) -> tuple[type["Store"], tuple[str]]:
        return Store, (self.url,)

    @property
    def url(self) -> str:
        return self.objects.url

    def check_exists(self) -> None:
        """Check that a store is there. Raises: StoreError, with what is there instead."""
        if self.objects.has(_ABOUT) or self._listed():  # workers alone leave results, and no account of the store
            return
        raise StoreError(f"{self.url}: {self._what_is_there()}; name another with --store, or start one with {_START}")

    def _what_is_there(self) -> str:
        if self.objects.is_local and not Path(self.url).exists():
            return "no such folder"
        if not self.objects.names(""):
            return "an empty folder, and no store" if self.objects.is_local else "nothing is there"
        return f"no store: it holds other things, and no {_ABOUT}"

    def check_writable(self) -> None:
        """Writes nothing. Raises: StoreError where a local store clearly cannot be written."""
        if not self.objects.is_local:
            return
        nearest = next(folder for folder in (Path(self.url), *Path(self.url).parents) if folder.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            raise StoreError(f"{self.url}: cannot be written: {nearest} is no folder that you may write to")

    def prepare(self) -> None:
        """Makes sure that the store can be written, and states its schema. Raises: StoreError."""
        self._check_schema()
        self._put_json(_ABOUT, {"schema": SCHEMA_VERSION})

    def _check_schema(self) -> None:
        try:
            about = self._get_json(_ABOUT)
        except NotStored:
            return
        if not isinstance(about.get("schema"), int):
            raise StoreError(f"{self.objects.path(_ABOUT)}: does not say the store's schema")
        if about["schema"] > SCHEMA_VERSION:
            raise StoreError(
                f"{self.url}: the store has schema {about['schema']} and this prunesweep knows {SCHEMA_VERSION}; "
                "use a newer prunesweep or another store"
            )

    # results

    def has_result(self, key: str) -> bool:
        return self.objects.has(f"{RESULTS}/{key}.json")

    def result_keys(self) -> frozenset[str]:
        """The keys of all results; one listing."""
        names = (name.removesuffix(".json") for name in self._listed())
        return frozenset(name for name in names if "." not in name)

    def result(self, key: str) -> JsonObject:
        """A result. Raises: NotStored."""
        return self._get_json(f"{RESULTS}/{key}.json")

    def save_result(
        self, result: NetworkResult | EvaluationResult | TransferResult | ElementsResult | VerdictResult
    ) -> None:
        """Commits a finished piece of work: what it speaks of has to be stored already."""
        self._put_json(f"{RESULTS}/{result['key']}.json", result)

    def save_failure(self, failure: FailureResult) -> None:
        """Notes that a trial failed, beside whatever is known of it: a failure replaces nothing."""
        self._put_json(f"{RESULTS}/{failure['key']}.failure-{uuid.uuid4().hex[:16]}.json", failure)

    # networks

    def save_network(self, key: str, weights: Arrays, description: JsonObject) -> None:
        """Stores a network's parameters and buffers, then its ``network.json``."""
        self.objects.put(f"networks/{key}/{WEIGHTS}", _pack(weights))
        self._put_json(f"networks/{key}/{NETWORK}", description)

    def load_network(self, key: str) -> tuple[dict[str, NDArray[Any]], JsonObject]:
        """A network's parameters and its ``network.json``. Raises: NotStored."""
        description = self._get_json(f"networks/{key}/{NETWORK}")
        if "architecture" not in description:
            raise StoreError(f"{self.objects.path(f'networks/{key}/{NETWORK}')}: describes no network")
        return self._load_arrays(f"networks/{key}/{WEIGHTS}")[0], description

    def network_keys(self) -> list[str]:
        """The keys of all networks; one listing."""
        return self.objects.folders("networks")

    def network_files(self, key: str) -> dict[str, bytes]:
        """The files of a stored network, as they are. Raises: NotStored."""
        return {name: self.objects.get(f"networks/{key}/{name}") for name in (WEIGHTS, NETWORK)}

    # scores, snapshots, checkpoints, outcomes

    def has_scores(self, key: str) -> bool:
        return self.objects.has(f"scores/{key}.safetensors")

    def score_keys(self) -> frozenset[str]:
        """The keys of all scores; one listing."""
        return self._safetensors_keys("scores")

    def save_scores(self, key: str, scores: Arrays) -> None:
        self.objects.put(f"scores/{key}.safetensors", _pack(scores))

    def load_scores(self, key: str) -> dict[str, NDArray[Any]]:
        """Raises: NotStored."""
        return self._load_arrays(f"scores/{key}.safetensors")[0]

    def has_snapshot(self, key: str) -> bool:
        return self.objects.has(f"snapshots/{key}.safetensors")

    def snapshot_keys(self) -> frozenset[str]:
        """The keys of all snapshots; one listing."""
        return self._safetensors_keys("snapshots")

    def save_snapshot(self, key: str, weights: Arrays) -> None:
        self.objects.put(f"snapshots/{key}.safetensors", _pack(weights))

    def load_snapshot(self, key: str) -> dict[str, NDArray[Any]]:
        """Raises: NotStored."""
        return self._load_arrays(f"snapshots/{key}.safetensors")[0]

    def save_checkpoint(self, key: str, state: Arrays, about: JsonObject) -> None:
        """Replaces the checkpoint of the network ``key``: arrays and JSON in one object."""
        self.objects.put(f"checkpoints/{key}.safetensors", _pack(state, about))

    def load_checkpoint(self, key: str) -> tuple[dict[str, NDArray[Any]], JsonObject] | None:
        """The checkpoint of the network ``key``, or None."""
        try:
            return self._load_arrays(f"checkpoints/{key}.safetensors")
        except NotStored:
            return None

    def delete_checkpoint(self, key: str) -> None:
        """For when the network's result is stored."""
        self.objects.delete(f"checkpoints/{key}.safetensors")

    def save_outcomes(self, key: str, outcomes: Mapping[str, NDArray[np.bool_]]) -> None:
        """Per-image outcomes of an evaluation at its headline severity: (images,) of bool a kind, kept as bits."""
        images = {kind: len(bits) for kind, bits in outcomes.items()}
        packed = {kind: np.packbits(bits) for kind, bits in outcomes.items()}
        self.objects.put(f"outcomes/{key}.safetensors", _pack(packed, {"images": images}))

    def load_outcomes(self, key: str) -> dict[str, NDArray[np.bool_]]:
        """What ``save_outcomes`` was given. Raises: NotStored."""
        packed, about = self._load_arrays(f"outcomes/{key}.safetensors")
        return {kind: np.unpackbits(packed[kind], count=n).astype(bool) for kind, n in about["images"].items()}

    # sweeps

    def save_sweep(self, name: str, yaml_text: str, run: JsonObject) -> None:
        """Notes the YAML as run, its trials and where it ran."""
        self.objects.put(f"sweeps/{name}/sweep.yaml", yaml_text.encode())
        self._put_json(f"sweeps/{name}/run.json", run)

    def load_sweep_run(self, name: str) -> JsonObject:
        """What ``save_sweep`` noted. Raises: NotStored."""
        run = self._get_json(f"sweeps/{name}/run.json")
        if not isinstance(run.get("result_keys"), dict):
            raise StoreError(f"{self.objects.path(f'sweeps/{name}/run.json')}: names no results of its trials")
        return run

    def sweep_names(self) -> list[str]:
        """The sweeps that ran on this store."""
        return self.objects.folders("sweeps")

    # tables

    def refresh_tables(self) -> bool:
        """Makes the tables anew if there are results or columns that they lack. Returns whether that was so.

        Where there is no store yet, none is made.
        """
        listed = self._listed()
        if not listed and not self.objects.has(_ABOUT):
            return False
        return tables.refresh(self.objects, listed)

    def table(self, name: str) -> pd.DataFrame:
        """One of ``schema.TABLES``, refreshed where results are missing from it.

        A store that cannot be written is read all the same.
        """
        try:
            self.refresh_tables()
            table = tables.read(self.objects, name)
        except StoreError:
            index = self._index()
            table = tables.make(name, index.documents(index.trials), self.objects)
        frame: pd.DataFrame = table.to_pandas()
        return frame

    def table_of_sweep(self, name: str, sweep: str) -> pd.DataFrame:
        """A table as if the store held the results of one sweep alone: its own attacks on its own images.

        Raises:
            NotStored: no sweep of that name has run on the store.
        """
        frame: pd.DataFrame = tables.make(name, self._documents_of_sweep(sweep), self.objects).to_pandas()
        return frame

    def _documents_of_sweep(self, sweep: str) -> list[JsonObject]:
        run = self.load_sweep_run(sweep)
        own = {key for keys in run["result_keys"].values() for key in keys}
        documents = self._index().documents(run["result_keys"])
        return [document for document in documents if document.get("failed", document["key"]) in own]

    def evaluations(self, trial_keys: Collection[str], sweep: str | None = None) -> list[EvaluationResult]:
        """The evaluations of these trials, oldest first; one listing, no request an evaluation.

        ``load_outcomes`` of an evaluation's ``key`` gives what became of every image.

        Args:
            sweep: only those that this sweep asked for, as in ``table_of_sweep``.

        Raises:
            NotStored: no sweep of that name has run on the store.
        """
        documents = self._index().documents(trial_keys) if sweep is None else self._documents_of_sweep(sweep)
        evaluations = SortedDocuments(documents).evaluations
        found = (evaluation for key in evaluations.keys() & trial_keys for evaluation in evaluations[key])
        return sorted(found, key=lambda evaluation: (evaluation["finished_at"], evaluation["key"]))

    def table_of(self, name: str, documents: Mapping[str, JsonObject]) -> pd.DataFrame:
        """A table of some documents."""
        frame: pd.DataFrame = tables.make(name, documents.values(), self.objects).to_pandas()
        return frame

    def _index(self) -> Index:
        return Index(self.objects, self._listed())

    def _listed(self) -> list[str]:
        """The names of all results and failures; one listing."""
        return [name for name in self.objects.names(RESULTS) if name.endswith(".json")]

    # shared steps

    def _safetensors_keys(self, folder: str) -> frozenset[str]:
        names = self.objects.names(folder)
        return frozenset(name.removesuffix(_ARRAYS) for name in names if name.endswith(_ARRAYS))

    def _put_json(self, name: str, content: Any) -> None:
        # Without an indent, which would take six times as long: the C encoder knows none.
        self.objects.put(name, json.dumps(content, allow_nan=False).encode())

    def _get_json(self, name: str) -> JsonObject:
        try:
            content = json.loads(self.objects.get(name))
        except ValueError as error:
            raise StoreError(f"{self.objects.path(name)}: is not JSON: {error}") from None
        if not isinstance(content, dict):
            raise StoreError(f"{self.objects.path(name)}: is not a JSON object")
        return content

    def _load_arrays(self, name: str) -> tuple[dict[str, NDArray[Any]], JsonObject]:
        content = self.objects.get(name)
        try:
            return load_safetensors(content), _header_of(content)
        except (SafetensorError, ValueError) as error:
            raise StoreError(f"{self.objects.path(name)}: is no safetensors file: {error}") from None


StoreLike = str | os.PathLike[str] | Store
"""A store, or where one lies: a folder or an fsspec URL."""


def open_store(store: StoreLike) -> Store:
    """Return an open store as it is, and the store at a folder or an fsspec URL.

    Raises:
        StoreError: the URL is none, or the store is of a newer schema.
    """
    return store if isinstance(store, Store) else Store(os.fspath(store))


def existing_store(store: StoreLike) -> Store:
    """Return the store at a folder or an fsspec URL, for what asks it and makes none.

    Raises:
        StoreError: there is none; one line says what is there instead.
    """
    opened = open_store(store)
    opened.check_exists()
    return opened


def _pack(arrays: Arrays, about: JsonObject | None = None) -> bytes:
    header = {_HEADER: json.dumps(about)} if about is not None else None
    contiguous = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()}
    packed: bytes = save_safetensors(contiguous, metadata=header)
    return packed


def _header_of(content: bytes) -> JsonObject:
    """Our JSON in the header: eight bytes of length, then the header as JSON (the safetensors format)."""
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    about: JsonObject = json.loads(metadata.get(_HEADER, "{}"))
    return about
