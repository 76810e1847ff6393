"""Image files of every mode and container, decoded by all readers: their pixels, or why they are refused."""

import io
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps

from prunesweep.sweeps.datasets import DatasetSettings, ImageFolder, Imagenet, ImageParquet
from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.decoding_marks import decoding_changed
from prunesweep.workers.data.decoding import decode_image
from prunesweep.workers.data.load import load_dataset
from tests.helpers.data_page import check_table
from tests.helpers.images import (
    IN_PARQUET,
    LOSSY,
    ORIENTATION,
    SIDE,
    SUFFIXES,
    Kind,
    Pixels,
    deep,
    encoded,
    image_kinds,
    picture,
    to_8_bits,
)
from tests.helpers.parquet import write_contents

KINDS = image_kinds()
CONTAINERS = (*SUFFIXES, *IN_PARQUET)


def folders_of(root: Path, files: Sequence[bytes], suffix: str) -> tuple[str, str]:
    """Write these files into each of two class folders for training and for testing, and return both paths."""
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            (root / split / name).mkdir(parents=True)
            for number, content in enumerate(files):
                (root / split / name / f"{number}.{suffix}").write_bytes(content)
    return str(root / "train"), str(root / "test")


def readers_of(root: Path, container: str, files: Sequence[bytes]) -> Iterator[DatasetSettings]:
    """Yield the settings of each reader for these files."""
    shard = write_contents(root / "images.parquet", [*files, *files], [0] * len(files) + [1] * len(files))
    yield ImageParquet(name="image_parquet", train=(shard,), test=(shard,), allow_overlap=True)
    if container in SUFFIXES:
        train, test = folders_of(root, files, SUFFIXES[container])
        yield ImageFolder(name="image_folder", train=train, test=test, allow_overlap=True)
        yield Imagenet(name="imagenet", train=(train,), test=(test,), size=SIDE, resize=SIDE, allow_overlap=True)


def read(settings: DatasetSettings) -> Pixels:
    """Return the first training image, (H, W, 3)."""
    image = load_dataset(settings).train.read(torch.tensor([0]))[0]
    return image.permute(1, 2, 0).numpy()


def outcome(kind: Kind, container: str, root: Path) -> str:
    """Return why all readers refuse a file, without its path; an empty string if all decode it correctly."""
    messages = set()
    for settings in readers_of(root, container, [kind.files[container]]):
        try:
            pixels = read(settings)
        except DataError as error:
            messages.add(str(error).split(": ", 1)[1])
            continue
        assert kind.pixels is not None, f"{settings.name} accepts it"
        difference = np.abs(pixels.astype(int) - kind.pixels)
        assert difference.mean() < 4 if container in LOSSY else difference.max() == 0, settings.name
        messages.add("")
    assert len(messages) == 1, messages
    return messages.pop()


