"""Labels of image-Parquet files: matching by class names, and all types of labels."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from prunesweep.sweeps.datasets import Imagenet, ImageParquet
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.fingerprints import Fingerprints, data_fingerprints
from prunesweep.workers.data.dataset import Dataset
from prunesweep.workers.data.load import load_dataset
from tests.helpers.parquet import write_images

CAT_DOG, DOG_CAT = ("cat", "dog"), ("dog", "cat")
Settings = ImageParquet | Imagenet
Make = Callable[..., Settings]
TakeFingerprints = Callable[[Settings], Fingerprints]
File = tuple[Any, tuple[str, ...]]
"""Labels, and the class names in the file's metadata."""


def image_parquet(folder: Path, train: Sequence[File], test: Sequence[File], **options: Any) -> ImageParquet:
    return ImageParquet(name="image_parquet", **paths(folder, train, test), **options)


def imagenet(folder: Path, train: Sequence[File], test: Sequence[File], **options: Any) -> Imagenet:
    return Imagenet(name="imagenet", size=16, **paths(folder, train, test), **options)


def paths(folder: Path, train: Sequence[File], test: Sequence[File]) -> dict[str, Any]:
    for split, files, start in (("train", train, 0), ("test", test, 10_000)):
        for number, (labels, names) in enumerate(files):
            write_images(folder / f"{split}-{number}.parquet", labels, names, first=start + 100 * number)
    return {split: (f"{folder}/{split}-*.parquet",) for split in ("train", "test")}


both_readers = pytest.mark.parametrize("make", [image_parquet, imagenet])


def labels(data: Dataset) -> tuple[list[str], list[str]]:
    """Return the names of the classes of the training images and of the test images."""
    train, test = ([data.classes[label] for label in split.labels] for split in (data.train, data.test))
    return train, test


@both_readers
def test_names_in_another_order_are_matched(make: Make, tmp_path: Path) -> None:
    data = load_dataset(make(tmp_path, [([0, 1, 1], CAT_DOG)], [([0, 0, 1], DOG_CAT)]))
    assert labels(data) == (["cat", "dog", "dog"], ["dog", "dog", "cat"])
    assert data.notes == ()


@both_readers
def test_a_test_file_may_name_only_some_of_the_classes(make: Make, tmp_path: Path) -> None:
    train = [([0, 1, 2], ("ant", "bee", "cow"))]
    data = load_dataset(make(tmp_path, train, [([0, 1, 1], ("bee", "cow"))]))
    assert labels(data)[1] == ["bee", "cow", "cow"]
    assert data.notes == (f"{data.name}: no test image is of class 'ant'",)


@both_readers
def test_training_shards_with_other_orders_and_other_classes_are_matched(make: Make, tmp_path: Path) -> None:
    train = [([0, 1], CAT_DOG), ([0, 1], DOG_CAT), ([0, 1], ("eel", "cat"))]
    data = load_dataset(make(tmp_path, train, [([0, 1, 2], ("eel", "dog", "cat"))]))
    assert data.classes == ("cat", "dog", "eel")
    assert labels(data) == (["cat", "dog", "dog", "cat", "eel", "cat"], ["eel", "dog", "cat"])


@both_readers
def test_each_test_shard_is_matched_by_its_own_names(make: Make, tmp_path: Path) -> None:
    data = load_dataset(make(tmp_path, [([0, 1], CAT_DOG)], [([0, 1], DOG_CAT), ([0, 0], CAT_DOG)]))
    assert labels(data)[1] == ["dog", "cat", "cat", "cat"]


@both_readers
def test_a_class_without_training_images_is_refused_by_name(make: Make, tmp_path: Path) -> None:
    for test in (([0, 1], ("cat", "unicorn")), ([0, 2], ("cat", "dog", "unicorn"))):
        with pytest.raises(DataError, match=r"^dataset\.test: .*test-0\.parquet: class 'unicorn' is not in the train"):
            load_dataset(make(tmp_path, [([0, 1], CAT_DOG)], [test]))


