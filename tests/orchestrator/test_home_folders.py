"""``~`` on the command line and in Python: a sweep file's path, --set, --store, --to, and the cache."""

import re
import shutil
from pathlib import Path

import pytest

from prunesweep import export_network, load_network, pareto_front, plan_sweep
from prunesweep.results_store import open_store
from prunesweep.workers.cache import cache_folder
from tests.helpers.command import command, refusal

STORE = Path(__file__).parents[1] / "stores" / "version_0.1.0" / "store"
TRIAL = "1d7dd2ef"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home folder that holds a small store; the working folder is another one."""
    folder = tmp_path / "home"
    shutil.copytree(STORE, folder / "store")
    monkeypatch.setenv("HOME", str(folder))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return folder


def test_the_line_that_export_prints_loads_the_network_from_a_home_folder(home: Path, tmp_path: Path) -> None:
    printed = command("export", TRIAL, "--store", "~/store", "--to", "~/net").output
    folder = re.search(r"load_network\('(.*)'\)", printed)
    assert folder is not None and folder[1] == str(home / "net")
    expected = load_network(folder[1])
    for path in ("~/net", Path("~/net")):
        assert load_network(path).spec == expected.spec
    assert [*(tmp_path / "work").iterdir()] == []


def test_python_takes_path_objects_with_a_tilde(home: Path) -> None:
    assert open_store(Path("~/store")).url == str(home / "store")
    assert export_network(Path("~/store"), TRIAL, Path("~/net")) == home / "net"
    assert len(pareto_front(Path("~/store")).table)


def test_figures_are_written_to_a_home_folder(home: Path, tmp_path: Path) -> None:
    printed = command("reproduce", "table1", "--store", "~/store", "--to", "~/figures").output
    assert (home / "figures" / "table1.csv").is_file()
    assert str(home / "figures" / "table1.csv") in printed
    assert [*(tmp_path / "work").iterdir()] == []


def test_a_sweep_file_and_the_paths_in_it_may_begin_with_a_tilde(home: Path) -> None:
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (home / "images" / split / name).mkdir(parents=True)
            (home / "images" / split / name / "0.png").write_bytes(f"{split} {name}".encode())
    (home / "mine.yaml").write_text(
        "name: mine\nbaseline: {epochs: 1}\nadjustment: {epochs: 1}\naxes: {architecture: resnet20}\n"
        "dataset: {name: image_folder, train: ~/images/train, test: ~/images/test}\n"
    )
    planned = command("plan", "~/mine.yaml", "--store", "~/store")
    assert "mine: 3 trials" in planned.output
    other = ["dataset={name: imagenet, train: ~/images/train, test: ~/images/test}"]
    assert len(plan_sweep(Path("~/mine.yaml"), store=Path("~/new"), overrides=other).tree) == 3
    assert f"{home}/nowhere: no such" in refusal("plan", "~/mine.yaml", "--set", "dataset.train=~/nowhere")


@pytest.mark.parametrize(
    ("variable", "value", "meant"),
    [
        ("PRUNESWEEP_CACHE", "~/cache", "cache"),
        ("XDG_CACHE_HOME", "~/xdg", "xdg/prunesweep"),
        ("XDG_CACHE_HOME", "", ".cache/prunesweep"),
    ],
)
def test_the_path_of_the_cache_may_begin_with_a_tilde(
    home: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, meant: str
) -> None:
    monkeypatch.delenv("PRUNESWEEP_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv(variable, value)
    assert cache_folder() == home / meant


def test_a_tilde_with_an_unknown_user_is_part_of_the_caches_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRUNESWEEP_CACHE", "~nobody-of-that-name/cache")
    assert cache_folder() == Path("~nobody-of-that-name/cache")
