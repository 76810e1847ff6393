"""Fingerprints depend on the content of a data set and not on its path."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from prunesweep.sweeps.datasets import Cifar10, Cifar100, DatasetSettings, Digits, ImageFolder, Imagenet, ImageParquet
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.fingerprints import Fingerprints, data_fingerprints, file_sha256

Make = Callable[[Path], DatasetSettings]


def parquet(folder: Path) -> ImageParquet:
    """Return a data set of three files; a fingerprint depends only on their bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train-0.parquet", "train-1.parquet", "test.parquet"):
        (folder / name).write_bytes(name.encode())
    return ImageParquet(name="image_parquet", train=(f"{folder}/train-*.parquet",), test=(f"{folder}/test.parquet",))


def image_folder(folder: Path) -> ImageFolder:
    """Return a data set of two classes with one image each."""
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (folder / split / name).mkdir(parents=True, exist_ok=True)
            (folder / split / name / "0.png").write_bytes(f"{split} {name}".encode())
    return ImageFolder(name="image_folder", train=f"{folder}/train", test=f"{folder}/test")


def class_folders(folder: Path) -> Imagenet:
    """Return the data set of ``image_folder`` for the reader that streams."""
    folders = image_folder(folder)
    return Imagenet(name="imagenet", train=(folders.train,), test=(folders.test,))


