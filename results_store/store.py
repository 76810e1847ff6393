"""The store: results, networks, scores and tables in a folder or a bucket.

Every object is written atomically. A key is a hash of everything that determines the content of the object, so writing
an object twice is harmless and workers need no lock. A network's weights are written first, then its ``network.json``,
then its result: if a result exists, so does everything that the result refers to.
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
from prunesweep.results_store.predictions import PREDICTION_ARRAYS, Predictions
from prunesweep.results_store.rows import DocumentsByKind
from prunesweep.results_store.schema import SCHEMA_VERSION

Arrays = Mapping[str, NDArray[Any]]
"""Arrays by name."""

WEIGHTS_FILE = "weights.safetensors"
NETWORK_FILE = "network.json"
_STORE_FILE = "store.json"
_HINT = "choose another one with --store, or create one with `prunesweep run`"
_ARRAYS_SUFFIX = ".safetensors"
_HEADER_ENTRY = "about"  # the entry with JSON in the metadata of a safetensors file


class Store:
    """A store in a local folder or at another URL that fsspec supports.

    Attributes:
        objects: the byte objects of the store.
    """

    def __init__(self, url: str) -> None:
        """Open a store without writing anything.

        A store that does not exist yet counts as empty.

        Args:
            url: a local folder or any fsspec URL.

        Raises:
            StoreError: the URL is invalid, or it is that of a file, or the store has a newer schema.
        """
        self.objects = Objects(url)
        if self.objects.is_local and Path(self.url).is_file():
            raise StoreError(f"{self.url}: a file, not a store; {_HINT}")
        self._check_schema()

    def __reduce__(self) -> tuple[type["Store"], tuple[str]]:
        """Pickle the URL alone."""
        return Store, (self.url,)

    @property
    def url(self) -> str:
        """Return the absolute path of the store's folder, or its URL."""
        return self.objects.url

    def check_exists(self) -> None:
        """Check that the store exists.

        Raises:
            StoreError: there is no store; the message says what the folder or URL contains instead.
        """
        if self.objects.has(_STORE_FILE) or self._result_files():  # workers store results without store.json
            return
        raise StoreError(f"{self.url}: {self._describe_content()}; {_HINT}")

    def _describe_content(self) -> str:
        """Return what the URL contains instead of a store, in words that continue an error message."""
        if self.objects.is_local and not Path(self.url).exists():
            return "no such folder"
        if not self.objects.names(""):
            return "an empty folder, not a store" if self.objects.is_local else "there is nothing at this URL"
        return f"not a store: it has other content, but no {_STORE_FILE}"

    def check_writable(self) -> None:
        """Check the permissions of a local store without writing anything; a store elsewhere is not checked.

        Raises:
            StoreError: the store's folder, or the nearest folder above it that exists, is not writable.
        """
        if not self.objects.is_local:
            return
        nearest = next(folder for folder in (Path(self.url), *Path(self.url).parents) if folder.exists())
        if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
            raise StoreError(f"{self.url}: cannot be written: {nearest} is not a folder that you may write to")

    def prepare(self) -> None:
        """Write ``store.json`` with the schema version, and so check that the store can be written.

        ``StoreError`` is raised if the store cannot be written or has a newer schema.
        """
        self._check_schema()
        self._put_json(_STORE_FILE, {"schema": SCHEMA_VERSION})

    def _check_schema(self) -> None:
        """Check that this version can read the store.

        Raises:
            StoreError: the store has a newer schema, or an invalid ``store.json``.
        """
        try:
            description = self._get_json(_STORE_FILE)
        except NotStored:
            return
        if not isinstance(description.get("schema"), int):
            raise StoreError(f"{self.objects.path(_STORE_FILE)}: does not contain the store's schema version")
        if description["schema"] > SCHEMA_VERSION:
            raise StoreError(
                f"{self.url}: the store has schema version {description['schema']}, but this prunesweep supports only "
                f"versions up to {SCHEMA_VERSION}; use a newer prunesweep or another store"
            )

    # results

    def has_result(self, key: str) -> bool:
        """Return whether the result with this key is stored."""
        return self.objects.has(f"{RESULTS}/{key}.json")

    def result_keys(self) -> frozenset[str]:
        """Return the keys of all results except failures; the folder of results is listed once."""
        names = (name.removesuffix(".json") for name in self._result_files())
        return frozenset(name for name in names if "." not in name)

    def result(self, key: str) -> JsonObject:
        """Return the result with this key.

        ``NotStored`` is raised if there is no such result.
        """
        return self._get_json(f"{RESULTS}/{key}.json")

    def save_result(
        self, result: NetworkResult | EvaluationResult | TransferResult | ElementsResult | VerdictResult
    ) -> None:
        """Store the result of a finished piece of work; everything that it refers to must be stored already."""
        self._put_json(f"{RESULTS}/{result['key']}.json", result)

    def save_failure(self, failure: FailureResult) -> None:
        """Store the failure of a trial under a new name, so that it replaces neither results nor other failures."""
        self._put_json(f"{RESULTS}/{failure['key']}.failure-{uuid.uuid4().hex[:16]}.json", failure)

    # networks

    def save_network(self, key: str, weights: Arrays, description: JsonObject) -> None:
        """Store a network.

        Args:
            key: the trial's key.
            weights: parameters and buffers by name.
            description: the content of ``network.json``, which includes ``architecture``.
        """
        self.objects.put(f"networks/{key}/{WEIGHTS_FILE}", _pack(weights))
        self._put_json(f"networks/{key}/{NETWORK_FILE}", description)

    def load_network(self, key: str) -> tuple[dict[str, NDArray[Any]], JsonObject]:
        """Return a network's parameters and buffers by name, and the content of its ``network.json``.

        ``NotStored`` is raised if there is no such network.
        """
        description = self.network_description(key)
        return self._load_arrays(f"networks/{key}/{WEIGHTS_FILE}")[0], description

    def network_description(self, key: str) -> JsonObject:
        """Return the content of a network's ``network.json``.

        ``NotStored`` is raised if there is no such network.

        Raises:
            StoreError: the file does not describe a network.
        """
        description = self._get_json(f"networks/{key}/{NETWORK_FILE}")
        if "architecture" not in description:
            raise StoreError(f"{self.objects.path(f'networks/{key}/{NETWORK_FILE}')}: does not describe a network")
        return description

    def network_keys(self) -> list[str]:
        """Return the sorted keys of all networks; the folder of networks is listed once."""
        return self.objects.folders("networks")

    def network_files(self, key: str) -> dict[str, bytes]:
        """Return the bytes of a stored network's files by file name.

        ``NotStored`` is raised if there is no such network.
        """
        return {name: self.objects.get(f"networks/{key}/{name}") for name in (WEIGHTS_FILE, NETWORK_FILE)}

    # scores, snapshots, checkpoints, outcomes

    def has_scores(self, key: str) -> bool:
        """Return whether the scores with this key are stored."""
        return self.objects.has(f"scores/{key}.safetensors")

    def score_keys(self) -> frozenset[str]:
        """Return the keys of all scores; the folder of scores is listed once."""
        return self._safetensors_keys("scores")

    def save_scores(self, key: str, scores: Arrays) -> None:
        """Store the scores (importances) of a network's filters or residual blocks, as arrays by name."""
        self.objects.put(f"scores/{key}.safetensors", _pack(scores))

    def load_scores(self, key: str) -> dict[str, NDArray[Any]]:
        """Return the scores that ``save_scores`` stored, as arrays by name.

        ``NotStored`` is raised if there are no such scores.
        """
        return self._load_arrays(f"scores/{key}.safetensors")[0]

    def has_snapshot(self, key: str) -> bool:
        """Return whether the snapshot with this key is stored."""
        return self.objects.has(f"snapshots/{key}.safetensors")

    def snapshot_keys(self) -> frozenset[str]:
        """Return the keys of all snapshots; the folder of snapshots is listed once."""
        return self._safetensors_keys("snapshots")

    def save_snapshot(self, key: str, weights: Arrays) -> None:
        """Store a baseline's parameters and buffers, by name, as they are after some epoch of its training."""
        self.objects.put(f"snapshots/{key}.safetensors", _pack(weights))

    def load_snapshot(self, key: str) -> dict[str, NDArray[Any]]:
        """Return the parameters and buffers that ``save_snapshot`` stored, by name.

        ``NotStored`` is raised if there is no such snapshot.
        """
        return self._load_arrays(f"snapshots/{key}.safetensors")[0]

    def save_checkpoint(self, key: str, state: Arrays, about: JsonObject) -> None:
        """Store the state of an unfinished training, replacing the network's previous checkpoint.

        Args:
            key: the key of the network in training.
            state: all arrays of the state.
            about: the rest of the state, as JSON, which is stored in the same object.
        """
        self.objects.put(f"checkpoints/{key}.safetensors", _pack(state, about))

    def load_checkpoint(self, key: str) -> tuple[dict[str, NDArray[Any]], JsonObject] | None:
        """Return the ``state`` and ``about`` of a network's checkpoint, or None if the network has no checkpoint."""
        try:
            return self._load_arrays(f"checkpoints/{key}.safetensors")
        except NotStored:
            return None

    def delete_checkpoint(self, key: str) -> None:
        """Delete a network's checkpoint if there is one; nothing needs it once the network's result is stored."""
        self.objects.delete(f"checkpoints/{key}.safetensors")

    def save_outcomes(
        self, key: str, outcomes: Mapping[str, NDArray[np.bool_]], predictions: Predictions | None = None
    ) -> None:
        """Store the outcomes of an evaluation at its headline severity: whether each image stayed correctly classified.

        Each image takes one bit per kind of the attack, and 4 or 6 bytes for its prediction.

        Args:
            key: the key of the evaluation.
            outcomes: bool (images,) by kind of the attack, or by ``KIND@SEVERITY`` if all severities enter robustness.
                True means that the network stayed correct.
            predictions: the predictions on the clean images, which are stored in the same object; None for an attack.
        """
        images = {kind: len(flags) for kind, flags in outcomes.items()}
        packed: dict[str, NDArray[Any]] = {kind: np.packbits(flags) for kind, flags in outcomes.items()}
        arrays = packed if predictions is None else {**packed, **predictions.packed()}
        self.objects.put(f"outcomes/{key}.safetensors", _pack(arrays, {"images": images}))

    def load_outcomes(self, key: str) -> dict[str, NDArray[np.bool_]]:
        """Return the outcomes that ``save_outcomes`` stored, bool (images,) each.

        ``NotStored`` is raised if there are no such outcomes.
        """
        packed, about = self._load_arrays(f"outcomes/{key}.safetensors")
        return {kind: np.unpackbits(packed[kind], count=n).astype(bool) for kind, n in about["images"].items()}

    def load_predictions(self, key: str) -> Predictions | None:
        """Return the predictions that ``save_outcomes`` stored, or None if it stored none, as older versions did.

        ``NotStored`` is raised if there are no outcomes with this key.
        """
        arrays, _ = self._load_arrays(f"outcomes/{key}.safetensors")
        if not arrays.keys() >= set(PREDICTION_ARRAYS):
            return None
        return Predictions(*(arrays[name] for name in PREDICTION_ARRAYS))

    # sweeps

    def save_sweep(self, name: str, yaml_text: str, run: JsonObject) -> None:
        """Store the record of a sweep's run, replacing the record of the sweep's previous run.

        Args:
            name: the name of the sweep.
            yaml_text: the text of the sweep file.
            run: the run's settings, its trials with the keys of their results, and where it ran.
        """
        self.objects.put(f"sweeps/{name}/sweep.yaml", yaml_text.encode())
        self._put_json(f"sweeps/{name}/run.json", run)

    def load_sweep_run(self, name: str) -> JsonObject:
        """Return the record of a sweep's last run, the ``run`` that ``save_sweep`` stored.

        ``NotStored`` is raised if the sweep has not run on the store.

        Raises:
            StoreError: the record is damaged.
        """
        run = self._get_json(f"sweeps/{name}/run.json")
        if not isinstance(run.get("result_keys"), dict):
            raise StoreError(f"{self.objects.path(f'sweeps/{name}/run.json')}: does not list the results of its trials")
        return run

    def load_sweep_text(self, name: str) -> str:
        """Return the text of a sweep's file as of its last run, the ``yaml_text`` that ``save_sweep`` stored.

        ``NotStored`` is raised if the sweep has not run on the store.
        """
        return self.objects.get(f"sweeps/{name}/sweep.yaml").decode()

    def sweep_names(self) -> list[str]:
        """Return the sorted names of the sweeps that have run on this store."""
        return self.objects.folders("sweeps")

    # tables

    def refresh_tables(self) -> bool:
        """Bring the stored tables up to date with the results.

        A store that does not exist yet is not created.

        Returns:
            Whether any table was out of date.
        """
        listed = self._result_files()
        if not listed and not self.objects.has(_STORE_FILE):
            return False
        return tables.refresh(self.objects, listed)

    def table(self, name: str) -> pd.DataFrame:
        """Return one of ``schema.TABLES``, up to date with the results.

        If the store cannot be written, the table is built in memory.
        """
        try:
            self.refresh_tables()
            table = tables.read(self.objects, name)
        except StoreError:
            index = self._index()
            table = tables.build(name, index.documents(index.trials), self.objects)
        frame: pd.DataFrame = table.to_pandas()
        return frame

    def table_of_sweep(self, name: str, sweep: str) -> pd.DataFrame:
        """Return a table as if the store contained only the results that the last run of one sweep requested.

        ``NotStored`` is raised if the sweep has not run on the store.

        Args:
            name: one of ``schema.TABLES``.
            sweep: the name of the sweep.
        """
        frame: pd.DataFrame = tables.build(name, self._documents_of_sweep(sweep), self.objects).to_pandas()
        return frame

    def _documents_of_sweep(self, sweep: str) -> list[JsonObject]:
        """Return the results that a sweep's last run requested, and the failures to produce such results."""
        run = self.load_sweep_run(sweep)
        own = {key for keys in run["result_keys"].values() for key in keys}
        documents = self._index().documents(run["result_keys"])
        return [document for document in documents if document.get("failed", document["key"]) in own]

    def evaluations(self, trial_keys: Collection[str], sweep: str | None = None) -> list[EvaluationResult]:
        """Return the evaluations of some trials, oldest first.

        The folder of results is listed once. ``load_outcomes`` with an evaluation's ``key`` returns the outcome of each
        image. ``NotStored`` is raised if ``sweep`` has not run on the store.

        Args:
            trial_keys: the trials; keys without evaluations are ignored.
            sweep: the name of a sweep, to return only the evaluations that its last run requested; None to return all.
        """
        documents = self._index().documents(trial_keys) if sweep is None else self._documents_of_sweep(sweep)
        evaluations = DocumentsByKind(documents).evaluations
        selected = (evaluation for key in evaluations.keys() & trial_keys for evaluation in evaluations[key])
        return sorted(selected, key=lambda evaluation: (evaluation["finished_at"], evaluation["key"]))

    def documents_of(self, trial_keys: Collection[str]) -> DocumentsByKind:
        """Return all documents of some trials by their kind; the folder of results is listed once."""
        return DocumentsByKind(self._index().documents(trial_keys))

    def table_of(self, name: str, documents: Mapping[str, JsonObject]) -> pd.DataFrame:
        """Return a table that describes only these documents.

        Args:
            name: one of ``schema.TABLES``.
            documents: the documents, by key.
        """
        frame: pd.DataFrame = tables.build(name, documents.values(), self.objects).to_pandas()
        return frame

    def _index(self) -> Index:
        return Index(self.objects, self._result_files())

    def _result_files(self) -> list[str]:
        """Return the file names of all results and failures; the folder of results is listed once."""
        return [name for name in self.objects.names(RESULTS) if name.endswith(".json")]

    # reading and writing

    def _safetensors_keys(self, folder: str) -> frozenset[str]:
        names = self.objects.names(folder)
        return frozenset(name.removesuffix(_ARRAYS_SUFFIX) for name in names if name.endswith(_ARRAYS_SUFFIX))

    def _put_json(self, name: str, content: Any) -> None:
        # Without an indent, because the C encoder does not support it and the Python one takes six times as long.
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
            return load_safetensors(content), _read_header(content)
        except (SafetensorError, ValueError) as error:
            raise StoreError(f"{self.objects.path(name)}: is not a safetensors file: {error}") from None


