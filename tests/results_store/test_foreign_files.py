"""Foreign files in a store's folders, and the spellings of a store's path or URL."""

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


def test_a_foreign_file_is_not_a_network(tmp_path: Path) -> None:
    store = filled(tmp_path)
    (tmp_path / "networks" / "notes").write_text("mine")
    with pytest.raises(UnknownTrial):
        find_trial(store, "notes")


def test_a_folder_among_the_results_is_ignored(tmp_path: Path) -> None:
    store = filled(tmp_path)
    (tmp_path / "results" / "old").mkdir()
    (tmp_path / "results" / "old" / f"{KEY}.json").write_text("{}")
    assert len(store.table("trials")) == 3 and "old" not in store.result_keys()


def test_a_damaged_result_is_not_ignored_like_a_foreign_file(tmp_path: Path) -> None:
    store = filled(tmp_path)
    (tmp_path / "results" / f"{KEY}.json").write_text('{"kind": ')
    with pytest.raises(StoreError, match=f"{KEY}.json: is not JSON"):
        store.table("trials")


SPELLINGS = ("{0}", "{0}/", "{0}//", "{1}/./store", "{1}//store", "{1}/../{2}/store", "file://{0}", "file://{0}/")


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_all_spellings_of_a_folder_open_the_same_store(tmp_path: Path, spelling: str) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    assert Store(spelling.format(folder, tmp_path, tmp_path.name)).url == str(folder)


def test_relative_paths_and_home_folders_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert {Store(name).url for name in ("store", "./store", "~/store", "store/../store")} == {f"{tmp_path}/store"}


@pytest.mark.parametrize("url", ["memory://a/b/", "memory://a/b//"])
def test_trailing_slashes_of_a_url_do_not_matter(url: str) -> None:
    assert Store(url).url == Store("memory://a/b").url


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "is empty"),
        ("file://store", "has too few slashes"),
        ("local://folder/store", "has too few slashes"),
        ("file:///a%20b", "percent-encoding is not decoded; write /a b"),
        ("memory://a//b", "has an empty part"),
        ("memory://a/../b", "has an empty part, or a part"),
        ("memory://a/./b", "has an empty part, or a part"),
    ],
)
def test_ambiguous_urls_are_refused(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        Store(url)


def test_special_characters_in_a_path_are_not_interpreted(tmp_path: Path) -> None:
    for name in ("a b", "a%20b", "[2020] ü", "a#b"):
        store = filled(tmp_path / name)
        assert os.path.isdir(tmp_path / name / "results") and len(store.table("trials")) == 3