@both_readers
def test_a_class_name_that_no_test_image_has_is_ignored(make: Make, tmp_path: Path) -> None:
    data = load_dataset(make(tmp_path, [([0, 1], CAT_DOG)], [([1, 2], ("unicorn", "dog", "cat"))]))
    assert labels(data)[1] == ["dog", "cat"]


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        ([([0, 1], CAT_DOG)], [([0, 1], ())], "dataset.test: {folder}/test-0.parquet has no class names"),
        ([([0, 1], CAT_DOG)], [([0, 1], ())] * 2, "dataset.test: 2 files have no class names"),
        (
            [([0, 1], ()), ([0, 1], CAT_DOG)],
            [([0, 1], CAT_DOG)],
            "dataset.train: {folder}/train-0.parquet has no class names",
        ),
        ([([0, 1], ())], [([0, 1], DOG_CAT)], "dataset.train: has no class names, but dataset.test has"),
    ],
)
@both_readers
def test_a_note_says_that_only_one_split_has_class_names(
    make: Make, train: Sequence[File], test: Sequence[File], message: str, tmp_path: Path
) -> None:
    data = load_dataset(make(tmp_path, train, test))
    (note,) = data.notes
    assert note.startswith(message.format(folder=tmp_path)) and "matched by number" in note
    assert data.test.labels.tolist() == [0, 1] * len(test)


def test_without_any_class_names_there_is_no_note(tmp_path: Path) -> None:
    assert load_dataset(image_parquet(tmp_path, [([0, 1], ())], [([0, 1], ())])).notes == ()


@both_readers
def test_a_name_of_two_classes_is_refused_only_if_labels_are_renumbered(make: Make, tmp_path: Path) -> None:
    """ImageNet has two classes named crane."""
    cranes = ("crane", "crane", "dog")
    data = load_dataset(make(tmp_path, [([0, 1, 2], cranes)], [([0, 1, 2], cranes)]))
    assert data.test.labels.tolist() == [0, 1, 2] and data.classes == cranes
    with pytest.raises(DataError, match=r"class name 'crane' appears twice"):
        load_dataset(make(tmp_path, [([0, 1, 2], cranes)], [([0, 1], ("dog", "crane"))]))


def test_labels_are_matched_by_name_even_if_the_number_of_classes_is_set(tmp_path: Path) -> None:
    data = load_dataset(image_parquet(tmp_path, [([0, 1], CAT_DOG)], [([0, 0], DOG_CAT)], classes=3))
    assert data.classes == ("0", "1", "2") and data.test.labels.tolist() == [1, 1]


# Text, and other types


@both_readers
def test_text_is_matched_by_name(make: Make, tmp_path: Path) -> None:
    data = load_dataset(make(tmp_path, [(["dog", "cat"], ()), (["eel"], ())], [(["eel", "dog"], ())]))
    assert data.classes == ("cat", "dog", "eel")
    assert labels(data) == (["dog", "cat", "eel"], ["eel", "dog"])


def test_text_labels_and_class_names_are_matched(tmp_path: Path) -> None:
    for folder, train, test in (
        ("names", [([0, 1], DOG_CAT)], [(["cat", "dog"], ())]),
        ("text", [(["dog", "cat"], ())], [([1, 0], DOG_CAT)]),
    ):
        assert labels(load_dataset(image_parquet(tmp_path / folder, train, test))) == (["dog", "cat"], ["cat", "dog"])


