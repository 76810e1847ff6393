"""Finds images that cannot be decoded before a sweep starts, where their pixels are read only as they are needed.

Every image that a source can glimpse at is checked for how its file begins and ends: a download or a copy that broke
off lacks its end. Of those that do not look whole, and of those whose mode must be looked at, many are decoded; of the
others, a few.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from prunesweep.sweeps.images.decoding_marks import is_plain
from prunesweep.sweeps.images.samples import spread
from prunesweep.workers.data.decoding import DecodedImage, check_levels, decode
from prunesweep.workers.data.streaming import Encoded, Source
from prunesweep.workers.data.variation import check_variation

DOUBTFUL = 2_000  # images that are decoded because of what their files begin or end with
OTHERS = 64  # images that are decoded in any case
AT_ONCE = 64  # images whose files are held in memory
_ENDS = {b"\xff\xd8\xff": b"\xff\xd9", b"\x89PNG\r\n\x1a\n": b"IEND"}  # of JPEG and PNG


def check_source(source: Source, what: str) -> None:
    """Check that images decode, that they are not all the same, and that 16 bits of them are used.

    Args:
        source: of a split.
        what: the setting that names the images, for messages.

    Raises:
        DataError: a line says which image or what is wrong.
    """
    seen, doubtful = [], []
    for index, start, end in source.file_ends():
        seen.append(index)
        if not looks_whole(start, end):
            doubtful.append(index)
    chosen = sorted({*spread(doubtful, DOUBTFUL), *spread(seen, OTHERS)})
    names: list[str] = []
    highest: list[int | None] = []

    def pictures() -> Iterator[np.ndarray]:
        for name, decoded in _decoded(source, chosen):
            names.append(name)
            highest.append(decoded.highest)
            yield np.asarray(decoded.image)

    pixels = pictures()
    check_variation(what, pixels)
    for _ in pixels:  # those after the first two that differ
        pass
    check_levels(names, highest)


def looks_whole(start: bytes, end: bytes) -> bool:
    """Return whether a file begins and ends as a JPEG or PNG does of which any is decoded."""
    for begins, ends in _ENDS.items():
        if start.startswith(begins):
            return ends in end[-64:] and (begins.startswith(b"\xff") or is_plain(start))
    return False


def _decoded(source: Source, indices: Sequence[int]) -> Iterator[tuple[str, DecodedImage]]:
    """Yield the images of these indices with their names, decoded by as many threads as torch may use."""
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for first in range(0, len(indices), AT_ONCE):
            encoded = source.encoded(indices[first : first + AT_ONCE])
            yield from zip((name for name, _ in encoded), pool.map(_decode, encoded), strict=True)


def _decode(encoded: Encoded) -> DecodedImage:
    return decode(*encoded)
