"""Files that people and their machines leave in a store's folders, and the ways in which a store's name is spelled."""

import os
from pathlib import Path

import pytest

from prunesweep import Store, pareto_front, sweep_states
from prunesweep.orchestrator.query.trials import UnknownTrial, find_trial
from prunesweep.results_store import StoreError
from tests.helpers.documents import baseline, control, evaluation, network

KEY = "0123456789abcdef0123456789abcdef"
FOREIGN = (
    ".DS_Store",
    "._results.json",
    "Thumbs.db",
    "desktop.ini",
    "notes.txt",
    "README",
    "package.json",
    "list.json",
    f"{KEY}.json~",
    f"{KEY}.json.bak",
    f"{KEY} (1).json",
    "scores.safetensors.tmp",
)
FOLDERS = ("results", "networks", "scores", "snapshots", "sweeps", "outcomes", "checkpoints")


def filled(folder: Path) -> Store:
    store = Store(str(folder))
    store.prepare()
    for document in (baseline(), control(), network(), evaluation("pruned", "clean", [80, 40, 40])):
        store.save_result(document)
    store.save_network("pruned", {}, {"architecture": "resnet20"})
    store.save_sweep("small", "name: small", {"result_keys": {"pruned": ["pruned"]}, "settings": {}})
    return store


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_ignored_in_every_folder(tmp_path: Path, name: str) -> None:
    store = filled(tmp_path / "store")
    before = store.table("trials"), sweep_states(store), store.network_keys(), store.score_keys()
    contents = {"package.json": b'{"name": "mine"}', "list.json": b"[1, 2]"}.get(name, b"\xff\x00 anything")
    for folder in FOLDERS:
        (tmp_path / "store" / folder).mkdir(exist_ok=True)
        (tmp_path / "store" / folder / name).write_bytes(contents)
    (tmp_path / "store" / name).write_bytes(contents)
    again = Store(str(tmp_path / "store"))
    assert again.table("trials").equals(before[0])
    assert (sweep_states(again), again.network_keys(), again.score_keys()) == before[1:]
    assert again.sweep_names() == ["small"]
    assert pareto_front(again, objectives=["parameters"]).candidates == 3


def test_a_foreign_file_is_no_network(tmp_path: Path) -> None:
    store = filled(tmp_path)
    (tmp_path / "networks" / "notes").write_text("mine")
    with pytest.raises(UnknownTrial):
        find_trial(store, "notes")


def test_a_folder_among_the_results_is_ignored(tmp_path: Path) -> None:
    store = filled(tmp_path)
    (tmp_path / "results" / "old").mkdir()
    (tmp_path / "results" / "old" / f"{KEY}.json").write_text("{}")
    assert len(store.table("trials")) == 3 and "old" not in store.result_keys()


def test_a_damaged_result_is_not_taken_for_a_foreign_file(tmp_path: Path) -> None:
    store = filled(tmp_path)
    (tmp_path / "results" / f"{KEY}.json").write_text('{"kind": ')
    with pytest.raises(StoreError, match=f"{KEY}.json: is not JSON"):
        store.table("trials")


SPELLINGS = ("{0}", "{0}/", "{0}//", "{1}/./store", "{1}//store", "{1}/../{2}/store", "file://{0}", "file://{0}/")


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings_of_one_folder_are_one_store(tmp_path: Path, spelling: str) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    assert Store(spelling.format(folder, tmp_path, tmp_path.name)).url == str(folder)


def test_a_relative_name_and_a_home_are_one_with_the_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert {Store(name).url for name in ("store", "./store", "~/store", "store/../store")} == {f"{tmp_path}/store"}


@pytest.mark.parametrize("url", ["memory://a/b/", "memory://a/b//"])
def test_a_url_with_slashes_at_its_end_is_one_with_the_one_without(url: str) -> None:
    assert Store(url).url == Store("memory://a/b").url


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "is empty"),
        ("file://store", "has too few slashes"),
        ("local://folder/store", "has too few slashes"),
        ("file:///a%20b", "paths are taken as they are; write /a b"),
        ("memory://a//b", "has a part that is empty"),
        ("memory://a/../b", "has a part that is empty"),
        ("memory://a/./b", "has a part that is empty"),
    ],
)
def test_names_that_may_mean_another_place_are_refused(url: str, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        Store(url)


def test_a_path_with_signs_of_its_own_is_taken_as_it_is(tmp_path: Path) -> None:
    for name in ("a b", "a%20b", "[2020] ü", "a#b"):
        store = filled(tmp_path / name)
        assert os.path.isdir(tmp_path / name / "results") and len(store.table("trials")) == 3
