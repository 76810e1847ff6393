"""Weights files as people have them: read where they hold the tensors, and told apart where they are something else."""

import argparse
import gzip
import pickle
import shutil
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from prunesweep.workers.architectures.network import Network, new_network
from prunesweep.workers.architectures.weights_file import WeightsError, load_weights, read_weights_file
from tests.helpers.command import refusal
from tests.helpers.data_page import check_table

UNIT = (1.0, 1.0, 1.0)


def fresh(architecture: str = "resnet20", classes: int = 10, seed: int = 0) -> Network:
    generator = torch.Generator().manual_seed(seed)
    return new_network(architecture, classes, 16, UNIT, UNIT, generator=generator)


SOURCE = fresh()
BODY: dict[str, Tensor] = SOURCE.body.state_dict()


def prefixed(prefix: str) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in BODY.items()}


def in_type(kind: torch.dtype) -> dict[str, Tensor]:
    return {name: tensor.to(kind) if tensor.is_floating_point() else tensor for name, tensor in BODY.items()}


def saved(content: Any, **options: Any) -> Callable[[Path], None]:
    return lambda path: torch.save(content, path, **options)


OPTIONS = argparse.Namespace(lr=0.1, milestones=[1, 2], output=Path("runs"), device="cuda", resume=None)
NUMBERS = {
    "curve": np.arange(3.0),
    "confusion": np.eye(2, dtype=np.uint8),
    "best": np.float64(93.5),
    "acc": np.float32(0.5),
    "epoch": np.int64(3),
    "last": np.bool_(True),
}
OLD = {"_use_new_zipfile_serialization": False}
AVERAGE = AveragedModel(SOURCE.body).state_dict()

TAKEN: dict[str, Callable[[Path], None]] = {
    "the tensors alone": saved(BODY),
    "in torch.save's old format": saved(BODY, **OLD),
    "as safetensors, whatever the file is called": lambda path: save_file(BODY, path),
    "below `state_dict`": saved({"state_dict": BODY, "epoch": 3}),
    "below `model`, with options of a training script (argparse.Namespace)": saved({"model": BODY, "args": OPTIONS}),
    "the same in the old format": saved({"model": BODY, "args": OPTIONS, "optimizer": {}}, **OLD),
    "below `model_state_dict`, with NumPy's numbers": saved({"model_state_dict": BODY, **NUMBERS}),
    "below `net`, with NumPy's numbers, in the old format": saved({"net": BODY, **NUMBERS}, **OLD),
    "below `ema`": saved({"ema": BODY, "updates": 7}),
    "below `model` and `state_dict`": saved({"model": {"state_dict": BODY}}),
    "names behind `module.` (DataParallel)": saved({"state_dict": prefixed("module.")}),
    "names behind `_orig_mod.` (torch.compile)": saved(prefixed("_orig_mod.")),
    "names behind `model.` (Lightning)": saved({"state_dict": prefixed("model."), "pytorch-lightning_version": "2.4"}),
    "names behind `net.`": saved({"model": prefixed("net.")}),
    "names behind `_orig_mod.module.model.`": saved(prefixed("_orig_mod.module.model.")),
    "names behind `module._orig_mod.`": saved(prefixed("module._orig_mod.")),
    "AveragedModel's, with its counter": saved(AVERAGE),
    "AveragedModel's below `ema`": saved({"epoch": 1, "ema": AVERAGE}),
    "without batch norm's counters": saved({name: t for name, t in BODY.items() if "num_batches" not in name}),
    "parameters": saved({name: nn.Parameter(t) if t.is_floating_point() else t for name, t in BODY.items()}),
    "in bfloat16": saved(in_type(torch.bfloat16)),
    "in float64": saved(in_type(torch.float64)),
}


@pytest.mark.parametrize("form", TAKEN)
@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_what_is_common_is_taken(form: str, name: str, tmp_path: Path) -> None:
    TAKEN[form](tmp_path / name)
    target = fresh(seed=1)
    load_weights(target, read_weights_file(tmp_path / name))
    tolerance = 0.01 if "bfloat16" in form else 0.0
    for tensor, wanted in zip(target.body.state_dict().values(), BODY.values(), strict=True):
        torch.testing.assert_close(tensor, wanted, rtol=tolerance, atol=0)


def test_of_several_the_first_of_the_usual_names_is_taken(tmp_path: Path) -> None:
    other = fresh(seed=5).body.state_dict()
    torch.save({"ema": other, "model": BODY}, tmp_path / "both.pth")
    assert torch.equal(read_weights_file(tmp_path / "both.pth")["conv1.weight"], BODY["conv1.weight"])


class Mine(nn.Module):
    """A class that only its author has."""


def packed(path: Path) -> None:
    torch.save(BODY, path.with_suffix(".inner"))
    with tarfile.open(path, "w") as archive:
        archive.add(path.with_suffix(".inner"))


