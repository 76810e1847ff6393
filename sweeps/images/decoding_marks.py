"""Whether earlier versions decoded images otherwise: then a mark in a fingerprint parts their results from today's.

Up to version 0.1, 16-bit images were cut off above 255, orientations were ignored, transparent colours showed, and
floating-point numbers became 0 and 1. Images that are decoded as ever get no mark, so that their keys stay.
"""

import io
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.modes import MODES, ModeConversion, orientation_of, why_refused
from prunesweep.sweeps.images.parquet_files import image_column
from prunesweep.sweeps.images.samples import spread

MARK = {"images": "upright, opaque, scaled from 16 bits"}
DECODED_SAMPLE = 1000  # images of a split whose files are too many to be read for a plan
SHARDS, ROW_GROUPS = 16, 4  # that a sample of Parquet shards is taken from: files, and row groups of each
_PNG = b"\x89PNG\r\n\x1a\n"
_TRANSPARENCY = (4, 6)  # PNG's colour types with an alpha channel
_JPEG, _START_OF_SCAN = b"\xff\xd8\xff", 0xDA
# What stands in a file that may have an orientation or a transparent colour.
_JPEG_SIGNS = (b"Exif\0\0", b"tiff:Orientation")
_PNG_SIGNS = (b"tRNS", b"eXIf", b"Raw profile", b"adobe.xmp")


def marks(contents: Iterable[bytes]) -> list[Any]:
    """Return the mark in a list where one of the files' contents was decoded otherwise, or else an empty list."""
    return [MARK] if any(map(decoded_otherwise, contents)) else []


def decoded_otherwise(content: bytes) -> bool:
    """Return whether earlier versions made other pixels of an image file, or made pixels of one that is refused now."""
    if is_plain(content):
        return False
    from PIL import Image

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content)) as image:
            if MODES.get(image.mode, ModeConversion.SCALED) is ModeConversion.SCALED:
                return True
            if image.format not in ("JPEG", "MPO"):  # of which all that matters stands before the pixels
                image.load()
            return orientation_of(image) != 1 or why_refused(image) is not None
    except Exception:  # whatever Pillow's readers raise; earlier versions refused it, too
        return False


def is_plain(content: bytes) -> bool:
    """Return whether it is a JPEG, PNG or WebP that is decoded as ever, as far as its header and signs in it tell."""
    if content.startswith(_JPEG):
        header = content[: _length_of_header(content)]
        return not any(sign in header for sign in _JPEG_SIGNS)
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return content[12:16] == b"VP8 " or (content[12:16] == b"VP8L" and not _has_alpha(content))
    if not content.startswith(_PNG) or len(content) < 26:
        return False
    depth, colours = content[24:26]
    if colours in _TRANSPARENCY or (depth == 16 and colours == 0):
        return False
    return not any(sign in content for sign in _PNG_SIGNS)


def _has_alpha(lossless_webp: bytes) -> bool:
    """Return whether its header tells of an alpha channel: by the bit after twice fourteen of width and height."""
    return len(lossless_webp) < 25 or bool(lossless_webp[24] & 0x10)


def _length_of_header(content: bytes) -> int:
    """Return how many bytes of a JPEG lie before its pixels; where its segments do not join, all of them."""
    place = 2
    while content[place : place + 1] == b"\xff" and place + 4 <= len(content):
        marker = content[place + 1]
        if marker == _START_OF_SCAN:
            return place
        place += 1 if marker == 0xFF else 2 + int.from_bytes(content[place + 2 : place + 4])
    return len(content)


def parquet_images(files: Sequence[str]) -> Iterator[bytes]:
    """Yield the encoded images of all rows of Parquet files, as far as these can be read."""
    for file in files:
        yield from _rows(file, None)


def sampled_parquet_images(files: Sequence[str]) -> Iterator[bytes]:
    """Yield about ``DECODED_SAMPLE`` encoded images: the first rows of row groups that are spread evenly over the files."""
    chosen = spread(files, SHARDS)
    for file in chosen:
        yield from _rows(file, -(-DECODED_SAMPLE // len(chosen)))


def _rows(file: str, most: int | None) -> Iterator[bytes]:
    """Yield the encoded images of a file, or of ``most`` rows of it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file, buffer_size=2**20) as opened:
            column = image_column(file, opened.schema_arrow)
            groups = list(range(opened.num_row_groups))
            if column is None:
                return
            if most is None or opened.metadata.num_rows <= most:
                most, parts = None, [groups]
            else:
                parts = [[group] for group in spread(groups, ROW_GROUPS)]
            for part in parts:
                rows = _images(opened, part, column)
                yield from rows if most is None else islice(rows, -(-most // len(parts)))
    except (pa.ArrowException, OSError, DataError):  # the reader says what is wrong with it
        return


def _images(file: Any, groups: Sequence[int], column: str) -> Iterator[bytes]:
    for batch in file.iter_batches(64, row_groups=groups, columns=[column]):
        images = batch.column(0)
        contents = images.field("bytes") if column.endswith(".bytes") and images.type.num_fields else images
        yield from (content.as_py() for content in contents if content.is_valid)
