"""The same images in both splits: files, folders and pixels."""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from prunesweep.orchestrator.running.run import run_sweep
from prunesweep.sweeps.catalogue import DATASETS
from prunesweep.sweeps.datasets import Digits, ImageFolder, Imagenet, ImageParquet
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.fingerprints import data_fingerprints
from prunesweep.sweeps.images.parquet_files import parquet_files
from prunesweep.workers.data.load import load_dataset
from tests.helpers.parquet import picture, write_images
from tests.helpers.printed import reported_lines

Settings = ImageParquet | ImageFolder | Imagenet
LABELS = [0, 1] * 4


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Write two training shards and a test shard, and class folders, into the working directory of each test."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("train-0", "train-1", "test-0")):
        write_images(Path("shards", f"{name}.parquet"), LABELS, first=100 * number)
    for number, split in enumerate(("train", "val")):
        for label, name in enumerate(("cat", "dog")):
            Path("folders", split, name).mkdir(parents=True)
            for row in range(4):
                content = picture(1000 * (1 + number) + 100 * label + row)
                Path("folders", split, name, f"{row}.png").write_bytes(content)


def of_shards(reader: str, train: str | list[str], test: str | list[str], **options: Any) -> Settings:
    kind: Any = DATASETS[reader].settings
    size = {"size": 16} if reader == "imagenet" else {}
    loaded: Settings = kind(name=reader, train=train, test=test, **size, **options)
    return loaded


each_of_shards = pytest.mark.parametrize("reader", ["image_parquet", "imagenet"])
each_of_folders = pytest.mark.parametrize("reader", ["image_folder", "imagenet"])


# Files given twice


@pytest.mark.parametrize(
    "twice",
    [
        ["shards/train-0.parquet", "shards/train-*.parquet"],
        ["shards/train-*.parquet", "./shards/../shards/train-1.parquet"],
        ["shards/train-*.parquet", "linked.parquet"],
        ["shards/train-*.parquet", "hard.parquet"],
        ["shards/train-*.parquet", "elsewhere/train-*.parquet"],
    ],
)
@each_of_shards
def test_a_file_given_twice_is_read_once(reader: str, twice: list[str]) -> None:
    os.symlink("shards/train-0.parquet", "linked.parquet")
    os.link("shards/train-1.parquet", "hard.parquet")
    os.symlink("shards", "elsewhere")
    data = load_dataset(of_shards(reader, twice, "shards/test-*.parquet"))
    assert len(data.train) == 16
    once = of_shards(reader, ["shards/train-*.parquet"], "shards/test-*.parquet")
    assert data_fingerprints(of_shards(reader, twice, "shards/test-*.parquet")) == data_fingerprints(once)
    order = [Path(file).name for file in parquet_files(["shards/train-1.parquet", "shards/*.parquet"], "dataset.train")]
    assert order == ["train-1.parquet", "test-0.parquet", "train-0.parquet"], "in the order of the patterns"


# Files in both splits


@pytest.mark.parametrize(
    ("train", "test", "refused"),
    [
        ("shards/*.parquet", "shards/test-0.parquet", "shards/test-0.parquet"),
        ("shards/train-0.parquet", "shards/train-0.parquet", "shards/train-0.parquet"),
        ("shards/train-*.parquet", "linked.parquet", "linked.parquet"),
        ("shards/train-*.parquet", ["shards/test-0.parquet", "hard.parquet"], "hard.parquet"),
        ("shards/train-*.parquet", ["shards/test-0.parquet", "copy.parquet"], "copy.parquet"),
        ("shards", "shards/train-*.parquet", "shards/train-0.parquet"),
    ],
)
@each_of_shards
def test_a_file_in_both_splits_is_refused(reader: str, train: Any, test: Any, refused: str) -> None:
    os.symlink("shards/train-0.parquet", "linked.parquet")
    os.link("shards/train-1.parquet", "hard.parquet")
    shutil.copy("shards/train-1.parquet", "copy.parquet")
    if reader == "imagenet" and train == "shards":
        pytest.skip("for imagenet, a folder contains class folders")
    settings = of_shards(reader, train, test)
    with pytest.raises(DataError) as caught:
        load_dataset(settings)
    copied = reader == "image_parquet" and refused == "copy.parquet"  # the pixels of images in memory are compared
    assert ("8 of 16 test images are among" if copied else f"{refused}: is among the training") in str(caught.value)
    assert "dataset.allow_overlap: true" in str(caught.value) and "\n" not in str(caught.value)
    allowed = settings.model_copy(update={"allow_overlap": True})
    assert len(load_dataset(allowed).test) >= 8
    assert data_fingerprints(allowed) == data_fingerprints(settings)


