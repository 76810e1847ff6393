"""Home folders in paths: ``~`` and ``~USER`` work in every path of a sweep, and do not affect keys."""

import os
import pwd
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from prunesweep.sweeps.datasets import Cifar10, ImageFolder, ImageParquet
from prunesweep.sweeps.errors import SweepError
from prunesweep.sweeps.fingerprints import data_fingerprints
from prunesweep.sweeps.language import Axes, Sweep
from prunesweep.sweeps.paths import expand_home
from prunesweep.sweeps.reader import find_sweep, parse_sweep, read_sweep
from prunesweep.sweeps.tree import grow_tree
from tests.helpers.trees import TINY_SWEEP

FOLDERS = "{name: image_folder, train: ~/train, test: ~/test}"
PARQUET = "{name: image_parquet, train: [~/a-*.parquet, b.parquet], test: ~/test.parquet}"
SHARDS = "{name: imagenet, train: ~/train, test: [~/a, ~/b]}"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty folder that is the home folder during the test."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("~", "HOME"),
        ("~/", "HOME/"),
        ("~/data/x", "HOME/data/x"),
        (Path("~/data"), "HOME/data"),
        ("./~/x", "./~/x"),
        ("data/~", "data/~"),
        ("$HOME/x", "$HOME/x"),
        ("/absolute", "/absolute"),
        ("", ""),
        ("~nobody-of-that-name/x", "~nobody-of-that-name/x"),
    ],
)
def test_a_tilde_at_the_beginning_is_a_home_folder(home: Path, path: str | Path, meant: str) -> None:
    assert expand_home(path) == meant.replace("HOME", str(home), 1 if meant.startswith("HOME") else 0)


def test_another_users_home_is_found() -> None:
    user = pwd.getpwuid(os.getuid())
    assert expand_home(f"~{user.pw_name}/x") == f"{user.pw_dir}/x"


@pytest.mark.parametrize(
    ("override", "attributes", "meant"),
    [
        ("dataset={name: cifar10, root: ~/data}", ("dataset", "root"), "HOME/data"),
        ("dataset={name: cifar100, root: ~/data}", ("dataset", "root"), "HOME/data"),
        (f"dataset={FOLDERS}", ("dataset", "train"), "HOME/train"),
        (f"dataset={FOLDERS}", ("dataset", "test"), "HOME/test"),
        (f"dataset={PARQUET}", ("dataset", "train"), ("HOME/a-*.parquet", "b.parquet")),
        (f"dataset={PARQUET}", ("dataset", "test"), ("HOME/test.parquet",)),
        (f"dataset={SHARDS}", ("dataset", "train"), ("HOME/train",)),
        (f"dataset={SHARDS}", ("dataset", "test"), ("HOME/a", "HOME/b")),
        ("baseline.weights=~/resnet20.th", ("baseline", "weights"), "HOME/resnet20.th"),
        ("baseline={weights: a.th, defences: {d: ~/d.th}}", ("baseline", "defences"), {"d": "HOME/d.th"}),
        ("attacks={corruptions: {source: cifar10_c, root: ~/c}}", ("attacks", "corruptions", "root"), "HOME/c"),
    ],
)
def test_every_path_of_a_sweep_may_begin_with_a_tilde(
    home: Path, override: str, attributes: tuple[str, ...], meant: Any
) -> None:
    key, _, value = override.partition("=")
    block, _, last = key.partition(".")
    without = "\n".join(line for line in TINY_SWEEP.splitlines() if not line.startswith(f"{block}:"))
    in_file = f"{without}\n{block}: {f'{{{last}: {value}}}' if last else value}\n"
    for sweep in (parse_sweep(TINY_SWEEP, [override]), parse_sweep(in_file)):
        found: Any = sweep
        for name in attributes:
            found = getattr(found, name)
        assert with_home(meant, home) == found


def with_home(value: Any, home: Path) -> Any:
    if isinstance(value, dict):
        return {name: with_home(each, home) for name, each in value.items()}
    return (
        tuple(with_home(each, home) for each in value) if isinstance(value, tuple) else value.replace("HOME", str(home))
    )


def test_the_name_of_a_pretrained_network_is_not_a_path(home: Path) -> None:
    sweep = parse_sweep(TINY_SWEEP, ["baseline.weights=torchvision:IMAGENET1K_V1", "axes.architecture=resnet50"])
    assert sweep.baseline.weights == "torchvision:IMAGENET1K_V1"


def test_path_objects_are_accepted_in_python(home: Path) -> None:
    root: Any = Path("~/data")
    assert Cifar10(name="cifar10", root=root).root == str(home / "data")
    assert ImageFolder(name="image_folder", train=root, test=root).train == str(home / "data")
    assert ImageParquet(name="image_parquet", train=root, test=(root, "b")).test == (str(home / "data"), "b")


@pytest.mark.parametrize("settings", ["{name: cifar10, root: ~}", "{name: image_parquet, train: ~, test: a}"])
def test_a_tilde_alone_is_null_and_the_message_says_so(settings: str) -> None:
    with pytest.raises(SweepError, match="is null, which is how YAML reads a ~ alone; for your home folder write ~/"):
        parse_sweep(TINY_SWEEP, [f"dataset={settings}"])
    assert parse_sweep(TINY_SWEEP, ["baseline.weights=~"]).baseline.weights is None


def test_a_sweep_file_may_lie_in_a_home_folder(home: Path) -> None:
    (home / "mine.yaml").write_text(TINY_SWEEP)
    assert find_sweep("~/mine.yaml") == home / "mine.yaml"
    assert read_sweep("~/mine.yaml") == read_sweep(Path("~/mine.yaml")) == parse_sweep(TINY_SWEEP)


def test_keys_do_not_depend_on_the_spelling_of_a_path(home: Path, tmp_path: Path) -> None:
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (home / split / name).mkdir(parents=True)
            (home / split / name / "0.png").write_bytes(f"{split} {name}".encode())
    (home / "net.th").write_bytes(b"weights")
    shutil.copytree(home, tmp_path / "elsewhere")

    def keys(folder: str) -> list[str]:
        dataset = f"dataset={{name: image_folder, train: {folder}/train, test: {folder}/test}}"
        sweep = parse_sweep(TINY_SWEEP, [dataset, f"baseline.weights={folder}/net.th"])
        return [data_fingerprints(sweep.dataset).test, *grow_tree(sweep).trials]

    assert keys("~") == keys(str(home)) == keys(str(tmp_path / "elsewhere"))


# Text fields that are not paths; the last test below finds a path field that was added without ``UserPath``.
WORDS = {"name", *Axes.model_fields}


def blocks_of(block: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield block
    for field in block.model_fields.values():
        for part in parts_of(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from blocks_of(part)


def parts_of(annotation: Any) -> Iterator[Any]:
    yield annotation
    if get_origin(annotation) is not Literal:
        for part in get_args(annotation):
            yield from parts_of(part)


def test_every_text_field_of_the_language_is_a_word_or_a_user_path() -> None:
    texts = {
        f"{block.__name__}.{name}": "expand_home" in f"{field.annotation} {field.metadata}"
        for block in blocks_of(Sweep)
        for name, field in block.model_fields.items()
        if str in parts_of(field.annotation) and name not in WORDS
    }
    assert {"Baseline.weights", "Baseline.defences", "Imagenet.train", "Cifar10.root", "Corruptions.root"} <= {*texts}
    assert [name for name, takes_a_tilde in texts.items() if not takes_a_tilde] == []