@pytest.mark.parametrize("name", KINDS)
def test_every_reader_decodes_correctly_to_8_bits_or_refuses(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    for container in kind.files:
        assert (outcome(kind, container, tmp_path / container) == "") == (kind.pixels is not None), container


def test_the_page_says_what_the_readers_do(tmp_path: Path) -> None:
    rows = []
    for name, kind in KINDS.items():
        refusals = {container: outcome(kind, container, tmp_path / name / container) for container in kind.files}
        cells = [("refused" if refusals[c] else "accepted") if c in refusals else "" for c in CONTAINERS]
        rows.append([name, *cells, next(filter(None, refusals.values()), kind.about)])
    titles = [name.replace("PPM", "PNM").replace("JPEG2000", "JPEG 2000") for name in CONTAINERS]
    check_table("images", ["mode in Pillow", *titles, "conversion, or why it is refused"], rows)


# Cases that the table of modes does not show


def exif_of(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
RGB = Image.fromarray(picture())
TURNED = np.asarray(RGB.transpose(Image.Transpose.ROTATE_270))


def test_an_orientation_in_xmp_alone_is_applied() -> None:
    assert np.abs(np.asarray(decode_image("a", encoded(RGB, "JPEG", xmp=XMP))).astype(int) - TURNED).mean() < 4


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_invalid_orientation_turns_nothing(orientation: int) -> None:
    np.testing.assert_array_equal(decode_image("a", encoded(RGB, "PNG", exif=exif_of(orientation))), picture())


def test_images_with_damaged_exif_are_decoded() -> None:
    content = encoded(RGB, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    np.testing.assert_array_equal(decode_image("a", content), decode_image("a", encoded(RGB, "JPEG")))
    assert not decoding_changed(content)


def test_damaged_exif_is_ignored_silently(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(encoded(RGB, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"))
    script = (
        "from pathlib import Path; from prunesweep.workers.data.decoding import decode_image; "
        f"decode_image('a', Path({str(tmp_path / 'a.jpg')!r}).read_bytes())"
    )
    process = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert process.stderr == ""


def test_orientations_are_applied_to_every_mode() -> None:
    levels = deep()
    turned = np.rot90(levels, -1)
    content = encoded(Image.fromarray(levels), "PNG", exif=exif_of(6))
    np.testing.assert_array_equal(decode_image("a", content), to_8_bits(turned))
    opaque = encoded(RGB.convert("RGBA"), "PNG", exif=exif_of(6))
    np.testing.assert_array_equal(decode_image("a", opaque), TURNED)


def test_exif_after_a_pngs_pixels_counts_too() -> None:
    content = encoded(RGB, "PNG", exif=exif_of(6))
    start = content.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(content[start : start + 4], "big")
    last = content.index(b"IEND") - 4
    moved = content[:start] + content[end:last] + content[start:end] + content[last:]
    assert moved.index(b"eXIf") > moved.index(b"IDAT")
    np.testing.assert_array_equal(decode_image("a", moved), TURNED)


def test_an_oblong_photograph_is_turned_before_it_is_cut() -> None:
    oblong = Image.fromarray(picture()[:8])
    turned = decode_image("a", encoded(oblong, "PNG", exif=exif_of(8)))
    assert turned.size == (8, 16)
    assert (
        turned.tobytes()
        == ImageOps.exif_transpose(Image.open(io.BytesIO(encoded(oblong, "PNG", exif=exif_of(8))))).tobytes()
    )


@pytest.mark.parametrize("container", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_several_frames_the_first_one_is_taken(container: str) -> None:
    options = {"lossless": True} if container == "WEBP" else {}
    buffer = io.BytesIO()
    RGB.save(buffer, container, save_all=True, append_images=[RGB.transpose(Image.Transpose.ROTATE_90)], **options)
    alone = np.asarray(Image.open(io.BytesIO(buffer.getvalue())).convert("RGB"))
    np.testing.assert_array_equal(decode_image("a", buffer.getvalue()), alone)
    if container != "GIF":
        np.testing.assert_array_equal(alone, picture())


def test_a_photograph_with_bytes_after_its_end_is_taken() -> None:
    np.testing.assert_array_equal(
        decode_image("a", encoded(RGB, "JPEG") + bytes(1000)), decode_image("a", encoded(RGB, "JPEG"))
    )


UNDECODABLE = {
    "empty": (b"", "it is empty (0 bytes)"),
    "cut off": (encoded(RGB, "PNG")[:-40], "image file is truncated"),
    "half a JPEG": (encoded(RGB, "JPEG")[:-60], "image file is truncated"),
    "text": (b"hello", "it is not an image in a format that can be read"),
    "what macOS leaves beside a file": (
        b"\0\5\x16\7\0\2\0\0Mac OS X",
        "it is not an image in a format that can be read",
    ),
    "a Git LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0",
        "it is a Git LFS pointer and not the file itself; `git lfs pull` fetches it",
    ),
}


@pytest.mark.parametrize(("content", "reason"), UNDECODABLE.values(), ids=UNDECODABLE)
def test_every_reader_names_undecodable_files_before_anything_starts(
    content: bytes, reason: str, tmp_path: Path
) -> None:
    files = [encoded(Image.fromarray(np.roll(picture(), shift, 0)), "PNG") for shift in range(4)]
    for settings in readers_of(tmp_path, "PNG", [*files, content]):
        with pytest.raises(DataError) as caught:
            load_dataset(settings)
        where = f"images.parquet, row {len(files)}" if settings.name == "image_parquet" else "train/cat/4.png"
        assert f"{where}: cannot be decoded: {reason}" in str(caught.value)
        assert "\n" not in str(caught.value) and " at 0x" not in str(caught.value)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
def test_a_damaged_file_never_ends_in_a_traceback() -> None:
    random = np.random.default_rng(0)
    for kind in (KINDS["RGB"], KINDS["I;16"], KINDS["P"], KINDS["RGB, Exif orientation 6"]):
        for content in kind.files.values():
            for _ in range(20):
                damaged = bytearray(content)
                for position in random.integers(0, min(len(damaged), 120), 3):
                    damaged[position] = random.integers(256)
                try:
                    decode_image("a", bytes(damaged))
                except DataError as error:
                    assert str(error).startswith("a: ")


# Checks of a whole split

SAME = {
    "white": [np.full((SIDE, SIDE, 3), 255, np.uint8)] * 3,
    "black": [np.zeros((SIDE, SIDE, 3), np.uint8)] * 2,
    "of one colour": [np.full((SIDE, SIDE, 3), (10, 20, 30), np.uint8)] * 2,
}


@pytest.mark.parametrize("images", SAME.values(), ids=SAME)
def test_images_without_any_variation_are_refused_by_every_reader(images: list[Pixels], tmp_path: Path) -> None:
    for settings in readers_of(tmp_path, "PNG", [encoded(Image.fromarray(image), "PNG") for image in images]):
        with pytest.raises(
            DataError, match=r"every pixel of \d+ images is \(\d+, \d+, \d+\), which leaves nothing to learn"
        ):
            load_dataset(settings)


VARIED = {
    "two images of different colours": [np.full((SIDE, SIDE, 3), level, np.uint8) for level in (0, 1)],
    "one pixel": [np.zeros((SIDE, SIDE, 3), np.uint8), np.eye(SIDE, dtype=np.uint8)[..., None].repeat(3, 2)],
}


@pytest.mark.parametrize("images", VARIED.values(), ids=VARIED)
def test_images_with_the_least_variation_are_taken(images: list[Pixels], tmp_path: Path) -> None:
    for settings in readers_of(tmp_path, "PNG", [encoded(Image.fromarray(image), "PNG") for image in images]):
        assert len(load_dataset(settings).train) == 4


def test_8_bit_values_in_16_bit_files_are_refused_because_they_would_be_black(tmp_path: Path) -> None:
    dark = [encoded(Image.fromarray((deep() >> 8).astype(np.uint16) + shift), "PNG") for shift in (0, 0)]
    for settings in readers_of(tmp_path / "dark", "PNG", dark):
        with pytest.raises(DataError, match=r"has 16 bits, but the highest value of all 4 images is 255, where 65,535"):
            load_dataset(settings)
    one_bright = [*dark, encoded(Image.fromarray(deep()), "PNG")]
    for settings in readers_of(tmp_path / "bright", "PNG", one_bright):
        assert len(load_dataset(settings).train) == 6
