"""Files in class folders, through both readers of them: which are images, and which are refused by name."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prunesweep.sweeps.datasets import ImageFolder, Imagenet
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.fingerprints import data_fingerprints
from prunesweep.sweeps.images.corruption_files import imagenet_c_classes, list_image_names
from prunesweep.workers.data import class_folders, soundness
from prunesweep.workers.data.load import load_dataset
from tests.helpers.command import refusal
from tests.helpers.data_page import check_table
from tests.helpers.images import SIDE, encoded
from tests.helpers.parquet import picture

Change = Callable[[Path], object]


def write(path: Path, number: int, container: str = "PNG") -> None:
    """Write a picture that differs for every number."""
    pixels = np.random.default_rng(number).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(Image.fromarray(pixels), container))


def write_tree(root: Path) -> Path:
    """Write two images of each of two classes, for both splits."""
    for index, name in enumerate(("train/cat", "train/dog", "test/cat", "test/dog")):
        for number in range(2):
            write(root / name / f"{number}.png", 10 * index + number)
    return root


def readers_of(root: Path) -> tuple[ImageFolder, Imagenet]:
    train, test = str(root / "train"), str(root / "test")
    in_memory = ImageFolder(name="image_folder", train=train, test=test)
    return in_memory, Imagenet(name="imagenet", train=(train,), test=(test,), size=SIDE, resize=SIDE)


def outcome(root: Path) -> str:
    """Return the number of images of each class, or why the tree is refused, which is the same for both readers."""
    said = set()
    for settings in readers_of(root):
        try:
            data_fingerprints(settings)
            data = load_dataset(settings)
        except DataError as error:
            line = str(error).replace(f"{root}/", "").replace(" (to use Parquet shards, give a glob)", "")
            said.add(f"refused: {line}")
        else:
            counts = np.bincount(data.train.labels.numpy(), minlength=len(data.classes))
            images = ", ".join(f"{count} {name}" for name, count in zip(data.classes, counts, strict=True))
            said.add(f"accepted: {images}")
    assert len(said) == 1, said
    return said.pop()


def images_at(*paths: str) -> Change:
    """Return a change that adds images, all different."""

    def change(root: Path) -> None:
        for number, path in enumerate(paths):
            write(root / path, 100 + number)

    return change


def linked(target: str, link: str) -> Change:
    def change(root: Path) -> None:
        (root / link).parent.mkdir(parents=True, exist_ok=True)
        (root / link).symlink_to(root / target)

    return change


def holding(content: bytes, *paths: str) -> Change:
    def change(root: Path) -> None:
        for path in paths:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)

    return change


def all_of(*changes: Change) -> Change:
    return lambda root: [change(root) for change in changes]


def splits_as_classes(root: Path) -> None:
    """Make the folder of a split one that holds the folders of splits, as if the data set's folder were given."""
    (root / "train").rename(root / "moved")
    (root / "train").mkdir()
    (root / "moved").rename(root / "train" / "train")
    images_at("train/val/cat/0.png", "train/val/dog/0.png")(root)