def shards(folder: Path) -> Imagenet:
    """Return a data set of three files that end like Parquet files: with a footer, its length and PAR1."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train-0.parquet", "train-1.parquet", "test.parquet"):
        (folder / name).write_bytes(shard(footer=name.encode()))
    return Imagenet(name="imagenet", train=(f"{folder}/train-*.parquet",), test=(f"{folder}/test.parquet",))


def shard(rows: bytes = b"rows", footer: bytes = b"footer") -> bytes:
    return b"PAR1" + rows + footer + len(footer).to_bytes(4, "little") + b"PAR1"


FILES = {
    "image_parquet": (parquet, "train-1.parquet"),
    "image_folder": (image_folder, "train/dog/0.png"),
    "class folders": (class_folders, "train/dog/0.png"),
}
each_kind_of_files = pytest.mark.parametrize(("make", "file"), FILES.values(), ids=FILES)


@each_kind_of_files
def test_a_fingerprint_depends_on_the_content_and_not_on_the_path(make: Make, file: str, tmp_path: Path) -> None:
    before = data_fingerprints(make(tmp_path / "here"))
    assert data_fingerprints(make(tmp_path / "there" / "deeper")) == before


@each_kind_of_files
def test_changed_training_images_change_only_their_own_fingerprint(make: Make, file: str, tmp_path: Path) -> None:
    settings = make(tmp_path)
    before = data_fingerprints(settings)
    (tmp_path / file).write_bytes(b"other")
    after = data_fingerprints(settings)
    assert after.train != before.train
    assert after.test == before.test


def test_the_fingerprint_of_streamed_shards_depends_on_names_sizes_and_footers(tmp_path: Path) -> None:
    settings = shards(tmp_path / "here")
    before, path = data_fingerprints(settings), tmp_path / "here" / "train-1.parquet"
    assert data_fingerprints(shards(tmp_path / "there")) == before
    after = []
    for content in (shard(rows=b"more rows"), shard(footer=b"train-2.parquet"), shard(footer=b"train-1.parquet")):
        path.write_bytes(content)
        after.append(data_fingerprints(settings))
    assert len({before.train, after[0].train, after[1].train}) == 3
    assert after[2] == before
    assert {fingerprints.test for fingerprints in after} == {before.test}
    path.rename(path.with_name("train-2.parquet"))
    assert data_fingerprints(settings).train != before.train


@pytest.mark.parametrize(
    ("change", "differing"),
    [
        ({"size": 64}, {"train", "test"}),
        ({"resize": 232}, {"train", "test"}),
        ({"resize": 256}, set()),
        ({"classes": 9}, {"train", "test"}),
        ({"shuffle_window": 100}, {"train"}),
        ({"train_limit": 2}, {"train"}),
    ],
)
def test_settings_that_change_streamed_images_change_the_fingerprint(
    change: dict[str, int], differing: set[str], tmp_path: Path
) -> None:
    settings = shards(tmp_path)
    before, after = data_fingerprints(settings), data_fingerprints(settings.model_copy(update=change))
    assert {name for name in vars(before) if getattr(before, name) != getattr(after, name)} == differing


@pytest.mark.parametrize("change", [{"shuffle_window": 100}, {"classes": 2}])
def test_settings_without_effect_on_class_folders_do_not_change_their_fingerprint(
    change: dict[str, int], tmp_path: Path
) -> None:
    settings = class_folders(tmp_path)
    assert data_fingerprints(settings) == data_fingerprints(settings.model_copy(update=change))


@pytest.mark.parametrize("make", [image_folder, class_folders])
def test_a_renamed_class_changes_the_fingerprint(make: Make, tmp_path: Path) -> None:
    settings = make(tmp_path)
    before = data_fingerprints(settings)
    shutil.move(tmp_path / "train" / "cat", tmp_path / "train" / "ant")
    assert data_fingerprints(settings).train != before.train


@pytest.mark.parametrize("make", [image_folder, class_folders])
def test_files_other_than_images_do_not_change_the_fingerprint(make: Make, tmp_path: Path) -> None:
    settings = make(tmp_path)
    before = data_fingerprints(settings)
    (tmp_path / "train" / "cat" / "notes.txt").write_text("x")
    (tmp_path / "train" / ".cache").mkdir()
    (tmp_path / "train" / ".cache" / "0.png").write_text("x")
    assert data_fingerprints(settings) == before


@pytest.mark.parametrize(
    ("other", "differing"),
    [
        (Digits(name="digits", size=32), {"train", "test"}),
        (Digits(name="digits", train_limit=100), {"train"}),
        (Digits(name="digits", test_limit=100), {"test"}),
        (Digits(name="digits", size=16), set()),
    ],
)
def test_settings_that_change_the_images_change_the_fingerprint(other: Digits, differing: set[str]) -> None:
    before, after = data_fingerprints(Digits(name="digits")), data_fingerprints(other)
    assert {name for name in vars(before) if getattr(before, name) != getattr(after, name)} == differing


def test_the_fingerprint_of_cifar_needs_no_files_and_does_not_depend_on_root() -> None:
    assert data_fingerprints(Cifar10(name="cifar10", root="a")) == data_fingerprints(Cifar10(name="cifar10"))
    assert data_fingerprints(Cifar100(name="cifar100", root="a")) == data_fingerprints(Cifar100(name="cifar100"))
    assert data_fingerprints(Cifar100(name="cifar100")) != data_fingerprints(Cifar10(name="cifar10"))


def test_training_and_test_images_never_have_the_same_fingerprint() -> None:
    fingerprints: Fingerprints = data_fingerprints(Digits(name="digits"))
    assert fingerprints.train != fingerprints.test


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (ImageParquet(name="image_parquet", train=("a.parquet",), test=("b",)), "dataset.train: a.parquet: no such"),
        (ImageParquet(name="image_parquet", train=("no/*.parquet",), test=("b",)), "dataset.train: no/*.parquet: no"),
        (ImageParquet(name="image_parquet", train=(".",), test=("b",)), "dataset.train: .: is a folder without"),
        (ImageFolder(name="image_folder", train="nowhere", test="b"), "dataset.train: nowhere: no such folder"),
        (ImageFolder(name="image_folder", train=".", test="b"), "dataset.train: .: contains no image"),
        (Imagenet(name="imagenet", train=("nowhere",), test=("b",)), "dataset.train: nowhere: no such file"),
        (Imagenet(name="imagenet", train=(".",), test=("b",)), "dataset.train: .: contains no image"),
        (
            Imagenet(name="imagenet", train=(__file__,), test=("b",)),
            f"dataset.train: {__file__}: is not a Parquet file",
        ),
    ],
)
def test_missing_files_give_a_message_of_one_line(
    settings: DatasetSettings, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as missing:
        data_fingerprints(settings)
    assert str(missing.value).startswith(message)
    assert "\n" not in str(missing.value)


def test_a_missing_weights_file_gives_a_message_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^baseline\.weights: .*none\.th: No such file or directory$"):
        file_sha256(str(tmp_path / "none.th"), "baseline.weights")
