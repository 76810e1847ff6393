"""Weights files in all common forms, and the messages about files that are something else."""

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
    "only tensors": saved(BODY),
    "in torch.save's old format": saved(BODY, **OLD),
    "as safetensors, whatever the file's name": lambda path: save_file(BODY, path),
    "below `state_dict`": saved({"state_dict": BODY, "epoch": 3}),
    "below `model`, beside options of a training script (argparse.Namespace)": saved({"model": BODY, "args": OPTIONS}),
    "below `model`, beside options, in the old format": saved({"model": BODY, "args": OPTIONS, "optimizer": {}}, **OLD),
    "below `model_state_dict`, beside NumPy numbers": saved({"model_state_dict": BODY, **NUMBERS}),
    "below `net`, beside NumPy numbers, in the old format": saved({"net": BODY, **NUMBERS}, **OLD),
    "below `ema`": saved({"ema": BODY, "updates": 7}),
    "below `model` and `state_dict`": saved({"model": {"state_dict": BODY}}),
    "names with the prefix `module.` (DataParallel)": saved({"state_dict": prefixed("module.")}),
    "names with the prefix `_orig_mod.` (torch.compile)": saved(prefixed("_orig_mod.")),
    "names with the prefix `model.` (Lightning)": saved(
        {"state_dict": prefixed("model."), "pytorch-lightning_version": "2.4"}
    ),
    "names with the prefix `net.`": saved({"model": prefixed("net.")}),
    "names with the prefix `_orig_mod.module.model.`": saved(prefixed("_orig_mod.module.model.")),
    "names with the prefix `module._orig_mod.`": saved(prefixed("module._orig_mod.")),
    "of an AveragedModel, with its counter": saved(AVERAGE),
    "of an AveragedModel, below `ema`": saved({"epoch": 1, "ema": AVERAGE}),
    "without the counters of batch norms": saved({name: t for name, t in BODY.items() if "num_batches" not in name}),
    "as `nn.Parameter` objects": saved(
        {name: nn.Parameter(t) if t.is_floating_point() else t for name, t in BODY.items()}
    ),
    "in bfloat16": saved(in_type(torch.bfloat16)),
    "in float64": saved(in_type(torch.float64)),
}


@pytest.mark.parametrize("form", TAKEN)
@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_common_forms_are_read(form: str, name: str, tmp_path: Path) -> None:
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
    """A class that exists only in the code that saved the file."""


def packed(path: Path) -> None:
    torch.save(BODY, path.with_suffix(".inner"))
    with tarfile.open(path, "w") as archive:
        archive.add(path.with_suffix(".inner"))


def truncated(write_whole: Callable[[Path], None]) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        write_whole(path)
        path.write_bytes(path.read_bytes()[:5000])

    return write


def folder(path: Path) -> None:
    path.mkdir()
    (path / "model.safetensors").touch()


def with_content(content: bytes) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        path.write_bytes(content)

    return write


def numpy_arrays(path: Path) -> None:
    with open(path, "wb") as file:
        np.savez(file, weight=np.zeros(3))


def scripted(path: Path) -> None:
    """Write a file with the members that torch.jit.save writes."""
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("data.pkl", "constants.pkl", "code/__torch__.py", "version"):
            archive.writestr(f"program/{name}", b"")