JUNK = b"\0\5\x16\7\0\2\0\0Mac OS X"
CASES: dict[str, Change] = {
    "`3.PNG`, `3.jpe`, `3.jfif`, `3.JPEG`": images_at(
        "train/cat/3.PNG", "train/cat/3.jpe", "train/cat/3.jfif", "train/cat/3.JPEG"
    ),
    "`notes.txt`, `3.gif`, `3.npy`, `Thumbs.db`, `desktop.ini`": holding(
        JUNK, *(f"train/cat/{name}" for name in ("notes.txt", "3.gif", "3.npy", "Thumbs.db", "desktop.ini"))
    ),
    "`a/3.png`, `a/b/3.png`: folders in a class folder, at any depth": images_at(
        "train/cat/a/3.png", "train/cat/a/b/3.png"
    ),
    "`x.png/3.png`: a folder with the name of an image": images_at("train/cat/x.png/3.png"),
    "`.ipynb_checkpoints/3.png`, `._0.png`, `.DS_Store`": all_of(
        images_at("train/cat/.ipynb_checkpoints/3.png"), holding(JUNK, "train/cat/._0.png", "train/cat/.DS_Store")
    ),
    "`a/.cache/b/3.png`, `a/._0.png`: hidden at any depth": all_of(
        images_at("train/cat/a/.cache/b/3.png"), holding(JUNK, "train/cat/a/._0.png")
    ),
    "`.cache` among the class folders": images_at("train/.cache/3.png", "test/.cache/3.png"),
    "`__MACOSX`, `@eaDir`: folders that operating systems create": images_at(
        "train/__MACOSX/cat/3.png", "train/@eaDir/3.png", "train/cat/@eaDir/3.png/THUMB.jpg"
    ),
    "an image beside the class folders": images_at("train/3.png"),
    "a class folder without an image": lambda root: (root / "train" / "emu").mkdir(),
    "a link to a class folder, to a folder in one, to an image": all_of(
        images_at("elsewhere/emu/3.png", "elsewhere/deeper/3.png", "elsewhere/3.png"),
        linked("elsewhere/emu", "train/emu"),
        linked("elsewhere/deeper", "train/cat/deeper"),
        linked("elsewhere/3.png", "train/cat/3.png"),
    ),
    "a pipe with the name of an image": lambda root: os.mkfifo(root / "train" / "cat" / "3.png"),
    "a link to a folder that contains it": linked("train", "train/cat/again"),
    "a broken link to an image": linked("elsewhere/3.png", "train/cat/3.png"),
    "a broken link to a folder": linked("elsewhere", "train/emu"),
    "an empty file": holding(b"", "train/cat/3.png"),
    "a file that is not an image": holding(JUNK, "train/dog/a/3.jpg"),
    "a truncated file": holding(picture(7)[:-50], "train/dog/3.png"),
    "a Git LFS pointer": holding(b"version https://git-lfs.github.com/spec/v1\n", "test/cat/3.png"),
    "splits in place of class folders": splits_as_classes,
    "no class folder": lambda root: [path.rename(root / path.name) for path in sorted((root / "train").iterdir())],
}


@pytest.mark.parametrize("change", CASES.values(), ids=CASES)
def test_both_readers_agree(change: Change, tmp_path: Path) -> None:
    change(write_tree(tmp_path))
    assert outcome(tmp_path)


def test_the_page_says_what_both_readers_see(tmp_path: Path) -> None:
    rows = []
    for index, (name, change) in enumerate(CASES.items()):
        root = write_tree(tmp_path / str(index))
        change(root)
        rows.append([name, outcome(root)])
    check_table("files", ["in addition to two images each of cat and dog", "result"], rows)


HIDDEN = [name for name in CASES if "hidden" in name or "`." in name or "@" in name]


@pytest.mark.parametrize("name", HIDDEN)
def test_hidden_files_do_not_change_a_key(name: str, tmp_path: Path) -> None:
    for settings in readers_of(write_tree(tmp_path)):
        before = data_fingerprints(settings)
        CASES[name](tmp_path)
        assert data_fingerprints(settings) == before


def test_a_path_to_the_images_may_be_hidden_itself(tmp_path: Path) -> None:
    for settings in readers_of(write_tree(tmp_path / ".cache" / "._data")):
        assert len(load_dataset(settings).train) == 4


def test_a_split_named_like_a_class_is_one_where_it_holds_images(tmp_path: Path) -> None:
    root = write_tree(tmp_path)
    for split in ("train", "test"):
        for old, new in (("cat", "test"), ("dog", "train")):
            (root / split / old).rename(root / split / new)
    assert outcome(root) == "accepted: 2 test, 2 train"


