"""Marks in fingerprints for images that versions up to 0.1 decoded differently, so that old results are not reused.

Up to version 0.1, 16-bit images were clipped at 255, orientations were ignored, the colours of transparent pixels were
used, and floating-point images became 0 and 1. Images whose decoding is unchanged get no mark and keep their keys.
"""

import io
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from prunesweep.sweeps.errors import DataError
from prunesweep.sweeps.images.modes import MODES, ModeConversion, orientation_of, refusal_reason
from prunesweep.sweeps.images.parquet_files import image_column
from prunesweep.sweeps.images.samples import sample_evenly

DECODING_CHANGED_MARK = {"images": "upright, opaque, scaled from 16 bits"}
DECODED_SAMPLE = 1000  # images that are checked in a split too large to be read for every plan
SAMPLED_SHARDS, SAMPLED_ROW_GROUPS = 16, 4  # Parquet files in such a sample, and row groups of each of these files
_PNG = b"\x89PNG\r\n\x1a\n"
_ALPHA_COLOUR_TYPES = (4, 6)  # PNG's colour types with an alpha channel
_JPEG, _START_OF_SCAN = b"\xff\xd8\xff", 0xDA
# Byte strings in a file that may have an orientation or a transparent colour.
_JPEG_SIGNS = (b"Exif\0\0", b"tiff:Orientation")
_PNG_SIGNS = (b"tRNS", b"eXIf", b"Raw profile", b"adobe.xmp")


def mark_if_changed(contents: Iterable[bytes]) -> list[Any]:
    """Return the mark as a one-element list if the decoding of any image changed since version 0.1, else ``[]``.

    Args:
        contents: the encoded images.
    """
    return [DECODING_CHANGED_MARK] if any(map(decoding_changed, contents)) else []


def decoding_changed(content: bytes) -> bool:
    """Return whether versions up to 0.1 decoded an image file to other pixels, or accepted one that is now refused."""
    if is_ordinary_image(content):
        return False
    from PIL import Image

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(content)) as image:
            if MODES.get(image.mode, ModeConversion.SCALED) is ModeConversion.SCALED:
                return True
            if image.format not in ("JPEG", "MPO"):  # in these two formats all that matters comes before the pixels
                image.load()
            return orientation_of(image) != 1 or refusal_reason(image) is not None
    except Exception:  # whatever Pillow's readers raise; earlier versions refused such a file too
        return False


def is_ordinary_image(content: bytes) -> bool:
    """Return whether a file is, by its header, a JPEG, PNG or WebP that all versions decode to the same pixels.

    Only the header and a few byte strings are examined, for an orientation, transparency and 16-bit grey levels. If the
    result is False, the image must be opened to find out.
    """
    if content.startswith(_JPEG):
        header = content[: _jpeg_header_length(content)]
        return not any(sign in header for sign in _JPEG_SIGNS)
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return content[12:16] == b"VP8 " or (content[12:16] == b"VP8L" and not _has_alpha(content))
    if not content.startswith(_PNG) or len(content) < 26:
        return False
    depth, colours = content[24:26]
    if colours in _ALPHA_COLOUR_TYPES or (depth == 16 and colours == 0):
        return False
    return not any(sign in content for sign in _PNG_SIGNS)


def _has_alpha(lossless_webp: bytes) -> bool:
    """Return whether the header of a lossless WebP announces an alpha channel.

    The flag is the bit after the width and the height, which have 14 bits each.
    """
    return len(lossless_webp) < 25 or bool(lossless_webp[24] & 0x10)


def _jpeg_header_length(content: bytes) -> int:
    """Return the number of bytes of a JPEG before its pixels, or its whole length if its segments are malformed."""
    position = 2
    while content[position : position + 1] == b"\xff" and position + 4 <= len(content):
        marker = content[position + 1]
        if marker == _START_OF_SCAN:
            return position
        position += 1 if marker == 0xFF else 2 + int.from_bytes(content[position + 2 : position + 4])
    return len(content)


def read_parquet_images(files: Sequence[str]) -> Iterator[bytes]:
    """Yield the encoded images of all rows of Parquet files; files that cannot be read are skipped."""
    for file in files:
        yield from _read_rows(file, None)


def sample_parquet_images(files: Sequence[str]) -> Iterator[bytes]:
    """Yield about ``DECODED_SAMPLE`` encoded images: the first rows of row groups that are spread over the files."""
    chosen = sample_evenly(files, SAMPLED_SHARDS)
    for file in chosen:
        yield from _read_rows(file, -(-DECODED_SAMPLE // len(chosen)))


def _read_rows(file: str, most: int | None) -> Iterator[bytes]:
    """Yield the encoded images of a Parquet file.

    Args:
        file: the file's path.
        most: about how many rows to read, spread over several row groups; None for all rows.
    """
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
                parts = [[group] for group in sample_evenly(groups, SAMPLED_ROW_GROUPS)]
            for part in parts:
                images = _read_images(opened, part, column)
                yield from images if most is None else islice(images, -(-most // len(parts)))
    except (pa.ArrowException, OSError, DataError):  # the data set's reader reports what is wrong with the file
        return


def _read_images(file: Any, groups: Sequence[int], column: str) -> Iterator[bytes]:
    """Yield the encoded images in a column of some row groups, without nulls."""
    for batch in file.iter_batches(64, row_groups=groups, columns=[column]):
        images = batch.column(0)
        contents = images.field("bytes") if column.endswith(".bytes") and images.type.num_fields else images
        yield from (content.as_py() for content in contents if content.is_valid)
