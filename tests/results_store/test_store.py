"""The contract of every store, in a folder and in a bucket: what was saved is what is loaded."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from prunesweep.results_store import NotStored, Store, StoreError
from prunesweep.results_store.schema import SCHEMA_VERSION
from tests.helpers.documents import evaluation, failure, network

ARRAYS: dict[str, NDArray[Any]] = {
    "a float32 matrix": np.arange(6, dtype=np.float32).reshape(2, 3),
    "a number": np.array(3, dtype=np.int64),
    "a real number": np.array(0.1, dtype=np.float64),
    "float64": np.linspace(0, 1, 5),
    "int64": np.array([-(2**62), 2**62]),
    "bool": np.array([True, False, True]),
    "bytes": np.arange(256, dtype=np.uint8),
    "nothing": np.zeros((0, 3), dtype=np.float32),
    "a transposed view": np.arange(6, dtype=np.float32).reshape(2, 3).T,
}


def assert_same_arrays(found: dict[str, NDArray[Any]], expected: dict[str, NDArray[Any]]) -> None:
    """Equal names, types, shapes and flags."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape), name
        np.testing.assert_array_equal(found[name], array)


def test_opening_a_store_writes_nothing(url: str) -> None:
    store = Store(url)
    assert store.result_keys() == store.score_keys() == store.snapshot_keys() == frozenset()
    assert store.network_keys() == store.sweep_names() == []
    assert not store.objects.has("")


def test_results_come_back(store: Store) -> None:
    store.save_result(network("one"))
    store.save_result(evaluation("one", "clean", [90, 45, 45]))
    assert store.result("one") == network("one")
    assert store.result_keys() == {"one", "one-clean"}
    assert store.has_result("one")
    assert not store.has_result("two")


def test_failures_are_stored_beside_results_and_do_not_count_as_results(store: Store) -> None:
    store.save_failure(failure("one"))
    store.save_failure(failure("one", "again"))
    assert store.result_keys() == frozenset()
    assert not store.has_result("one")


def test_networks_come_back(store: Store) -> None:
    store.save_network("one", ARRAYS, {"architecture": "resnet20", "filters": [[0, 2]]})
    weights, description = store.load_network("one")
    assert_same_arrays(weights, ARRAYS)
    assert description == {"architecture": "resnet20", "filters": [[0, 2]]}
    assert store.network_keys() == ["one"]
    assert sorted(store.network_files("one")) == ["network.json", "weights.safetensors"]


def test_scores_come_back(store: Store) -> None:
    store.save_scores("one", ARRAYS)
    assert_same_arrays(store.load_scores("one"), ARRAYS)
    assert store.score_keys() == {"one"}
    assert (store.has_scores("one"), store.has_scores("two")) == (True, False)


def test_snapshots_come_back(store: Store) -> None:
    store.save_snapshot("one", ARRAYS)
    assert_same_arrays(store.load_snapshot("one"), ARRAYS)
    assert store.snapshot_keys() == {"one"}
    assert (store.has_snapshot("one"), store.has_snapshot("two")) == (True, False)


def test_checkpoints_come_back_until_they_are_deleted(store: Store) -> None:
    about = {"epoch": 3, "history": [{"loss": 0.5}]}
    assert store.load_checkpoint("one") is None
    store.save_checkpoint("one", ARRAYS, {"epoch": 2})
    store.save_checkpoint("one", ARRAYS, about)
    found = store.load_checkpoint("one")
    assert found is not None
    assert_same_arrays(found[0], ARRAYS)
    assert found[1] == about
    store.delete_checkpoint("one")
    store.delete_checkpoint("one")
    assert store.load_checkpoint("one") is None


@pytest.mark.parametrize("images", [0, 1, 7, 8, 9, 1000])
def test_outcomes_come_back_bit_for_bit(store: Store, images: int) -> None:
    flags = np.random.default_rng(images).random((2, images)) < 0.5
    store.save_outcomes("one", {"fog": flags[0], "snow": flags[1]})
    assert_same_arrays(store.load_outcomes("one"), {"fog": flags[0], "snow": flags[1]})


def test_outcomes_take_one_bit_per_image(store: Store) -> None:
    store.save_outcomes("one", {"fgsm": np.ones(80_000, dtype=bool)})
    assert len(store.objects.get("outcomes/one.safetensors")) < 80_000 / 8 + 500


def test_sweeps_come_back(store: Store) -> None:
    store.save_sweep("tiny", "name: tiny # ε", {"result_keys": {"one": ["one"]}})
    assert store.load_sweep_run("tiny") == {"result_keys": {"one": ["one"]}}
    assert store.sweep_names() == ["tiny"]
    assert store.objects.get("sweeps/tiny/sweep.yaml").decode() == "name: tiny # ε"