def test_images_deeper_than_their_class_are_of_the_class_and_in_order(tmp_path: Path) -> None:
    root = write_tree(tmp_path)
    images_at("train/cat/0/9.png", "train/cat/0.d/1.png", "train/cat/0/10.png")(root)
    found = [load_dataset(settings) for settings in readers_of(root)]
    assert [data.train.labels.tolist() for data in found] == [[0, 0, 0, 0, 0, 1, 1]] * 2
    in_memory, streamed = (data.train.read(slice(None)) for data in found)
    assert bool((in_memory == streamed).all())


def test_imagenet_c_has_no_hidden_images_either(tmp_path: Path) -> None:
    images_at("fog/5/n0/b.JPEG", "fog/5/.cache/a.JPEG")(tmp_path)
    holding(JUNK, "fog/5/n0/._b.JPEG")(tmp_path)
    assert imagenet_c_classes(str(tmp_path), "fog", 5) == ["n0"]
    assert list_image_names(tmp_path / "fog" / "5" / "n0") == ["b.JPEG"]


# Streamed images, which may be too many to read them all before a sweep starts


def test_a_sample_of_too_many_files_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_tree(tmp_path)
    for number in range(40):
        write(root / "train" / "cat" / f"{number:02}.png", number)
    (root / "train" / "cat" / "07.png").write_bytes(JUNK)
    settings = readers_of(root)[1]
    with pytest.raises(DataError, match=r"07\.png: cannot be decoded"):
        load_dataset(settings)
    monkeypatch.setattr(class_folders, "FILES_CHECKED", 3)
    monkeypatch.setattr(soundness, "ALWAYS_DECODED", 3)
    assert len(load_dataset(settings).train) == 44


@pytest.mark.parametrize("container", ["PNG", "JPEG"])
def test_the_end_of_every_checked_file_is_checked(
    container: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_tree(tmp_path)
    path = root / "train" / "cat" / "3.jpg"
    write(path, 3, container)
    path.write_bytes(path.read_bytes()[:-100])
    monkeypatch.setattr(soundness, "ALWAYS_DECODED", 1)
    with pytest.raises(DataError, match=r"3\.jpg: cannot be decoded: image file is truncated"):
        load_dataset(readers_of(root)[1])


def test_no_file_may_be_empty_however_many_there_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_tree(tmp_path)
    holding(b"", "train/cat/a/3.png")(root)
    monkeypatch.setattr(class_folders, "FILES_CHECKED", 1)
    with pytest.raises(DataError, match=r"train/cat/a/3\.png: cannot be decoded: it is empty \(0 bytes\)$"):
        load_dataset(readers_of(root)[1])


def test_a_whole_photograph_with_bytes_after_its_end_is_taken(tmp_path: Path) -> None:
    root = write_tree(tmp_path)
    write(root / "train" / "cat" / "3.jpg", 3, "JPEG")
    with (root / "train" / "cat" / "3.jpg").open("ab") as file:
        file.write(bytes(1000))
    assert outcome(root) == "accepted: 3 cat, 2 dog"


@pytest.mark.parametrize("reader", ["image_folder", "imagenet"])
def test_a_run_says_which_file_in_one_line_before_anything_is_written(reader: str, tmp_path: Path) -> None:
    root = write_tree(tmp_path)
    holding(JUNK, "train/dog/0000.png")(root)
    sweep = root / "sweep.yaml"
    sweep.write_text(
        f"name: undecodable\ndataset: {{name: {reader}, train: {root}/train, test: {root}/test}}\n"
        "baseline: {epochs: 1}\naxes: {architecture: resnet20, iterations: 0}\nattacks: {fgsm: {epsilons: [8/255]}}\n"
    )
    said = refusal("run", str(sweep), "--store", str(root / "store"), "--in-process")
    assert "dog/0000.png: cannot be decoded: it is not an image in a format that can be read" in said
    assert not (root / "store" / "results").exists()