def cut(of: Callable[[Path], None]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        of(path)
        path.write_bytes(path.read_bytes()[:5000])

    return write


def folder(path: Path) -> None:
    path.mkdir()
    (path / "model.safetensors").touch()


def holding(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def numpy_arrays(path: Path) -> None:
    with open(path, "wb") as file:
        np.savez(file, weight=np.zeros(3))


def scripted(path: Path) -> None:
    """As torch.jit.save lays a program out."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("data.pkl", "constants.pkl", "code/__torch__.py", "version"):
            archive.writestr(f"program/{name}", b"")


REFUSED: dict[str, Callable[[Path], None]] = {
    "an empty file": holding(b""),
    "a Git LFS pointer": holding(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"),
    "a web page": holding(b"\n<!DOCTYPE html>\n<html><head><title>404</title>"),
    "a server's refusal in XML": holding(b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"),
    "JSON": holding(b'{"error": "not found"}'),
    "text": holding(b"https://example.org/resnet20.pth\n"),
    "a file that is cut short": cut(saved(BODY)),
    "the same in the old format": cut(saved(BODY, **OLD)),
    "safetensors that are cut short": cut(TAKEN["as safetensors, whatever the file is called"]),
    "gzip": holding(gzip.compress(b"weights")),
    "a tar archive": packed,
    "a folder": folder,
    "NumPy's arrays": numpy_arrays,
    "Keras's HDF5": holding(b"\x89HDF\r\n\x1a\n" + bytes(100)),
    "ONNX": holding(b"\x08\x08\x12\x07pytorch\x1a\x052.4.1" + bytes(100)),
    "TorchScript": scripted,
    "a pickle": holding(pickle.dumps({"a": 1})),
    "a whole network": saved(Mine()),
    "no tensors": saved({"optimizer": {"state": {}}, "epoch": 3}),
    "a list of tensors": saved([torch.zeros(2)]),
}


def said_of(form: str, path: Path) -> str:
    REFUSED[form](path)
    with pytest.raises(WeightsError) as refused:
        read_weights_file(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ") and "\n" not in message and "\x1b" not in message
    return message.removeprefix(f"{path}: ")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("form", REFUSED)
def test_what_is_something_else_is_told_as_what_it_is(form: str, tmp_path: Path) -> None:
    assert "weights_only" not in said_of(form, tmp_path / "weights.pth")


def test_the_page_says_what_is_taken_and_what_is_refused(tmp_path: Path) -> None:
    rows = [[form, "taken", ""] for form in TAKEN]
    for number, form in enumerate(REFUSED):
        said = said_of(form, tmp_path / f"{number}.pth")
        rows.append([form, "refused", said.replace("tests.workers.test_weights_file", "my_code")])
    check_table("weights", ["what the file is", "", "what is said"], rows)


def fault(tensors: dict[str, Tensor], path: Path, into: Network | None = None) -> str:
    torch.save(tensors, path)
    with pytest.raises(WeightsError) as refused:
        load_weights(fresh() if into is None else into, read_weights_file(path))
    return str(refused.value)


def test_what_does_not_fit_is_told_in_the_files_own_names(tmp_path: Path) -> None:
    lacking = {name: t for name, t in prefixed("module.").items() if name != "module.linear.bias"}
    path = tmp_path / "weights.pth"
    assert fault(lacking, path) == "it lacks module.linear.bias"
    more = {**prefixed("_orig_mod.module."), "_orig_mod.module.head.weight": torch.zeros(2)}
    assert fault(more, path) == "it holds _orig_mod.module.head.weight, which the network has not"
    said = fault({"module.features.0.weight": torch.zeros(2)}, path)
    assert "it lacks module.conv1.weight, module.bn1.weight, module.bn1.bias and 94 more" in said
    assert "it holds module.features.0.weight, which the network has not" in said and "body." not in said


@pytest.mark.parametrize("classes", [1000, 100])
def test_another_number_of_classes_is_told(tmp_path: Path, classes: int) -> None:
    said = fault(fresh(classes=classes).body.state_dict(), tmp_path / "weights.pth")
    assert said.endswith(f"the file may be of {classes:,} classes, and the data has 10")


def test_the_command_tells_it_before_anything_starts(tmp_path: Path) -> None:
    for form, said in (("an empty file", "0 bytes"), ("a Git LFS pointer", "git lfs pull")):
        REFUSED[form](tmp_path / "weights.pth")
        refused = refusal(
            "run",
            "quickstart",
            "--store",
            str(tmp_path / "store"),
            *("--set", f"baseline={{weights: {tmp_path / 'weights.pth'}}}"),
            *("--set", "axes={architecture: resnet20, iterations: 0}"),
        )
        assert f"baseline.weights: {tmp_path / 'weights.pth'}: " in refused and said in refused
        assert not (tmp_path / "store").exists()


def test_a_file_in_the_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(BODY, tmp_path / "mine.pth")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_weights_file("~/mine.pth").keys() == BODY.keys()
    shutil.move(tmp_path / "mine.pth", tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="there is no such weights file"):
        read_weights_file("~/mine.pth")