LOADS: dict[str, Callable[[Store], Any]] = {
    "result": lambda store: store.result("none"),
    "network": lambda store: store.load_network("none"),
    "files": lambda store: store.network_files("none"),
    "scores": lambda store: store.load_scores("none"),
    "snapshot": lambda store: store.load_snapshot("none"),
    "outcomes": lambda store: store.load_outcomes("none"),
    "sweep": lambda store: store.load_sweep_run("none"),
}


@pytest.mark.parametrize("load", LOADS.values(), ids=LOADS)
def test_a_missing_object_is_reported_in_one_line(store: Store, load: Callable[[Store], Any]) -> None:
    with pytest.raises(NotStored, match=r"^[^\n]*none[^\n]*: not in the store$"):
        load(store)


def test_writing_a_key_twice_is_harmless(store: Store) -> None:
    for _ in range(2):
        store.save_result(network("one"))
        store.save_network("one", ARRAYS, {"architecture": "resnet20"})
        store.save_scores("one", ARRAYS)
        store.prepare()
    assert store.result_keys() == {"one"}
    assert store.network_keys() == ["one"]
    assert_same_arrays(store.load_network("one")[0], ARRAYS)


def test_a_pickled_copy_opens_the_same_store(store: Store) -> None:
    store.save_result(network("one"))
    assert copy.copy(store).result("one") == network("one")


def test_a_result_must_be_valid_json(store: Store) -> None:
    with pytest.raises(ValueError, match="JSON"):
        store.save_result(network("one", seconds=float("nan")))
    assert not store.has_result("one")


ONE, TWO = "1" * 32, "2" * 32


def test_damaged_objects_are_reported_in_one_line(store: Store) -> None:
    store.objects.put(f"results/{ONE}.json", b'{"kind": ')
    store.objects.put(f"results/{TWO}.json", b"[]")
    store.objects.put("scores/one.safetensors", b"not safetensors")
    with pytest.raises(StoreError, match=rf"results/{ONE}\.json: is not JSON: [^\n]*$"):
        store.result(ONE)
    with pytest.raises(StoreError, match=rf"results/{TWO}\.json: is not a JSON object$"):
        store.result(TWO)
    with pytest.raises(StoreError, match=r"scores/one\.safetensors: is not a safetensors file: [^\n]*$"):
        store.load_scores("one")
    with pytest.raises(StoreError, match=rf"results/{ONE}\.json: is not JSON: [^\n]*$"):
        store.table("trials")
    store.objects.put(f"results/{ONE}.json", b'{"kind": "network", "key": "one"}')
    with pytest.raises(
        StoreError, match=rf"results/{ONE}\.json: is not a valid network result: it has no 'baseline_key'; "
    ):
        store.table("trials")


# Schema versions


def test_a_newer_store_is_refused_in_one_line(url: str) -> None:
    Store(url).objects.put("store.json", json.dumps({"schema": SCHEMA_VERSION + 1}).encode())
    message = (
        rf"^{url}: the store has schema version {SCHEMA_VERSION + 1}, but this prunesweep supports only versions up to "
        rf"{SCHEMA_VERSION}; [^\n]*$"
    )
    with pytest.raises(StoreError, match=message):
        Store(url)


def test_a_store_without_a_valid_schema_version_is_refused(url: str) -> None:
    Store(url).objects.put("store.json", b'{"schema": "new"}')
    with pytest.raises(StoreError, match="does not contain the store's schema version"):
        Store(url)


def test_an_older_store_is_read(url: str) -> None:
    older = Store(url)
    older.save_result(network("one"))
    older.objects.put("store.json", json.dumps({"schema": SCHEMA_VERSION - 1}).encode())
    assert Store(url).table("trials")["trial_key"].tolist() == ["one"]


def test_a_prepared_store_contains_its_schema_version(url: str) -> None:
    Store(url).prepare()
    assert json.loads(Store(url).objects.get("store.json")) == {"schema": SCHEMA_VERSION}


# Invalid paths and URLs


def test_a_store_below_a_file_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file/store/store\.json: cannot be read: Not a directory$"):
        Store(str(tmp_path / "file" / "store"))


def test_a_store_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    (tmp_path / "store").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match=r"store/store\.json: cannot be (read|written): [^\n]*$"):
        store.prepare()
    with pytest.raises(StoreError, match=r"cannot be written: [^\n]*$"):
        store.save_result(network("one"))
    with pytest.raises(StoreError, match=r"store/results: cannot be read: [^\n]*$"):
        store.result_keys()


def test_an_unknown_scheme_is_refused_in_one_line() -> None:
    with pytest.raises(StoreError, match=r"^nowhere://store: [^\n]*nowhere[^\n]*$"):
        Store("nowhere://store")
