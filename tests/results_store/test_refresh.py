"""Tables that are brought up to date are those that would be made anew, and only what is new is made."""

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
from prunesweep.results_store.documents import Document, VerdictResult, trial_of
from prunesweep.results_store.index import Index
from prunesweep.results_store.schema import TABLES
from tests.helpers.documents import baseline, control, evaluation, failure, network, transfer

TRIALS = ("a", "base", "control", "defended", "pruned", "z")


def network_of(key: str) -> Document:
    if key == "defended":
        return {**baseline("defended"), "plain_key": "base"}
    return {"base": baseline, "control": control}.get(key, network)(key)


def verdict(trial: str, said: str) -> VerdictResult:
    return {
        "kind": "verdict",
        "key": f"{trial}-{said}",
        "trial_key": trial,
        "baseline_key": "base",
        "control_key": "control",
        "verdict": said,
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
        "finished_at": 3.0 + len(said),
    }


def everything() -> list[Document]:
    """Of every trial its network, three evaluations (the last by another definition), and one of all else."""
    found: list[Document] = []
    for place, key in enumerate(TRIALS):
        right = [60 + place, 30, 30 + place]
        found += [
            network_of(key),
            evaluation(key, "clean", right),
            evaluation(key, "fgsm", right),
            evaluation(key, "fgsm", right, key=f"{key}-later", headline="at 0.1", finished_at=9.0 + place),
            failure(key, failed=f"{key}-fgsm"),
            verdict(key, "holds"),
            verdict(key, "undecided"),
        ]
        found += [transfer(key, other) for other in TRIALS]
    return found


def save(store: Store, document: Document) -> None:
    if document["kind"] == "failure":
        store.save_failure(document)
    else:
        store.save_result(document)


def stored(store: Store) -> dict[str, pa.Table]:
    return {table: tables.read(store.objects, table) for table in TABLES}


def made_anew(store: Store) -> dict[str, pa.Table]:
    """The tables of a store of the same results, without an index and without tables."""
    other = Store(f"memory://{uuid4().hex}")
    other.prepare()
    for name in store.objects.names("results"):
        other.objects.put(f"results/{name}", store.objects.get(f"results/{name}"))
    other.refresh_tables()
    return stored(other)


@pytest.fixture(params=[1, 2, 500])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """An empty store whose tables are made of as many trials at a time."""
    monkeypatch.setattr(tables, "_BATCH", request.param)
    opened = Store(f"memory://{uuid4().hex}")
    opened.prepare()
    yield opened


@pytest.mark.parametrize("seed", range(5))
def test_tables_brought_up_to_date_are_those_made_anew_in_whatever_order_results_come_and_go(
    store: Store, seed: int
) -> None:
    draw = random.Random(seed)
    documents = everything()
    draw.shuffle(documents)
    while documents:
        for document in documents[:9]:
            save(store, document)
        del documents[:9]
        gone = draw.sample(store.objects.names("results"), 2)
        for name in gone:
            store.objects.delete(f"results/{name}")
        assert store.refresh_tables()
        found, expected = stored(store), made_anew(store)
        for table in TABLES:
            assert found[table].equals(expected[table], check_metadata=True), table


def mark(store: Store) -> None:
    """Makes every row of the stored ``trials`` tell that it was kept."""
    table = stored(store)["trials"]
    column = table.column_names.index("device")
    marked = table.set_column(column, table.schema.field(column), pa.array(["kept"] * len(table)))
    buffer = io.BytesIO()
    pq.write_table(marked, buffer)
    store.objects.put("trials/trials.parquet", buffer.getvalue())


def kept(store: Store) -> list[str]:
    table = stored(store)["trials"]
    return list(table.filter(pc.equal(table["device"], "kept"))["trial_key"].to_pylist())


NEW: dict[str, tuple[Document, list[str]]] = {
    "of one trial": (evaluation("z", "occlusion", [50, 25, 25]), ["a", "base", "control", "defended", "pruned"]),
    "of a new trial": (network("new"), list(TRIALS)),
    "of the control": (evaluation("control", "occlusion", [50, 25, 25]), ["base", "defended"]),
    "of the baseline": (evaluation("base", "occlusion", [50, 25, 25]), []),
}


@pytest.mark.parametrize(("new", "expected"), NEW.values(), ids=NEW)
def test_rows_that_nothing_new_concerns_are_taken_over(store: Store, new: Document, expected: list[str]) -> None:
    for document in everything():
        save(store, document)
    store.refresh_tables()
    mark(store)
    save(store, new)
    store.refresh_tables()
    assert kept(store) == expected


def test_tables_of_other_results_than_the_index_has_are_made_anew(store: Store) -> None:
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
    assert kept(store) == []
    assert stored(store)["trials"]["trial_key"].to_pylist() == sorted([*TRIALS, "new", "newer"])


def test_an_index_of_an_older_version_is_made_anew(store: Store) -> None:
    save(store, network())
    columns = {"name": ["pruned.json"], "document": [json.dumps(network(parameters=1))]}
    buffer = io.BytesIO()
    pq.write_table(pa.table(columns), buffer)
    store.objects.put("index/results.parquet", buffer.getvalue())
    assert store.table("trials")["parameters"].tolist() == [1000]
    names = pq.read_schema(io.BytesIO(store.objects.get("index/results.parquet"))).names
    assert names == ["name", "trial_key", "document"]


def test_of_the_index_only_what_was_asked_for_is_parsed(store: Store) -> None:
    for document in everything():
        save(store, document)
    asked = Index(store.objects, store.objects.names("results")).documents(["z", "a", "unknown"])
    assert {trial_of(document) for document in asked} == {"a", "z"}
    assert len(asked) == 2 * len(everything()) / len(TRIALS)


def test_the_evaluations_of_some_trials_are_theirs_alone(store: Store) -> None:
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