def test_text_labels_with_numbers_match_numbers_without_names(tmp_path: Path) -> None:
    data = load_dataset(image_parquet(tmp_path, [([0, 1, 2], ())], [(["2", "0"], ())]))
    assert data.test.labels.tolist() == [2, 0]


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (
            [(["cat", "dog"], ())],
            [([0, 1], ())],
            "dataset.test: .*test-0.parquet: its labels are",
        ),
        (
            [(["cat", "dog"], ()), ([0], ())],
            [(["cat"], ())],
            "dataset.train: .*train-1.parquet: its labels are",
        ),
        ([([0, 1], ())], [(["cat", "dog"], ())], "dataset.test: .*: class 'cat' is not in the training images"),
    ],
)
def test_text_beside_numbers_without_names_is_refused(
    train: Sequence[File], test: Sequence[File], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset(image_parquet(tmp_path, train, test))


WHOLE = [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()]
TEXT = [pa.string(), pa.large_string(), pa.string_view()]


@pytest.mark.parametrize("type_", [*WHOLE, pa.float16(), pa.float32(), pa.float64(), pa.bool_()], ids=str)
def test_numbers_of_every_type_are_read(type_: pa.DataType, tmp_path: Path) -> None:
    files = [(pa.array([1, 0, 1], pa.int8()).cast(pa.int32() if pa.types.is_floating(type_) else type_), ())]
    if pa.types.is_floating(type_):
        files = [(files[0][0].cast(pa.float32()).cast(type_), ())]
    data = load_dataset(image_parquet(tmp_path, files, files))
    assert data.train.labels.tolist() == [1, 0, 1] and data.classes == ("0", "1")


@pytest.mark.parametrize("type_", [*TEXT, *(pa.dictionary(pa.int8(), text) for text in TEXT[:2])], ids=str)
def test_text_of_every_type_is_read(type_: pa.DataType, tmp_path: Path) -> None:
    files = [(pa.array(["dog", "cat"]).cast(type_), ())]
    assert labels(load_dataset(image_parquet(tmp_path, files, files)))[0] == ["dog", "cat"]


def test_whole_numbers_in_a_dictionary_are_numbers(tmp_path: Path) -> None:
    files = [(pa.array([7, 0, 7], pa.int64()).dictionary_encode(), ())]
    assert load_dataset(image_parquet(tmp_path, files, files, classes=8)).train.labels.tolist() == [7, 0, 7]


BAD_LABELS = {
    "a fraction": (pa.array([0.0, 0.5]), "its column label, of type double, holds a label that is not a whole number"),
    "beyond 63 bits": (pa.array([0, 2**63], pa.uint64()), "of type uint64, holds a label that is not a whole number"),
    "a list": ([[0], [1]], "its column label is of type list<element: int64>; labels are whole numbers or text"),
    "bytes": ([b"a", b"b"], "its column label is of type binary; labels are whole numbers or text"),
    "a missing number": ([0, None], "has rows without a label; row 1 is the first one"),
    "a missing text": (["a", None], "has rows without a label; row 1 is the first one"),
    "unlabelled": ([-1, -1], "-1 marks images without a label, as in Hugging Face's hidden test splits"),
}


@pytest.mark.parametrize(("column", "message"), BAD_LABELS.values(), ids=BAD_LABELS)
@both_readers
def test_bad_labels_give_one_line(make: Make, column: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load_dataset(make(tmp_path, [([0, 1], ())], [(column, ())]))
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_hidden_labels_in_a_file_with_class_names_are_explained(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 0 has label -1.*hidden test splits"):
        load_dataset(image_parquet(tmp_path, [([0, 1], CAT_DOG)], [([-1, -1], DOG_CAT)]))


# Keys


@pytest.fixture
def earlier(monkeypatch: pytest.MonkeyPatch) -> TakeFingerprints:
    """Return a function that takes fingerprints as an earlier version did, which ignored class names."""

    def take_fingerprints(settings: Settings) -> Fingerprints:
        with monkeypatch.context() as patch:
            patch.setattr("prunesweep.sweeps.fingerprints.read_class_names", lambda file: ())
            return data_fingerprints(settings)

    return take_fingerprints


SAME_LABELS: dict[str, tuple[Sequence[File], Sequence[File]]] = {
    "the same names": ([([0, 1], CAT_DOG)], [([0, 1], CAT_DOG)]),
    "no names": ([([0, 1], ())], [([0, 1], ())]),
    "names in one split": ([([0, 1], CAT_DOG)], [([0, 1], ())]),
    "only the first names": ([([0, 1, 2], (*CAT_DOG, "eel"))], [([0, 1], CAT_DOG)]),
    "more names": ([([0, 1], CAT_DOG)], [([0, 1], (*CAT_DOG, "eel"))]),
    "shards with and without": ([([0, 1], CAT_DOG), ([0], ())], [([0, 1], CAT_DOG)]),
}


@pytest.mark.parametrize("files", SAME_LABELS.values(), ids=SAME_LABELS)
@both_readers
def test_unchanged_labels_keep_their_keys(
    make: Make,
    files: tuple[Sequence[File], Sequence[File]],
    earlier: TakeFingerprints,
    tmp_path: Path,
) -> None:
    settings = make(tmp_path, *files)
    assert data_fingerprints(settings) == earlier(settings)


@pytest.mark.parametrize(
    ("train", "test", "changed"),
    [
        ([([0, 1], CAT_DOG)], [([0, 1], DOG_CAT)], {"test"}),
        ([([0, 1], CAT_DOG)], [([0, 0], ("dog",))], {"test"}),
        ([([0, 1], CAT_DOG), ([0, 1], DOG_CAT)], [([0, 1], CAT_DOG)], {"train"}),
        ([([0, 1], CAT_DOG), ([0, 1], DOG_CAT)], [([0, 1], DOG_CAT)], {"train", "test"}),
    ],
)
@both_readers
def test_keys_change_for_a_split_whose_class_names_were_ignored(
    make: Make,
    train: Sequence[File],
    test: Sequence[File],
    changed: set[str],
    earlier: TakeFingerprints,
    tmp_path: Path,
) -> None:
    settings = make(tmp_path, train, test)
    before, after = earlier(settings), data_fingerprints(settings)
    assert {split for split in ("train", "test") if getattr(before, split) != getattr(after, split)} == changed
