"""Fingerprints: what a data set holds, whatever its path is."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from prunesweep.sweeps.datasets import Cifar10, Cifar100, DatasetSettings, Digits, ImageFolder, Imagenet, ImageParquet
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.fingerprints import Fingerprints, data_fingerprints, file_sha256

Make = Callable[[Path], DatasetSettings]


def parquet(folder: Path) -> ImageParquet:
    """A data set of three files; their bytes are all that a fingerprint looks at."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train-0.parquet", "train-1.parquet", "test.parquet"):
        (folder / name).write_bytes(name.encode())
    return ImageParquet(name="image_parquet", train=(f"{folder}/train-*.parquet",), test=(f"{folder}/test.parquet",))


def image_folder(folder: Path) -> ImageFolder:
    """A data set of two classes with an image each."""
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (folder / split / name).mkdir(parents=True, exist_ok=True)
            (folder / split / name / "0.png").write_bytes(f"{split} {name}".encode())
    return ImageFolder(name="image_folder", train=f"{folder}/train", test=f"{folder}/test")


def class_folders(folder: Path) -> Imagenet:
    """The same, streamed."""
    folders = image_folder(folder)
    return Imagenet(name="imagenet", train=(folders.train,), test=(folders.test,))


def shards(folder: Path) -> Imagenet:
    """Three files that end as Parquet does: with a footer, its length and PAR1."""
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
def test_the_content_counts_and_not_the_path(make: Make, file: str, tmp_path: Path) -> None:
    before = data_fingerprints(make(tmp_path / "here"))
    assert data_fingerprints(make(tmp_path / "there" / "deeper")) == before


@each_kind_of_files
def test_one_other_byte_in_training_images_changes_their_fingerprint_alone(
    make: Make, file: str, tmp_path: Path
) -> None:
    settings = make(tmp_path)
    before = data_fingerprints(settings)
    (tmp_path / file).write_bytes(b"other")
    after = data_fingerprints(settings)
    assert after.train != before.train
    assert after.test == before.test


def test_of_streamed_shards_names_sizes_and_footers_count(tmp_path: Path) -> None:
    settings = shards(tmp_path / "here")
    before, path = data_fingerprints(settings), tmp_path / "here" / "train-1.parquet"
    assert data_fingerprints(shards(tmp_path / "there")) == before
    after = []
    for content in (shard(rows=b"more rows"), shard(footer=b"train-2.parquet"), shard(footer=b"train-1.parquet")):
        path.write_bytes(content)
        after.append(data_fingerprints(settings))
    assert len({before.train, after[0].train, after[1].train}) == 3
    assert after[2] == before
    assert {found.test for found in after} == {before.test}
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
def test_settings_of_streamed_images_that_change_them_change_the_fingerprint(
    change: dict[str, int], differing: set[str], tmp_path: Path
) -> None:
    settings = shards(tmp_path)
    before, after = data_fingerprints(settings), data_fingerprints(settings.model_copy(update=change))
    assert {name for name in vars(before) if getattr(before, name) != getattr(after, name)} == differing


@pytest.mark.parametrize("change", [{"shuffle_window": 100}, {"classes": 2}])
def test_what_class_folders_do_not_need_is_no_part_of_their_fingerprint(change: dict[str, int], tmp_path: Path) -> None:
    settings = class_folders(tmp_path)
    assert data_fingerprints(settings) == data_fingerprints(settings.model_copy(update=change))


@pytest.mark.parametrize("make", [image_folder, class_folders])
def test_a_class_by_another_name_is_another_data_set(make: Make, tmp_path: Path) -> None:
    settings = make(tmp_path)
    before = data_fingerprints(settings)
    shutil.move(tmp_path / "train" / "cat", tmp_path / "train" / "ant")
    assert data_fingerprints(settings).train != before.train


@pytest.mark.parametrize("make", [image_folder, class_folders])
def test_files_that_are_no_images_do_not_count(make: Make, tmp_path: Path) -> None:
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


def test_cifar10_needs_no_files_for_its_fingerprint_and_its_root_does_not_count() -> None:
    assert data_fingerprints(Cifar10(name="cifar10", root="a")) == data_fingerprints(Cifar10(name="cifar10"))
    assert data_fingerprints(Cifar100(name="cifar100", root="a")) == data_fingerprints(Cifar100(name="cifar100"))
    assert data_fingerprints(Cifar100(name="cifar100")) != data_fingerprints(Cifar10(name="cifar10"))


def test_training_and_test_images_never_have_the_same_fingerprint() -> None:
    found: Fingerprints = data_fingerprints(Digits(name="digits"))
    assert found.train != found.test


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (ImageParquet(name="image_parquet", train=("a.parquet",), test=("b",)), "dataset.train: a.parquet: no such"),
        (ImageParquet(name="image_parquet", train=("no/*.parquet",), test=("b",)), "dataset.train: no/*.parquet: no"),
        (ImageParquet(name="image_parquet", train=(".",), test=("b",)), "dataset.train: .: Is a directory"),
        (ImageFolder(name="image_folder", train="nowhere", test="b"), "dataset.train: nowhere: no such folder"),
        (ImageFolder(name="image_folder", train=".", test="b"), "dataset.train: .: no image in it"),
        (Imagenet(name="imagenet", train=("nowhere",), test=("b",)), "dataset.train: nowhere: no such file"),
        (Imagenet(name="imagenet", train=(".",), test=("b",)), "dataset.train: .: no image in it"),
        (Imagenet(name="imagenet", train=(__file__,), test=("b",)), f"dataset.train: {__file__}: is no Parquet file"),
    ],
)
def test_what_is_missing_is_one_line(
    settings: DatasetSettings, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as missing:
        data_fingerprints(settings)
    assert str(missing.value).startswith(said)
    assert "\n" not in str(missing.value)


def test_a_missing_weights_file_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^baseline\.weights: .*none\.th: No such file or directory$"):
        file_sha256(str(tmp_path / "none.th"), "baseline.weights")
