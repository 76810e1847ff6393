"""The command line: every mistake of a user is one line with exit status 2, and nothing is started or written."""

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prunesweep.orchestrator.cli import COMMANDS
from prunesweep.orchestrator.running.cluster import session
from prunesweep.results_store import Store
from tests.helpers.command import command, process, refusal

SWEEP = """
name: refused
dataset: {name: digits, size: 16}
baseline: {epochs: 1}
adjustment: {epochs: 1}
axes: {architecture: resnet20, criterion: l1}
"""


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    path = tmp_path / "refused.yaml"
    path.write_text(SWEEP)
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("axes.criterion=l2", "'l2' is not a criterion; did you mean 'l1'?"),
        ("axes.ratio=1", "axes.ratio"),
        ("axes.architecture=[]", "is empty"),
        ("axes.iterations=-1", "axes.iterations"),
        ("dataset={name: image_parquet, train: no.parquet, test: no.parquet}", "no.parquet: no such file"),
        ("dataset={name: image_folder, train: nowhere, test: nowhere}", "nowhere: no such folder"),
        ("dataset={name: cifar10, root: nowhere}", "missing or damaged below nowhere"),
        ("baseline.weights=no.th", "no.th"),
        ("attacks.occlusion={sides: [40]}", "side 40 is larger than the images"),
        ("resources.cpu=4096", "a trial asks for 4096 CPUs"),
        ("resources.gpu=64", "64 GPUs"),
    ],
)
def test_a_bad_sweep_starts_and_writes_nothing(sweep: Path, tmp_path: Path, change: str, message: str) -> None:
    store = tmp_path / "store"
    assert message in refusal("run", str(sweep), "--store", str(store), "--set", change)
    assert not store.exists()


def write_image_parquet(path: Path, sides: list[int], labels: list[int]) -> Path:
    """Write grey square PNG images with the given sides and labels, and return the path."""
    from io import BytesIO

    from PIL import Image

    rows = []
    for side in sides:
        png = BytesIO()
        Image.fromarray(np.full((side, side, 3), 128, np.uint8)).save(png, "PNG")
        rows.append({"bytes": png.getvalue(), "path": None})
    pq.write_table(pa.table({"image": rows, "label": labels}), path)
    return path


@pytest.mark.parametrize(
    ("sides", "labels", "message"),
    [([16, 16, 20], [0, 1, 0], "must be of one size"), ([16, 16], [0, -1], "has label -1")],
)
def test_bad_images_start_nothing(
    sweep: Path, tmp_path: Path, sides: list[int], labels: list[int], message: str
) -> None:
    bad, good = write_image_parquet(tmp_path / "bad.parquet", sides, labels), tmp_path / "good.parquet"
    write_image_parquet(good, [16, 16], [0, 1])
    store = tmp_path / "store"
    change = f"dataset={{name: image_parquet, train: {bad}, test: {good}}}"
    assert message in refusal("run", str(sweep), "--store", str(store), "--set", change)
    assert not store.exists()


def test_the_refusal_of_another_architectures_weights_names_the_first_wrong_key(sweep: Path, tmp_path: Path) -> None:
    import torch

    from prunesweep.workers.architectures.network import new_network

    unit = (1.0, 1.0, 1.0)
    other = new_network("resnet32", 10, 16, unit, unit, generator=torch.Generator())
    torch.save(other.body.state_dict(), tmp_path / "other.th")
    weights = f"baseline.weights={tmp_path}/other.th"
    message = refusal("run", str(sweep), "--store", str(tmp_path / "s"), "--set", weights)
    assert "layer1.3.conv1.weight" in message


def test_a_read_only_or_newer_store_is_refused(sweep: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be" in refusal("run", str(sweep), "--store", str(tmp_path / "file" / "store"))
    (tmp_path / "newer").mkdir()
    (tmp_path / "newer" / "store.json").write_text(json.dumps({"schema": 99}))
    assert "schema version 99" in refusal("run", str(sweep), "--store", str(tmp_path / "newer"))


def test_a_ray_address_that_does_not_answer_is_refused(
    sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "ANSWER_SECONDS", 8)
    with socket.socket() as listening:  # accepts connections and never answers
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        address = f"127.0.0.1:{listening.getsockname()[1]}"
        message = refusal("run", str(sweep), "--store", str(tmp_path / "store"), "--address", address)
    assert f"{address}: no Ray cluster answers there" in message
    assert not (tmp_path / "store").exists()


STORE_READERS = {
    "status": [],
    "pareto": [],
    "effects": [],
    "compare": [],
    "transfer": ["--sources", "abcd", "--targets", "abcd"],
    "elements": ["--trial", "abcd", "--structure", "filters"],
    "verify-robustness": ["abcd"],
    "reproduce": ["table1"],
    "export": ["abcd", "--to", "out"],
}
NOT_STORES: dict[str, Callable[[Path], object]] = {
    "no such folder": lambda folder: None,
    "an empty folder, not a store": Path.mkdir,
    "a file, not a store": Path.touch,
    "not a store: it has other content": lambda folder: (folder / "photos").mkdir(parents=True),
}


@pytest.mark.parametrize("problem", NOT_STORES)
@pytest.mark.parametrize("name", STORE_READERS)
def test_every_command_says_that_there_is_no_store(name: str, problem: str, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    NOT_STORES[problem](folder)
    before = sorted(tmp_path.rglob("*"))
    message = refusal(name, *STORE_READERS[name], "--store", str(folder))
    assert f"{folder}: {problem}" in message and "--store" in message and "`prunesweep run`" in message
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("url", ["memory://nosuch/store", "s4://bucket/store"])
def test_a_url_without_a_store_is_refused_in_one_line(url: str) -> None:
    assert url in refusal("pareto", "--store", url)


def test_commands_on_an_empty_store_say_so(tmp_path: Path) -> None:
    empty = str(tmp_path / "empty")
    Store(empty).prepare()
    assert "no sweep has run" in refusal("status", "--store", empty)
    assert "no candidate" in refusal("pareto", "--store", empty)
    assert "no network" in refusal("export", "abc", "--to", str(tmp_path / "out"), "--store", empty)


def test_a_plan_needs_no_store_and_creates_none(sweep: Path, tmp_path: Path) -> None:
    assert command("plan", str(sweep), "--store", str(tmp_path / "none")).exit_code == 0
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("arguments", [["runn"], ["plan"], ["plan", "quickstart", "--bogus"], ["pareto", "--store="]])
def test_invalid_arguments_are_refused_in_one_line(arguments: list[str]) -> None:
    ran = process(*arguments)
    assert (ran.returncode, ran.stdout, ran.stderr.count("\n")) == (2, "", 1)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_has_an_example(name: str) -> None:
    ran = command(name, "--help")
    assert ran.exit_code == 0
    assert f"prunesweep {name}" in ran.output
    assert "Raises" not in ran.output


@pytest.mark.parametrize("arguments", [["--help"], ["plan", "cifar10_grid"]])
def test_plan_and_help_import_neither_torch_nor_ray(arguments: list[str]) -> None:
    program = (
        "import sys; from prunesweep.orchestrator.cli import app; app(sys.argv[1:], standalone_mode=False); "
        "print('IMPORTED', sorted({'torch', 'ray', 'torchvision', 'sklearn'} & set(sys.modules)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60, check=True
    )
    assert "IMPORTED []" in ran.stdout
