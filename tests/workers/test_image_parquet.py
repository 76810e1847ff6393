"""Image-Parquet files of users: paths with brackets, folders, other columns, and files that cannot be read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from prunesweep.sweeps.datasets import Imagenet, ImageParquet
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.fingerprints import data_fingerprints
from prunesweep.sweeps.images.parquet_files import parquet_files
from prunesweep.workers.data.load import load_dataset
from tests.helpers.parquet import PICTURE, picture, write_images

LABELS = [0, 1] * 3


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def both_readers(train: str, test: str) -> list[ImageParquet | Imagenet]:
    return [
        ImageParquet(name="image_parquet", train=(train,), test=(test,)),
        Imagenet(name="imagenet", train=(train,), test=(test,), size=16, resize=16),
    ]


# Which files


@pytest.mark.parametrize("folder", ["[2020] set", "a*b", "what?", "plain"])
@pytest.mark.parametrize("name", ["train.parquet", "train-*.parquet"])
def test_a_path_that_exists_is_not_a_glob(folder: str, name: str) -> None:
    write_images(Path(folder, "train.parquet"), LABELS)
    write_images(Path(folder, "train-[1].parquet"), LABELS, first=50)
    write_images(Path(folder, "test [new].parquet"), LABELS, first=100)
    for settings in both_readers(f"{folder}/{name}", f"{folder}/test [new].parquet"):
        data_fingerprints(settings)
        data = load_dataset(settings)
        assert (len(data.train), len(data.test)) == (6, 6)


def test_a_pattern_that_is_not_a_path_is_a_glob() -> None:
    for name in ("a1", "a2", "b1", "deep/er/a3"):
        write_images(Path(f"{name}.parquet"), LABELS)
    assert parquet_files(["[ab]1.parquet"], "dataset.train") == ["a1.parquet", "b1.parquet"]
    assert parquet_files(["**/a*.parquet"], "dataset.train") == ["a1.parquet", "a2.parquet", "deep/er/a3.parquet"]
    with pytest.raises(DataError, match=r"^dataset\.test: \[cd\]1\.parquet: no such file$"):
        parquet_files(["[cd]1.parquet"], "dataset.test")


FOLDERS = {
    "as Hugging Face's hub has it": (
        "data/train-00000-of-00002",
        "data/train-00001-of-00002",
        "data/test-00000-of-00001",
    ),
    "as its converter writes it": ("default/train/0000", "default/train/0001", "default/test/0000"),
    "flat": ("train", "train_2", "test"),
    "with a third split": ("plain/train-0", "plain/train-1", "plain/test-0", "plain/validation-0"),
}


@pytest.mark.parametrize("files", FOLDERS.values(), ids=FOLDERS)
def test_a_data_sets_folder_gives_the_files_of_a_split(files: tuple[str, ...]) -> None:
    for number, name in enumerate((*files, ".cache/train-9")):
        write_images(Path("set", f"{name}.parquet"), LABELS, first=100 * number)
    Path("set/README.md").write_text("about it")
    settings = ImageParquet(name="image_parquet", train=("set",), test=("set",))
    data = load_dataset(settings)
    assert (len(data.train), len(data.test)) == (12, 6)
    paths = [tuple(f"set/{name}.parquet" for name in names) for names in (files[:2], files[2:3])]
    same = ImageParquet(name="image_parquet", train=paths[0], test=paths[1])
    assert data_fingerprints(settings) == data_fingerprints(same)


def test_all_shards_in_a_folder_without_split_names_are_read() -> None:
    for number, name in enumerate(("one/part-0", "one/part-1", "two/part-0")):
        write_images(Path(f"{name}.parquet"), LABELS, first=100 * number)
    data = load_dataset(ImageParquet(name="image_parquet", train=("one",), test=("two",)))
    assert (len(data.train), len(data.test)) == (12, 6)


def test_folders_with_ambiguous_splits_are_refused() -> None:
    for name in ("some/train-0", "some/validation-0", "many/a/test-0", "many/b/test-0"):
        write_images(Path(f"{name}.parquet"), LABELS)
    Path("empty").mkdir()
    for folder, message in {
        "some": "named after the split test, only after train and validation; give the paths of the files",
        "many": "Parquet files for test are in many/a and many/b; give one of these folders, or the paths of the files",
        "empty": "is a folder without a Parquet file",
    }.items():
        with pytest.raises(DataError, match=f"^dataset.test: {folder}: .*{message}$"):
            parquet_files([folder], "dataset.test")


# Which columns


BYTES = [pa.binary(), pa.large_binary(), pa.binary_view()]
IMAGES = [
    *BYTES,
    *(pa.struct([("bytes", type_), ("path", pa.string())]) for type_ in BYTES),
    pa.struct([("bytes", pa.binary())]),
]


@pytest.mark.parametrize("type_", IMAGES, ids=str)
def test_bytes_of_every_type_are_read(type_: pa.DataType) -> None:
    write_images(Path("train.parquet"), LABELS)
    write_images(Path("other.parquet"), LABELS, type_=type_)
    write_images(Path("test.parquet"), LABELS, first=100, type_=type_)
    for settings in both_readers("other.parquet", "test.parquet"):
        expected = load_dataset(settings.model_copy(update={"train": ("train.parquet",)}))
        data = load_dataset(settings)
        assert torch.equal(data.train.read(slice(None)), expected.train.read(slice(None)))


def test_of_several_columns_of_bytes_the_image_column_is_found_by_its_name() -> None:
    hashes, contents = [b"a", b"b"], [picture(1), picture(2)]
    pq.write_table(pa.table({"hash": hashes, "img": contents, "label": [0, 1]}), "train.parquet")
    pq.write_table(pa.table({"hash": hashes, "content": contents, "label": [0, 1]}), "unclear.parquet")
    write_images(Path("test.parquet"), LABELS, first=100)
    assert len(load_dataset(both_readers("train.parquet", "test.parquet")[0]).train) == 2
    with pytest.raises(DataError, match=r"unclear\.parquet: has several columns of bytes, hash and content; rename"):
        load_dataset(both_readers("unclear.parquet", "test.parquet")[0])


def test_an_empty_file_among_others_does_no_harm() -> None:
    write_images(Path("train-0.parquet"), pa.array([], pa.int64()))
    write_images(Path("train-1.parquet"), LABELS)
    write_images(Path("test.parquet"), LABELS, first=100)
    for settings in both_readers("train-*.parquet", "test.parquet"):
        assert len(load_dataset(settings).train) == 6


def write_table(**columns: Any) -> Callable[[], object]:
    return lambda: pq.write_table(pa.table(columns), "bad.parquet")


def write_bytes(content: bytes) -> Callable[[], object]:
    return lambda: Path("bad.parquet").write_bytes(content)


def write_truncated() -> object:
    write_images(Path("whole.parquet"), LABELS)
    return Path("bad.parquet").write_bytes(Path("whole.parquet").read_bytes()[:-100])


PICTURES = pa.array([{"bytes": picture(row), "path": None} for row in range(2)], PICTURE)
PATHS = pa.array([{"bytes": None, "path": "a.png"}] * 2, PICTURE)
UNREADABLE = {
    "empty": (write_bytes(b""), "is empty: 0 bytes"),
    "a Git LFS pointer": (
        write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n"),
        "is a Git LFS pointer and not the file itself; `git lfs pull` fetches it",
    ),
    "a web page": (write_bytes(b"<!doctype html><html>Sign in</html>"), "is HTML or XML, which a server sent instead"),
    "another file": (write_bytes(b"PK\3\4 and more than eight bytes"), "is not a Parquet file, or is damaged"),
    "truncated": (write_truncated, "is not a Parquet file, or is damaged"),
}
BAD = {
    "no image column": (
        write_table(image=["a.png", "b.png"], label=[0, 1]),
        "no column of images ({bytes, path}, or bytes alone): image is of type string; its columns are image, label",
    ),
    "an image column with another name": (
        write_table(pixels=[[1.0]], label=[0]),
        "or bytes alone); its columns are pixels, label",
    ),
    "no label column": (
        write_table(image=PICTURES, target=[0, 1]),
        "has no column of labels, named label, labels or fine_label; its columns are image, target",
    ),
    "labels of another type": (
        write_table(image=PICTURES, label=[{"a": 1}, {"a": 2}]),
        "its column label is of type struct<a: int64>; labels are whole numbers or text",
    ),
    "paths alone": (write_table(image=PATHS, label=[0, 1]), "row 0 holds no image bytes"),
    "no rows": (
        write_table(image=PICTURES[:0], label=pa.array([], pa.int64())),
        "0 training images; there must be at least",
    ),
}


@pytest.mark.parametrize(("write", "message"), [*UNREADABLE.values(), *BAD.values()], ids=[*UNREADABLE, *BAD])
def test_bad_files_give_one_line(write: Callable[[], object], message: str) -> None:
    write()
    write_images(Path("test.parquet"), LABELS, first=100)
    for settings in both_readers("bad.parquet", "test.parquet"):
        with pytest.raises(DataError) as caught:
            data_fingerprints(settings)
            load_dataset(settings).train.read(slice(None))
        assert message in str(caught.value) and "\n" not in str(caught.value)
        assert "bad.parquet" in str(caught.value) or "training images" in str(caught.value)