@pytest.mark.parametrize(
    ("train", "test", "refused"),
    [
        ("folders/train", "folders/train", "folders/train/cat"),
        ("folders/train", "folders/../folders/train/", "folders/train/cat"),
        ("folders/train", "linked", "linked/cat"),
        ("folders/train", "some", "some/cat"),
    ],
)
@each_of_folders
def test_folders_in_both_splits_are_refused(reader: str, train: str, test: str, refused: str) -> None:
    os.symlink("folders/train", "linked")
    Path("some").mkdir()
    os.symlink("../folders/train/cat", "some/cat")
    os.symlink("../folders/val/dog", "some/dog")
    with pytest.raises(DataError, match=f"^dataset.test: .*{refused}: is among the training images too"):
        load_dataset(of_shards(reader, train, test))
    assert load_dataset(of_shards(reader, train, test, allow_overlap=True)).classes == ("cat", "dog")


@each_of_folders
def test_test_images_within_the_training_folder_are_refused(reader: str) -> None:
    """They would be a class of the training images, beside cat and dog."""
    Path("folders/train/test").mkdir()
    shutil.move("folders/val/cat", "folders/train/test/cat")
    shutil.move("folders/val/dog", "folders/train/test/dog")
    with pytest.raises(DataError, match=r"^dataset\.test: .*folders/train/test/cat: is among the training images too"):
        load_dataset(of_shards(reader, "folders/train", "folders/train/test"))


# Equal pixels


def with_copies(copies: int, test_images: int) -> ImageFolder:
    """Write copies of training images and new images into the test folder."""
    for row in range(test_images - 8):
        Path(f"folders/val/cat/more{row}.png").write_bytes(picture(50_000 + row))
    for row in range(copies):
        source = "cat" if row < 4 else "dog"
        shutil.copy(f"folders/train/{source}/{row % 4}.png", f"folders/val/{source}/0 of train {row}.png")
    return ImageFolder(name="image_folder", train="folders/train", test="folders/val")


def test_a_few_equal_images_are_reported() -> None:
    data = load_dataset(with_copies(1, test_images=99))
    assert data.notes == ("1 of 100 test images is among the training images, pixel for pixel",)


def test_more_than_one_percent_of_equal_images_is_refused_unless_allowed() -> None:
    settings = with_copies(2, test_images=98)
    with pytest.raises(DataError, match=r"^image_folder: 2 of 100 test images are among the training images,"):
        load_dataset(settings)
    data = load_dataset(settings.model_copy(update={"allow_overlap": True}))
    assert data.notes == ("2 of 100 test images are among the training images, pixel for pixel",)


def test_images_that_limits_leave_out_do_not_count() -> None:
    settings = with_copies(1, test_images=20)
    with pytest.raises(DataError, match="1 of 21 test images is among"):
        load_dataset(settings)
    data = load_dataset(settings.model_copy(update={"train_limit": 2, "allow_overlap": True}))
    whole = load_dataset(settings.model_copy(update={"allow_overlap": True}))
    assert len(whole.notes) == 1 and len(data.notes) == int(_count_shared(data) > 0)


def _count_shared(data: Any) -> int:
    train = {image.numpy().tobytes() for image in data.train.read(slice(None))}
    return sum(image.numpy().tobytes() in train for image in data.test.read(slice(None)))


def test_equal_images_in_different_parquet_files_are_found() -> None:
    """The same pictures in another file with different bytes."""
    write_images(Path("shards/other.parquet"), LABELS, first=0, column="labels")
    with pytest.raises(DataError, match="8 of 8 test images are among the training images, pixel for pixel"):
        load_dataset(of_shards("image_parquet", "shards/train-*.parquet", "shards/other.parquet"))


def test_published_data_sets_are_not_checked() -> None:
    data = load_dataset(Digits(name="digits"))
    assert data.notes == ()
    assert torch.equal(data.train.labels, load_dataset(Digits(name="digits", allow_overlap=True)).train.labels)
    assert data_fingerprints(Digits(name="digits", allow_overlap=True)) == data_fingerprints(Digits(name="digits"))


def test_a_run_prints_the_notes_about_its_data(capsys: pytest.CaptureFixture[str]) -> None:
    settings = with_copies(1, test_images=99)
    sweep = {
        "name": "notes",
        "dataset": settings.model_dump(mode="json", exclude_none=True),
        "baseline": {"epochs": 1},
        "axes": {"architecture": "resnet20", "iterations": 0},
        "attacks": {"occlusion": {}},
    }
    run_sweep(sweep, store="memory://notes", in_process=True)
    first, *_ = reported_lines(capsys.readouterr().out)
    assert first == "1 of 100 test images is among the training images, pixel for pixel"