REFUSED: dict[str, Callable[[Path], None]] = {
    "an empty file": with_content(b""),
    "a Git LFS pointer": with_content(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"),
    "a web page": with_content(b"\n<!DOCTYPE html>\n<html><head><title>404</title>"),
    "an XML error message of a server": with_content(b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>"),
    "a JSON file": with_content(b'{"error": "not found"}'),
    "a text file": with_content(b"https://example.org/resnet20.pth\n"),
    "a truncated file": truncated(saved(BODY)),
    "a truncated file in the old format": truncated(saved(BODY, **OLD)),
    "truncated safetensors": truncated(TAKEN["as safetensors, whatever the file's name"]),
    "a gzip file": with_content(gzip.compress(b"weights")),
    "a tar archive": packed,
    "a folder": folder,
    "NumPy arrays": numpy_arrays,
    "an HDF5 file of Keras": with_content(b"\x89HDF\r\n\x1a\n" + bytes(100)),
    "an ONNX model": with_content(b"\x08\x08\x12\x07pytorch\x1a\x052.4.1" + bytes(100)),
    "a TorchScript program": scripted,
    "another pickle": with_content(pickle.dumps({"a": 1})),
    "a pickled network": saved(Mine()),
    "a file without tensors": saved({"optimizer": {"state": {}}, "epoch": 3}),
    "a list of tensors": saved([torch.zeros(2)]),
}


def message_of(form: str, path: Path) -> str:
    REFUSED[form](path)
    with pytest.raises(WeightsError) as refused:
        read_weights_file(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ") and "\n" not in message and "\x1b" not in message
    return message.removeprefix(f"{path}: ")


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("form", REFUSED)
def test_the_message_says_what_the_file_is(form: str, tmp_path: Path) -> None:
    assert "weights_only" not in message_of(form, tmp_path / "weights.pth")


def test_the_page_lists_the_accepted_and_refused_files(tmp_path: Path) -> None:
    rows = [[form, "accepted", ""] for form in TAKEN]
    for number, form in enumerate(REFUSED):
        message = message_of(form, tmp_path / f"{number}.pth")
        rows.append([form, "refused", message.replace("tests.workers.test_weights_file", "my_code")])
    check_table("weights", ["file", "result", "message"], rows)


def mismatch(tensors: dict[str, Tensor], path: Path, into: Network | None = None) -> str:
    torch.save(tensors, path)
    with pytest.raises(WeightsError) as refused:
        load_weights(fresh() if into is None else into, read_weights_file(path))
    return str(refused.value)


def test_messages_about_mismatches_use_the_names_in_the_file(tmp_path: Path) -> None:
    incomplete = {name: t for name, t in prefixed("module.").items() if name != "module.linear.bias"}
    path = tmp_path / "weights.pth"
    assert mismatch(incomplete, path) == "the file has no module.linear.bias"
    extended = {**prefixed("_orig_mod.module."), "_orig_mod.module.head.weight": torch.zeros(2)}
    assert mismatch(extended, path) == "the network has no _orig_mod.module.head.weight"
    message = mismatch({"module.features.0.weight": torch.zeros(2)}, path)
    assert "the file has no module.conv1.weight, module.bn1.weight, module.bn1.bias and 94 more" in message
    assert "the network has no module.features.0.weight" in message and "body." not in message


@pytest.mark.parametrize("classes", [1000, 100])
def test_the_message_mentions_another_number_of_classes(tmp_path: Path, classes: int) -> None:
    message = mismatch(fresh(classes=classes).body.state_dict(), tmp_path / "weights.pth")
    assert message.endswith(f"the file may be for {classes:,} classes, but the data has 10")


def test_the_command_line_refuses_it_before_any_trial_starts(tmp_path: Path) -> None:
    for form, message in (("an empty file", "0 bytes"), ("a Git LFS pointer", "git lfs pull")):
        REFUSED[form](tmp_path / "weights.pth")
        refused = refusal(
            "run",
            "quickstart",
            "--store",
            str(tmp_path / "store"),
            *("--set", f"baseline={{weights: {tmp_path / 'weights.pth'}}}"),
            *("--set", "axes={architecture: resnet20, iterations: 0}"),
        )
        assert f"baseline.weights: {tmp_path / 'weights.pth'}: " in refused and message in refused
        assert not (tmp_path / "store").exists()


def test_a_file_in_the_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.save(BODY, tmp_path / "mine.pth")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert read_weights_file("~/mine.pth").keys() == BODY.keys()
    shutil.move(tmp_path / "mine.pth", tmp_path / "other.pth")
    with pytest.raises(WeightsError, match="there is no such weights file"):
        read_weights_file("~/mine.pth")
