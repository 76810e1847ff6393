"""Stores that earlier versions made: they are read, resumed and analysed, and nothing is made again."""

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from prunesweep.orchestrator.cli import app
from prunesweep.results_store import Store
from prunesweep.workers import load_network
from prunesweep.workers.stored_network import load_stored

STORES = Path(__file__).resolve().parents[1] / "stores"
VERSIONS = sorted(path.name for path in STORES.iterdir() if path.is_dir())
PRUNED, CONTROL = "1d7dd2efeebe5378b28b4b3a2fc13ca0", "8e72d845cea7b81668a67bb611c21523"
EVERYTHING = ["--sources", "dataset == digits", "--targets", "dataset == digits"]
# What ``--json`` printed when the store was made lies beside it.
COMMANDS = {
    "pareto": ["pareto", "--objectives", "generalization,robustness,flops"],
    "compare": ["compare", "--over", "control"],
    "transfer": ["transfer", *EVERYTHING],
    "verify-robustness": ["verify-robustness", PRUNED, CONTROL, "--images", "20", "--autoattack", "0"],
}


@pytest.fixture(params=VERSIONS)
def version(request: pytest.FixtureRequest) -> Path:
    """The folder of one version: its store, its sweep file and what its commands printed."""
    folder: Path = STORES / request.param
    return folder


@pytest.fixture
def store(version: Path, tmp_path: Path) -> Path:
    """A copy of the store, which commands may write to."""
    return Path(shutil.copytree(version / "store", tmp_path / "store"))


def prunesweep(*arguments: str) -> str:
    ran = CliRunner().invoke(app, arguments)
    assert ran.exit_code == 0, ran.output
    return ran.stdout


def objects_of(store: Path) -> dict[str, bytes]:
    """All that is not a view of results or an account of runs, by name."""
    folders = ("results", "networks", "scores", "outcomes", "snapshots", "checkpoints")
    files = (path for folder in folders for path in (store / folder).rglob("*") if path.is_file())
    return {path.relative_to(store).as_posix(): path.read_bytes() for path in files}


def test_its_sweep_is_done_and_nothing_is_made_again(version: Path, store: Path) -> None:
    before = objects_of(store)
    files = {name: version / "store" / name / f"{name}.parquet" for name in ("trials", "attacks", "history")}
    tables = {name: pd.read_parquet(file) for name, file in files.items()}
    printed = prunesweep("run", str(version / "sweep.yaml"), "--store", str(store))
    assert "0 trials run, 3 were stored already, 0 failed" in printed
    assert objects_of(store) == before
    for name, table in tables.items():
        now = Store(str(store)).table(name)
        assert now[table.columns].equals(table)  # columns that came later are beside them


def test_its_single_elements_are_not_measured_again(store: Path) -> None:
    before = objects_of(store)
    asked = ["--trial", PRUNED, "--structure", "filters", "--modules", "layer1.0", "--images", "100"]
    printed = prunesweep("elements", *asked, "--store", str(store))
    assert printed.count("stored already") == 1 and "6 filters" in printed
    assert objects_of(store) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_what_a_command_prints_as_json_stays_as_it_was(version: Path, store: Path, command: str) -> None:
    before = objects_of(store)
    found = json.loads(prunesweep(*COMMANDS[command], "--store", str(store), "--json"))
    expected = json.loads((version / "json" / f"{command}.json").read_text())
    assert as_before(found, expected) == nearly(expected)
    assert objects_of(store) == before


def as_before(found: Any, expected: Any) -> Any:
    """JSON values without the fields that came later."""
    if isinstance(found, dict):
        return {name: as_before(found[name], value) for name, value in expected.items() if name in found}
    if isinstance(found, list) and len(found) == len(expected):
        return [as_before(*pair) for pair in zip(found, expected, strict=True)]
    return found


def nearly(value: Any) -> Any:
    """Equal JSON values, apart from what another release of SciPy may round otherwise."""
    if isinstance(value, dict):
        return {name: nearly(each) for name, each in value.items()}
    if isinstance(value, list):
        return [nearly(each) for each in value]
    return pytest.approx(value, rel=1e-9) if isinstance(value, float) else value


def test_its_networks_are_read_and_exported(store: Path, tmp_path: Path) -> None:
    images = torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    stored = load_stored(Store(str(store)), PRUNED, torch.device("cpu")).network
    prunesweep("export", PRUNED, "--to", str(tmp_path / "network"), "--store", str(store))
    with torch.no_grad():
        torch.testing.assert_close(load_network(str(tmp_path / "network"))(images), stored(images))
