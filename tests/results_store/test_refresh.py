"""Refreshed tables equal rebuilt ones, and only rows that may have changed are built."""

import io
import json
import random
from collections.abc import Iterator
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from prunesweep.results_store import Store, tables
from prunesweep.results_store.documents import Document, VerdictResult, trial_key_of
from prunesweep.results_store.index import Index
from prunesweep.results_store.schema import TABLES
from tests.helpers.documents import baseline, control, evaluation, failure, network, transfer

TRIALS = ("a", "base", "control", "defended", "pruned", "z")


def network_of(key: str) -> Document:
    if key == "defended":
        return {**baseline("defended"), "plain_key": "base"}
    return {"base": baseline, "control": control}.get(key, network)(key)


def verdict(trial: str, name: str) -> VerdictResult:
    return {
        "kind": "verdict",
        "key": f"{trial}-{name}",
        "trial_key": trial,
        "baseline_key": "base",
        "control_key": "control",
        "verdict": name,
        "gain": 1.0,
        "lower": 0.5,
        "gain_over_control": None,
        "lower_over_control": None,
        "images": 100,
        "alarms": [],
        "evidence": {},
        "version": 1,
        "test_fingerprint": "images",
        "seconds": 1.0,
        "finished_at": 3.0 + len(name),
    }


def everything() -> list[Document]:
    """Documents of all kinds for every trial; the last of three evaluations has another headline."""
    documents: list[Document] = []
    for index, key in enumerate(TRIALS):
        correct = [60 + index, 30, 30 + index]
        documents += [
            network_of(key),
            evaluation(key, "clean", correct),
            evaluation(key, "fgsm", correct),
            evaluation(key, "fgsm", correct, key=f"{key}-later", headline="at 0.1", finished_at=9.0 + index),
            failure(key, failed=f"{key}-fgsm"),
            verdict(key, "holds"),
            verdict(key, "undecided"),
        ]
        documents += [transfer(key, other) for other in TRIALS]
    return documents


def save(store: Store, document: Document) -> None:
    if document["kind"] == "failure":
        store.save_failure(document)
    else:
        store.save_result(document)


def stored(store: Store) -> dict[str, pa.Table]:
    return {table: tables.read(store.objects, table) for table in TABLES}


def rebuilt(store: Store) -> dict[str, pa.Table]:
    """The tables of a new store with the same results, which has neither an index nor tables."""
    other = Store(f"memory://{uuid4().hex}")
    other.prepare()
    for name in store.objects.names("results"):
        other.objects.put(f"results/{name}", store.objects.get(f"results/{name}"))
    other.refresh_tables()
    return stored(other)


@pytest.fixture(params=[1, 2, 500])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty store whose tables are built from 1, 2 or 500 trials at a time."""
    monkeypatch.setattr(tables, "_BATCH", request.param)
    opened = Store(f"memory://{uuid4().hex}")
    opened.prepare()
    yield opened


@pytest.mark.parametrize("seed", range(5))
def test_refreshed_tables_equal_rebuilt_ones_in_whatever_order_results_are_added_and_deleted(
    store: Store, seed: int
) -> None:
    draw = random.Random(seed)
    documents = everything()
    draw.shuffle(documents)
    while documents:
        for document in documents[:9]:
            save(store, document)
        del documents[:9]
        for name in draw.sample(store.objects.names("results"), 2):
            store.objects.delete(f"results/{name}")
        assert store.refresh_tables()
        found, expected = stored(store), rebuilt(store)
        for table in TABLES:
            assert found[table].equals(expected[table], check_metadata=True), table


def mark(store: Store) -> None:
    """Mark every row of the stored table ``trials``, so that copied rows can be told from rebuilt ones."""
    table = stored(store)["trials"]
    column = table.column_names.index("device")
    marked = table.set_column(column, table.schema.field(column), pa.array(["marked"] * len(table)))
    buffer = io.BytesIO()
    pq.write_table(marked, buffer)
    store.objects.put("trials/trials.parquet", buffer.getvalue())


def marked_trials(store: Store) -> list[str]:
    table = stored(store)["trials"]
    return list(table.filter(pc.equal(table["device"], "marked"))["trial_key"].to_pylist())


NEW: dict[str, tuple[Document, list[str]]] = {
    "of one trial": (evaluation("z", "occlusion", [50, 25, 25]), ["a", "base", "control", "defended", "pruned"]),
    "of a new trial": (network("new"), list(TRIALS)),
    "of the control": (evaluation("control", "occlusion", [50, 25, 25]), ["base", "defended"]),
    "of the baseline": (evaluation("base", "occlusion", [50, 25, 25]), []),
}


@pytest.mark.parametrize(("new", "expected"), NEW.values(), ids=NEW)
def test_rows_without_relevant_new_results_are_copied(store: Store, new: Document, expected: list[str]) -> None:
    for document in everything():
        save(store, document)
    store.refresh_tables()
    mark(store)
    save(store, new)
    store.refresh_tables()
    assert marked_trials(store) == expected


def test_tables_built_from_other_results_than_the_index_are_rebuilt(store: Store) -> None:
    for key in TRIALS:
        save(store, network_of(key))
    store.refresh_tables()
    mark(store)
    index = store.objects.get("index/results.parquet")
    save(store, network("new"))
    store.refresh_tables()
    store.objects.put("index/results.parquet", index)  # as where two processes refresh at once
    save(store, network("newer"))
    store.refresh_tables()
    assert marked_trials(store) == []
    assert stored(store)["trials"]["trial_key"].to_pylist() == sorted([*TRIALS, "new", "newer"])


def test_an_index_of_an_older_version_is_rebuilt(store: Store) -> None:
    save(store, network())
    columns = {"name": ["pruned.json"], "document": [json.dumps(network(parameters=1))]}
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    store.objects.put("index/results.parquet", buffer.getvalue())
    assert store.table("trials")["parameters"].tolist() == [1000]
    names = pq.read_schema(io.BytesIO(store.objects.get("index/results.parquet"))).names
    assert names == ["name", "trial_key", "document"]


def test_the_index_returns_only_the_documents_of_the_given_trials(store: Store) -> None:
    for document in everything():
        save(store, document)
    documents = Index(store.objects, store.objects.names("results")).documents(["z", "a", "unknown"])
    assert {trial_key_of(document) for document in documents} == {"a", "z"}
    assert len(documents) == 2 * len(everything()) / len(TRIALS)


def test_only_the_evaluations_of_the_given_trials_are_returned(store: Store) -> None:
    for document in everything():
        save(store, document)
    found = store.evaluations(["z", "a", "unknown"])
    assert [evaluation["key"] for evaluation in found] == [
        "a-clean",
        "a-fgsm",
        "z-clean",
        "z-fgsm",
        "a-later",
        "z-later",
    ]