StoreLike = str | os.PathLike[str] | Store
"""An open store, or the folder or fsspec URL of one."""


def open_store(store: StoreLike) -> Store:
    """Open the store in a folder or at an fsspec URL, or return the given store if it is open already.

    ``StoreError`` is raised if the URL is invalid or the store has a newer schema.
    """
    return store if isinstance(store, Store) else Store(os.fspath(store))


def existing_store(store: StoreLike) -> Store:
    """Open a store in a folder or at an fsspec URL that must exist already.

    If it does not, ``StoreError`` is raised, whose message says what the folder or URL contains instead.
    """
    opened = open_store(store)
    opened.check_exists()
    return opened


def _pack(arrays: Arrays, about: JsonObject | None = None) -> bytes:
    """Return the bytes of a safetensors file with these arrays, and with ``about`` as JSON in the header."""
    header = {_HEADER_ENTRY: json.dumps(about)} if about is not None else None
    contiguous = {name: np.ascontiguousarray(array).reshape(array.shape) for name, array in arrays.items()}
    packed: bytes = save_safetensors(contiguous, metadata=header)
    return packed


def _read_header(content: bytes) -> JsonObject:
    """Return the ``about`` that ``_pack`` put into the header of a safetensors file, or an empty object.

    A safetensors file begins with the length of its header in eight bytes, followed by the header as JSON.
    """
    length = int.from_bytes(content[:8], "little")
    metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    about: JsonObject = json.loads(metadata.get(_HEADER_ENTRY, "{}"))
    return about
