"""Fingerprints have a mark if earlier versions decoded an image to other pixels, and only then."""

import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prunesweep.sweeps.datasets import DatasetSettings, ImageFolder, Imagenet, ImageParquet
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.fingerprints import Fingerprints, data_fingerprints
from prunesweep.sweeps.images import decoding_marks
from prunesweep.sweeps.images.decoding_marks import decoding_changed, is_ordinary_image, sample_parquet_images
from prunesweep.sweeps.images.samples import sample_evenly, sample_names
from prunesweep.workers.data.decoding import decode_image
from tests.helpers.images import deep, encoded, image_kinds, picture
from tests.helpers.parquet import write_contents

FILES = {
    f"{name}, {container}": content for name, kind in image_kinds().items() for container, content in kind.files.items()
}


def decode_as_version_0_1(content: bytes) -> np.ndarray | None:
    """Return the pixels to which version 0.1 decoded a file, or None if it refused the file."""
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content)) as image:
            warnings.simplefilter("ignore")
            return np.asarray(image.convert("RGB"))
    except (OSError, ValueError):
        return None


@pytest.mark.parametrize("content", FILES.values(), ids=FILES)
def test_a_file_is_marked_if_its_pixels_differ_from_those_of_version_0_1(content: bytes) -> None:
    before = decode_as_version_0_1(content)
    try:
        now = np.asarray(decode_image("a", content))
    except DataError:
        if before is not None:  # if both refuse it, no result depends on the mark
            assert decoding_changed(content)
        return
    assert before is not None
    assert decoding_changed(content) == (not np.array_equal(before, now))


def test_ordinary_photographs_are_recognised_without_being_opened() -> None:
    rgb = Image.fromarray(picture())
    for container, options in (
        ("PNG", {}),
        ("JPEG", {}),
        ("WEBP", {}),
        ("PNG", {"dpi": (72, 72), "icc_profile": b"x"}),
    ):
        assert is_ordinary_image(encoded(rgb, container, **options))
    assert is_ordinary_image(encoded(rgb, "JPEG", comment=b"a comment", icc_profile=bytes(100_000)))


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF0000WEBPVP8L", b"hello"])
def test_a_file_that_is_not_an_image_has_no_mark(content: bytes) -> None:
    assert not decoding_changed(content)


# In the fingerprints of each reader

ORDINARY = [encoded(Image.fromarray(np.roll(picture(), shift, 0)), "PNG") for shift in range(8)]
CHANGED = encoded(Image.fromarray(deep()), "PNG")


def write_folders(root: Path, train: Sequence[bytes]) -> tuple[str, str]:
    for split, contents in (("train", train), ("test", ORDINARY)):
        for number, content in enumerate(contents):
            path = root / split / f"class{number % 2}" / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    return str(root / "train"), str(root / "test")


def write_shards(root: Path, train: Sequence[bytes]) -> tuple[str, str]:
    first, second = train[: len(train) // 2], train[len(train) // 2 :]
    for name, contents in (("train-0", first), ("train-1", second), ("test", ORDINARY)):
        write_contents(root / f"{name}.parquet", contents, [number % 2 for number in range(len(contents))])
    return str(root / "train-*.parquet"), str(root / "test.parquet")


def image_folder(root: Path, train: Sequence[bytes]) -> ImageFolder:
    folders = write_folders(root, train)
    return ImageFolder(name="image_folder", train=folders[0], test=folders[1])


def class_folders(root: Path, train: Sequence[bytes]) -> Imagenet:
    folders = write_folders(root, train)
    return Imagenet(name="imagenet", train=(folders[0],), test=(folders[1],))


def image_parquet(root: Path, train: Sequence[bytes]) -> ImageParquet:
    files = write_shards(root, train)
    return ImageParquet(name="image_parquet", train=(files[0],), test=(files[1],))


def shards(root: Path, train: Sequence[bytes]) -> Imagenet:
    files = write_shards(root, train)
    return Imagenet(name="imagenet", train=(files[0],), test=(files[1],))


Make = Callable[[Path, Sequence[bytes]], DatasetSettings]
each_reader = pytest.mark.parametrize("make", [image_folder, class_folders, image_parquet, shards])


def without_marks(settings: DatasetSettings, monkeypatch: pytest.MonkeyPatch) -> Fingerprints:
    with monkeypatch.context() as patched:
        patched.setattr(decoding_marks, "decoding_changed", lambda content: False)
        return data_fingerprints(settings)


@each_reader
def test_ordinary_images_keep_their_keys(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = make(tmp_path, ORDINARY)
    assert data_fingerprints(settings) == without_marks(settings, monkeypatch)


@each_reader
@pytest.mark.parametrize("index", [0, 7])
def test_one_image_whose_decoding_changed_marks_only_its_split(
    make: Make, index: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make(tmp_path, [*ORDINARY[:index], CHANGED, *ORDINARY[index + 1 :]])
    marked, unmarked = data_fingerprints(settings), without_marks(settings, monkeypatch)
    assert marked.train != unmarked.train
    assert marked.test == unmarked.test


@pytest.mark.parametrize("make", [image_folder, image_parquet])
def test_readers_that_read_all_bytes_check_every_image(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding_marks, "DECODED_SAMPLE", 2)
    test_one_image_whose_decoding_changed_marks_only_its_split(make, 3, tmp_path, monkeypatch)


def test_a_sample_of_many_shards_is_of_some_rows_of_some_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [
        write_contents(tmp_path / f"{n}.parquet", [b"%d-%d" % (n, row) for row in range(40)], [0] * 40)
        for n in range(6)
    ]
    monkeypatch.setattr(decoding_marks, "DECODED_SAMPLE", 12)
    monkeypatch.setattr(decoding_marks, "SAMPLED_SHARDS", 3)
    monkeypatch.setattr(decoding_marks, "SAMPLED_ROW_GROUPS", 2)
    sample = [content.decode() for content in sample_parquet_images(files)]
    assert sample == [f"{n}-{row}" for n in (0, 2, 4) for row in (0, 1, 20, 21)]


def test_a_sample_depends_on_the_names_and_not_on_their_order() -> None:
    names = [f"n{number}.JPEG" for number in range(1000)]
    assert sample_names(names, 10) == sample_names(reversed(names), 10)
    assert sorted(sample_names(names, 2000)) == sorted(names)
    assert (
        sample_evenly(range(10), 5) == [0, 2, 4, 6, 8]
        and sample_evenly(range(3), 5) == [0, 1, 2]
        and sample_evenly([], 3) == []
    )
