"""One picture in every mode and container of image files, with its pixels in 8-bit RGB."""

import io
import struct
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Pixels = NDArray[np.uint8]
SIDE = 16
SUFFIXES = {"PNG": "png", "JPEG": "jpg", "TIFF": "tif", "WEBP": "webp", "BMP": "bmp", "PPM": "pgm"}
"""The containers that are read from class folders, with the suffixes of their files."""
IN_PARQUET = ("GIF", "JPEG2000")
"""The containers that are read only from image-Parquet files."""
LOSSY = ("JPEG",)
ORIENTATION, PHOTOMETRIC = 0x0112, 262


@dataclass(frozen=True)
class Kind:
    """A mode or property of images, with example files.

    Attributes:
        files: The content of an example file in each container.
        pixels: The expected pixels in 8-bit RGB, (H, W, 3); None if the images are refused.
        about: How the images are converted; empty if they are refused.
    """

    files: dict[str, bytes]
    pixels: Pixels | None
    about: str = ""


@dataclass(frozen=True)
class _KindCollection:
    """Kinds of images by name."""

    kinds: dict[str, Kind] = field(default_factory=dict)

    def add(
        self, name: str, image: Image.Image, containers: str, pixels: Pixels | None, about: str = "", **options: Any
    ) -> None:
        """Add a kind with a file in each of the space-separated containers."""
        files = {container: encoded(image, container, **options) for container in containers.split()}
        self.kinds[name] = Kind(files, pixels, about)


def encoded(image: Image.Image, container: str, **options: Any) -> bytes:
    """Return an image encoded in a container, losslessly if the container can."""
    buffer = io.BytesIO()
    lossless: dict[str, dict[str, Any]] = {
        "WEBP": {"lossless": True, "exact": True},
        "JPEG": {"quality": 95, "subsampling": 0},
        "JPEG2000": {"irreversible": False},
    }
    image.save(buffer, container, **({} if image.mode == "CMYK" else lossless.get(container, {})), **options)
    return buffer.getvalue()


