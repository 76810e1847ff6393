"""An exported network is complete in every format, and works without the store."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from prunesweep.orchestrator.export import ExportError, export_network
from prunesweep.orchestrator.query.trials import UnknownTrial, find_trial
from prunesweep.results_store import Store, StoreError
from prunesweep.sweeps.reader import parse_sweep
from prunesweep.sweeps.tree import grow_tree
from prunesweep.workers import load_dataset, load_network, run_trial
from tests.helpers.command import command, refusal

SWEEP = """
name: export
dataset: {name: digits, size: 16, train_limit: 64, test_limit: 10}
baseline: {epochs: 1, learning_rate: 0.02, batch_size: 32}
pruning: {scoring_images: 8}
control: false
axes: {architecture: resnet20, structure: both, criterion: l1, adjustment: none}
attacks: {fgsm: {}}
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return a store with a baseline and a network pruned of one block and some filters."""
    sweep = parse_sweep(SWEEP)
    store, data = Store(str(tmp_path_factory.mktemp("store"))), load_dataset(sweep.dataset)
    for trial in grow_tree(sweep):
        run_trial(trial, store, data)
    return store


@pytest.fixture(scope="module")
def pruned() -> str:
    return list(grow_tree(parse_sweep(SWEEP)))[-1].key


def test_a_pruned_network_loads_and_computes_what_the_stored_one_does(
    store: Store, pruned: str, tmp_path: Path
) -> None:
    home = load_network(export_network(store, pruned[:12], str(tmp_path / "home")))
    stored = load_network(store.objects.path(f"networks/{pruned}"))
    images = torch.rand(3, 3, 16, 16)
    with torch.no_grad():
        assert torch.equal(home(images), stored(images))
    assert len(home.spec.removed_blocks) == 1 and home.spec.kept_filters


def test_torch_export_works_without_prunesweep(store: Store, pruned: str, tmp_path: Path) -> None:
    folder = export_network(store, pruned, str(tmp_path / "home"), format="torch_export")
    program = torch.export.load(folder / "network.pt2").module()
    for count in (1, 5):
        images = torch.rand(count, 3, 16, 16)
        with torch.no_grad():
            torch.testing.assert_close(program(images), load_network(folder)(images))


def test_onnx_gives_the_same_logits(store: Store, pruned: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript", reason="needs the extra onnx")
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    folder = export_network(store, pruned, str(tmp_path / "home"), format="onnx")
    images = torch.rand(5, 3, 16, 16)
    (logits,) = runtime.InferenceSession(str(folder / "network.onnx")).run(None, {"images": images.numpy()})
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(logits), load_network(folder)(images), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("existing", ["notes.txt", ".hidden", "weights.safetensors"])
def test_a_folder_that_is_not_empty_needs_force(store: Store, pruned: str, tmp_path: Path, existing: str) -> None:
    (tmp_path / existing).write_text("mine")
    arguments = ["export", pruned, "--to", str(tmp_path), "--store", store.url]
    assert "is not empty; --force" in refusal(*arguments)
    assert [path.name for path in tmp_path.iterdir()] == [existing] and (tmp_path / existing).read_text() == "mine"
    assert command(*arguments, "--force").exit_code == 0
    load_network(tmp_path)
    assert existing == "weights.safetensors" or (tmp_path / existing).read_text() == "mine"


def test_an_empty_folder_needs_no_force(store: Store, pruned: str, tmp_path: Path) -> None:
    load_network(export_network(store, pruned, tmp_path))
    with pytest.raises(ExportError, match="is a file; name a folder"):
        export_network(store, pruned, tmp_path / "network.json")


@pytest.mark.parametrize("format", ["safetensors", "torch_export", "onnx"])
def test_the_line_that_is_printed_loads_it(store: Store, pruned: str, tmp_path: Path, format: str) -> None:
    if format == "onnx":
        pytest.importorskip("onnxscript", reason="needs the extra onnx")
    ran = command("export", pruned, "--to", str(tmp_path / "home's"), "--store", store.url, "--format", format)
    folder, _, line = ran.stdout.strip().partition(": ")
    assert folder == str(tmp_path / "home's")
    names: dict[str, Any] = {}
    exec(line, names)
    images = torch.rand(2, 3, 16, 16)
    network = names["network"]
    logits = network.run(None, {"images": images.numpy()})[0] if format == "onnx" else network(images).detach().numpy()
    assert logits.shape == (2, 10)


def test_impossible_exports_are_refused_in_one_line(store: Store, pruned: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UnknownTrial, match="no network of"):
        find_trial(store, "nothing")
    with pytest.raises(ExportError, match="unknown format 'jpeg'; allowed: safetensors"):
        export_network(store, pruned, str(tmp_path), format="jpeg")
    with pytest.raises(ExportError, match="cannot be written"):
        export_network(store, pruned, str(tmp_path / "file" / "home"))
    for folder in ("", "s3://bucket/home"):
        with pytest.raises(ExportError, match="name a folder on this machine"):
            export_network(store, pruned, folder)


def test_a_damaged_network_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    store = Store(str(tmp_path / "store"))
    store.prepare()
    store.save_network("damaged", {"weight": np.zeros(1)}, {})
    with pytest.raises(StoreError, match="does not describe a network"):
        export_network(store, "damaged", str(tmp_path / "home"))
    assert not (tmp_path / "home").exists()


def test_the_beginning_of_a_key_must_name_one_network(tmp_path: Path) -> None:
    store = Store(str(tmp_path))
    for key in ("aa1", "aa2"):
        store.save_network(key, {"weight": np.zeros(1)}, {})
    assert find_trial(store, "aa1") == "aa1"
    with pytest.raises(UnknownTrial, match=r"aa: 2 networks of .* begin with this"):
        find_trial(store, "aa")
