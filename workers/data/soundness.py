"""Checks that find images of a streamed split that cannot be decoded, before a sweep starts.

The beginning and the end of many image files are inspected, because a file whose download or copy broke off has no end
marker. At most ``SUSPECTS_DECODED`` of the files that look incomplete, or whose mode may be refused, are decoded. In
addition, ``ALWAYS_DECODED`` of the inspected files are decoded, whatever they look like.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from prunesweep.sweeps.images.decoding_marks import is_ordinary_image
from prunesweep.sweeps.images.samples import sample_evenly
from prunesweep.workers.data.decoding import DecodedImage, check_levels, decode
from prunesweep.workers.data.streaming import EncodedImage, ImageSource
from prunesweep.workers.data.variation import check_variation

SUSPECTS_DECODED = 2_000  # at most so many images are decoded because of how their files begin or end
ALWAYS_DECODED = 64  # images that are decoded in any case
IMAGES_PER_READ = 64  # images whose files are in memory at the same time
_END_MARKERS = {b"\xff\xd8\xff": b"\xff\xd9", b"\x89PNG\r\n\x1a\n": b"IEND"}  # JPEG and PNG: start to end of a file


def check_source(source: ImageSource, what: str) -> None:
    """Check that a sample of a split's images can be decoded, and that these images are plausible.

    ``DataError`` is raised if an image cannot be decoded, if all pixels of all images have the same colour, or if all
    images have 16 bits but no value above 255. Its one line says which image is wrong, or what is wrong with all.

    Args:
        source: the images of a split.
        what: the setting that names the images, such as ``dataset.train``, for messages.
    """
    inspected, suspects = [], []
    for index, start, end in source.file_ends():
        inspected.append(index)
        if not looks_whole(start, end):
            suspects.append(index)
    indices = sorted({*sample_evenly(suspects, SUSPECTS_DECODED), *sample_evenly(inspected, ALWAYS_DECODED)})
    names: list[str] = []
    highest_levels: list[int | None] = []

    def pictures() -> Iterator[np.ndarray]:
        for name, decoded in _decode_images(source, indices):
            names.append(name)
            highest_levels.append(decoded.highest)
            yield np.asarray(decoded.image)

    remaining = pictures()
    check_variation(what, remaining)
    for _ in remaining:  # the check stops at the first image that differs; the rest must be decoded, too
        pass
    check_levels(names, highest_levels)


def looks_whole(start: bytes, end: bytes) -> bool:
    """Return whether a file looks like a complete JPEG, or like a complete PNG that is certainly not refused.

    A PNG does not pass if it has an alpha channel, 16-bit grey levels, a transparent colour or Exif metadata.

    Args:
        start: the first bytes of the file.
        end: the last bytes of the file.
    """
    for start_marker, end_marker in _END_MARKERS.items():
        if start.startswith(start_marker):
            return end_marker in end[-64:] and (start_marker.startswith(b"\xff") or is_ordinary_image(start))
    return False


def _decode_images(source: ImageSource, indices: Sequence[int]) -> Iterator[tuple[str, DecodedImage]]:
    """Decode the images with these indices in as many threads as torch may use, and yield each with its name."""
    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        for first in range(0, len(indices), IMAGES_PER_READ):
            encoded = source.encoded(indices[first : first + IMAGES_PER_READ])
            yield from zip((name for name, _ in encoded), pool.map(_decode, encoded), strict=True)


def _decode(encoded: EncodedImage) -> DecodedImage:
    return decode(*encoded)