def picture() -> Pixels:
    """Return a picture (16, 16, 3) without symmetry, dark in one corner, and smooth, so that JPEG hardly changes it."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    return np.stack([rows * 15, columns * 10, (rows + 2 * columns) * 4], axis=-1).astype(np.uint8)


def deep() -> NDArray[np.uint16]:
    """Return (16, 16) levels of 16 bits with the lowest, the highest, and some that are rounded up and down."""
    levels = np.linspace(0, 65535, SIDE * SIDE).astype(np.uint16)
    levels[:6] = (0, 127, 128, 129, 385, 386)
    levels[-1] = 65535
    return levels.reshape(SIDE, SIDE)


def to_8_bits(levels: NDArray[Any], white: int = 65535) -> Pixels:
    """Return grey levels as 8-bit RGB, by the definition in floating-point numbers."""
    return np.repeat(np.round(levels / white * 255).astype(np.uint8)[..., None], 3, axis=-1)


def image_kinds() -> dict[str, Kind]:
    """Return every kind of image by its name."""
    collection = _KindCollection()
    rgb, grey, levels = Image.fromarray(picture()), Image.fromarray(picture()).convert("L"), deep()
    grey_pixels, bilevel, palette = np.asarray(grey.convert("RGB")), grey.convert("1"), grey.quantize(16)
    palette_pixels = np.asarray(palette.convert("RGB"))
    half = Image.fromarray(np.where(np.arange(SIDE)[:, None] < 3, 0, 255).repeat(SIDE, 1).astype(np.uint8))

    collection.add("1", bilevel, "PNG TIFF BMP PPM", np.asarray(bilevel.convert("RGB")), "0 and 255")
    collection.add("L", grey, "PNG JPEG TIFF BMP PPM GIF JPEG2000", grey_pixels, "the grey level in three channels")
    collection.add("P", palette, "PNG TIFF BMP GIF", palette_pixels, "the palette's colours")
    collection.add("RGB", rgb, "PNG JPEG TIFF WEBP BMP PPM JPEG2000", picture(), "unchanged")
    collection.kinds["RGB, 16 bits"] = Kind(
        {"PNG": png_of_16_bits(picture())}, picture(), "the higher byte of each level"
    )
    cmyk = rgb.convert("CMYK")
    collection.add("CMYK", cmyk, "JPEG TIFF JPEG2000", np.asarray(cmyk.convert("RGB")), "converted by Pillow")
    ycbcr = rgb.convert("YCbCr")
    collection.add("YCbCr", ycbcr, "JPEG TIFF", np.asarray(ycbcr.convert("RGB")), "converted by Pillow")

    collection.add(
        "I;16", Image.fromarray(levels), "PNG TIFF JPEG2000", to_8_bits(levels), "scaled so that 65,535 becomes 255"
    )
    big_endian = Image.frombytes("I;16B", (SIDE, SIDE), levels.astype(">u2").tobytes())
    collection.add("I;16B", big_endian, "TIFF", to_8_bits(levels), "scaled so that 65,535 becomes 255")
    inverted = to_8_bits(65535 - levels.astype(np.int64))
    negative = {"tiffinfo": {PHOTOMETRIC: 0}}
    collection.add(
        "I;16 with 0 as white", Image.fromarray(levels), "TIFF", inverted, "scaled so that 0 becomes 255", **negative
    )
    collection.kinds["I;16 with 12 bits"] = Kind(
        {"TIFF": tiff_of_12_bits(levels // 16)}, to_8_bits(levels // 16, 4095), "scaled so that 4,095 becomes 255"
    )
    collection.add(
        "I, 0 to 65,535",
        Image.fromarray(levels.astype(np.int32)),
        "TIFF PPM",
        to_8_bits(levels),
        "scaled so that 65,535 becomes 255",
    )
    collection.add("I, above 65,535", Image.fromarray(levels.astype(np.int32) + 7), "TIFF", None)
    collection.add("I, below 0", Image.fromarray(levels.astype(np.int32) - 7), "TIFF", None)
    collection.add("F", Image.fromarray((levels / 65535).astype(np.float32)), "TIFF PPM", None)
    collection.add("LAB", Image.frombytes("LAB", (SIDE, SIDE), picture().tobytes()), "TIFF", None)

    for mode, of, containers, pixels in (
        ("LA", grey, "PNG TIFF JPEG2000", grey_pixels),
        ("RGBA", rgb, "PNG TIFF WEBP JPEG2000", picture()),
        ("PA", palette, "TIFF", palette_pixels),
    ):
        opaque = of.convert(mode)
        collection.add(f"{mode}, all pixels opaque", opaque, containers, pixels, "without the alpha channel")
        transparent = opaque.copy()
        transparent.putalpha(half)
        collection.add(f"{mode}, some pixels transparent", transparent, containers, None)
    unused, dark, corner = 200, int(grey_pixels[0, 0, 0]), tuple(picture()[0, 0].tolist())
    assert unused not in grey_pixels[..., 0]
    collection.add(
        "L, a transparent level that no pixel has", grey, "PNG", grey_pixels, "unchanged", transparency=unused
    )
    collection.add("L, a transparent level", grey, "PNG", None, transparency=dark)
    collection.add(
        "P, a transparent colour that no pixel has", palette, "PNG GIF", palette_pixels, "unchanged", transparency=17
    )
    collection.add("P, a transparent colour", palette, "PNG GIF", None, transparency=palette.getpixel((0, 0)))
    collection.add(
        "RGB, a transparent colour that no pixel has", rgb, "PNG", picture(), "unchanged", transparency=(1, 2, 3)
    )
    collection.add("RGB, a transparent colour", rgb, "PNG", None, transparency=corner)
    collection.add("I;16, a transparent level", Image.fromarray(levels), "PNG", None, transparency=128)

    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        turned = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded(rgb, "PNG", exif=exif))))
        collection.add(
            f"RGB, Exif orientation {orientation}",
            rgb,
            "PNG JPEG TIFF WEBP",
            np.asarray(turned),
            "unchanged" if orientation == 1 else "rotated or mirrored",
            exif=exif,
        )
    return collection.kinds


def png_of_16_bits(pixels: Pixels) -> bytes:
    """Return a PNG of 16-bit colours whose higher bytes are the pixels' levels; Pillow cannot write one."""
    rows = np.stack([pixels, 255 - pixels], axis=-1).reshape(SIDE, -1)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def tiff_of_12_bits(levels: NDArray[np.uint16]) -> bytes:
    """Return a TIFF of 12-bit levels, two in three bytes, as cameras write them; Pillow cannot write one."""
    pairs = levels.reshape(-1, 2)
    packed = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], axis=1)
    body = packed.astype(np.uint8).tobytes()
    # Width, height, bits per sample, no compression, black is zero, strip offset, samples, rows, strip length.
    tags = {256: SIDE, 257: SIDE, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: SIDE, 279: len(body)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + directory
