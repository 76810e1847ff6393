"""Tables of docs/data.md on labels, class names, limits, columns and overlaps, from files that are written here."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from prunesweep.sweeps.datasets import DatasetSettings, Digits, ImageFolder, ImageParquet
from prunesweep.sweeps.errors import DataError
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.data.load import load_dataset
from tests.helpers.data_page import check_table
from tests.helpers.parquet import PICTURE, picture, write_images

Files = list[tuple[Any, tuple[str, ...]]]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def parquet(train: Files, test: Files) -> ImageParquet:
    """Write a training and a test split of (labels, class names) files and return their settings."""
    for path in Path().glob("*.parquet"):
        path.unlink()
    for split, files, first in (("train", train, 0), ("test", test, 1000)):
        for number, (labels, names) in enumerate(files):
            write_images(Path(f"{split}-{number}.parquet"), labels, names, first=first + 100 * number)
    return ImageParquet(name="image_parquet", train=("train-*.parquet",), test=("test-*.parquet",))


def outcome(settings: DatasetSettings, describe: Callable[[Dataset], str]) -> str:
    """Return the description of the data set and the notes for the user, or why it is refused."""
    try:
        data = load_dataset(settings)
    except DataError as error:
        return f"refused: {error}"
    return "; note: ".join([f"accepted: {describe(data)}", *data.notes])


def classes_of(data: Dataset) -> str:
    return f"classes {', '.join(data.classes)}"


def labels_of(data: Dataset) -> str:
    return f"test images of {', '.join(data.classes[label] for label in data.test.labels)}"


LABELS: dict[str, Any] = {
    "`int8` … `int64`": pa.array([1, 0], pa.int8()),
    "`uint8` … `uint64`": pa.array([1, 0], pa.uint64()),
    "`bool`": [True, False],
    "`float`, whole numbers": [1.0, 0.0],
    "`float`, fractions": [0.5, 0.0],
    "`string`, `large_string`, `string_view`": ["dog", "cat"],
    "`dictionary` of strings": pa.array(["dog", "cat"]).dictionary_encode(),
    "−1": [-1, -1],
    "null": [0, None],
    "`binary`": [b"dog", b"cat"],
    "`list`": [[0], [1]],
}


def test_types_of_labels() -> None:
    rows = [[kind, outcome(parquet([(given, ())], [(given, ())]), classes_of)] for kind, given in LABELS.items()]
    check_table("labels", ["type of labels", "result"], rows)


CAT_DOG, DOG_CAT = ("cat", "dog"), ("dog", "cat")
NAMES: dict[str, tuple[Files, Files]] = {
    "cat, dog": ([([0, 1], CAT_DOG)], [([0, 1], CAT_DOG)]),
    "dog, cat": ([([0, 1], CAT_DOG)], [([0, 1], DOG_CAT)]),
    "dog": ([([0, 1], CAT_DOG)], [([0, 0], ("dog",))]),
    "cat, dog; two training files: cat, dog and dog, cat": (
        [([0, 1], CAT_DOG), ([0, 1], DOG_CAT)],
        [([0, 1], CAT_DOG)],
    ),
    "text labels": ([([0, 1], CAT_DOG)], [(["dog", "dog"], ())]),
    "none": ([([0, 1], CAT_DOG)], [([0, 1], ())]),
    "cat, dog; none in the training file": ([([0, 1], ())], [([0, 1], CAT_DOG)]),
    "text labels; none in the training file": ([([0, 1], ())], [(["cat", "dog"], ())]),
    "none; text labels in the training file": ([(["cat", "dog"], ())], [([0, 1], ())]),
    "cat, unicorn": ([([0, 1], CAT_DOG)], [([0, 1], ("cat", "unicorn"))]),
    "cat, cat in both files": ([([0, 1], ("cat", "cat"))], [([0, 1], ("cat", "cat"))]),
}


def test_names_of_classes() -> None:
    rows = [[names, outcome(parquet(*files), labels_of)] for names, files in NAMES.items()]
    check_table("class names", ["class names in the test file", "result"], rows)


def test_limits() -> None:
    class_sizes = {"ant": 20, "bee": 9, "cow": 3}
    labels = np.repeat(np.arange(3), list(class_sizes.values())).tolist()

    def shares(data: Dataset) -> str:
        counts = np.bincount(data.train.labels, minlength=len(data.classes))
        return ", ".join(f"{count} {name}" for name, count in zip(data.classes, counts, strict=True))

    settings = parquet([(labels, tuple(class_sizes))], [(labels, tuple(class_sizes))])
    rows = [
        [f"`train_limit: {limit}`", outcome(settings.model_copy(update={"train_limit": limit}), shares)]
        for limit in (3, 6, 15, 32, 2)
    ]
    digits = Digits(name="digits", train_limit=25)
    check_table("limits", ["setting", "result"], [*rows, ["`train_limit: 25` of digits", outcome(digits, shares)]])


def table(**columns: Any) -> Callable[[], object]:
    return lambda: pq.write_table(pa.table(columns), "train-0.parquet")


def file(content: bytes) -> Callable[[], object]:
    return lambda: Path("train-0.parquet").write_bytes(content)


PICTURES = pa.array([{"bytes": picture(row), "path": None} for row in range(2)], PICTURE)
CONTENTS = [picture(row) for row in range(2)]
COLUMNS: dict[str, Callable[[], object]] = {
    "a column of `{bytes, path}`, whatever its name": table(photo_of_it=PICTURES, label=[0, 1]),
    "a column of `binary`, `large_binary` or `binary_view`": table(
        image=pa.array(CONTENTS, pa.binary_view()), label=[0, 1]
    ),
    "two columns of bytes, one named image": table(hash=[b"a", b"b"], image=CONTENTS, label=[0, 1]),
    "two columns of bytes, neither named image": table(hash=[b"a", b"b"], content=CONTENTS, label=[0, 1]),
    "labels named label, labels or fine_label": table(image=PICTURES, fine_label=[0, 1]),
    "labels with another name": table(image=PICTURES, target=[0, 1]),
    "paths in place of images": table(image=["a.png", "b.png"], label=[0, 1]),
    "a Git LFS pointer": file(b"version https://git-lfs.github.com/spec/v1\n"),
    "an empty file": file(b""),
    "another file": file(b"something else"),
}


def test_columns_and_files() -> None:
    settings, rows = parquet([], [([0, 1], ())]), []
    for kind, write in COLUMNS.items():
        write()
        rows.append([kind, outcome(settings, lambda data: f"{len(data.train)} images")])
    check_table("Parquet columns", ["columns or file", "result"], rows)


def test_overlaps() -> None:
    def count(data: Dataset) -> str:
        return f"{len(data.train)} training and {len(data.test)} test images"

    whole = parquet([([0, 1] * 4, ())] * 2, [([0, 1] * 4, ())])
    shutil.copy("train-0.parquet", "copy.parquet")
    for split, numbers in (("train", range(100)), ("test", range(99, 199))):
        for number in numbers:
            path = Path("folders", split, CAT_DOG[number % 2], f"{number}.png")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(number))
    folders = ImageFolder(name="image_folder", train="folders/train", test="folders/test")
    same = folders.model_copy(update={"test": "folders/train"})
    cases: dict[str, Any] = {
        "a training file given twice": {"train": ("train-*.parquet", "train-0.parquet")},
        "a training glob that matches the test file": {"train": ("t*.parquet",)},
        "a copy of a training file": {"test": ("copy.parquet",)},
        "a copy of a training file, with `allow_overlap: true`": {"test": ("copy.parquet",), "allow_overlap": True},
    }
    rows = [[case, outcome(whole.model_copy(update=update), count)] for case, update in cases.items()]
    rows += [
        ["one test image in a hundred", outcome(folders, count)],
        ["`test` and `train` are the same folder", outcome(same, count)],
    ]
    check_table("overlaps", ["images in both splits", "result"], rows)
