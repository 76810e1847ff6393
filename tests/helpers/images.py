"""One picture in every mode and container that image files come in, and what it is in 8-bit RGB."""

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
"""Containers that class folders hold, and how their files end."""
IN_PARQUET = ("GIF", "JPEG2000")
"""Containers that image-Parquet alone holds."""
LOSSY = ("JPEG",)
ORIENTATION, PHOTOMETRIC = 0x0112, 262


@dataclass(frozen=True)
class Kind:
    """One kind of image.

    Attributes:
        files: container -> content of a file of the kind.
        pixels: (H, W, 3), what it is in 8-bit RGB; None where it is refused.
        about: what is done with it, where it is not refused.
    """

    files: dict[str, bytes]
    pixels: Pixels | None
    about: str = ""


@dataclass(frozen=True)
class _Maker:
    kinds: dict[str, Kind] = field(default_factory=dict)

    def add(
        self, name: str, image: Image.Image, containers: str, pixels: Pixels | None, about: str = "", **options: Any
    ) -> None:
        files = {container: encoded(image, container, **options) for container in containers.split()}
        self.kinds[name] = Kind(files, pixels, about)


def encoded(image: Image.Image, container: str, **options: Any) -> bytes:
    """Return the content of a file, without loss where the container can do without."""
    buffer = io.BytesIO()
    lossless: dict[str, dict[str, Any]] = {
        "WEBP": {"lossless": True, "exact": True},
        "JPEG": {"quality": 95, "subsampling": 0},
        "JPEG2000": {"irreversible": False},
    }
    image.save(buffer, container, **({} if image.mode == "CMYK" else lossless.get(container, {})), **options)
    return buffer.getvalue()


def picture() -> Pixels:
    """Return (16, 16, 3) without any symmetry, dark at one corner, and smooth, so that JPEG keeps it."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    return np.stack([rows * 15, columns * 10, (rows + 2 * columns) * 4], axis=-1).astype(np.uint8)


def deep() -> NDArray[np.uint16]:
    """Return (16, 16) levels of 16 bits, among them the least, the greatest and those that round up and down."""
    levels = np.linspace(0, 65535, SIDE * SIDE).astype(np.uint16)
    levels[:6] = (0, 127, 128, 129, 385, 386)
    levels[-1] = 65535
    return levels.reshape(SIDE, SIDE)


def to_8_bits(levels: NDArray[Any], white: int = 65535) -> Pixels:
    """Return grey levels as 8-bit RGB: the definition, in floating-point numbers."""
    return np.repeat(np.round(levels / white * 255).astype(np.uint8)[..., None], 3, axis=-1)


def image_kinds() -> dict[str, Kind]:
    """Return every kind of image by its name."""
    made = _Maker()
    rgb, grey, levels = Image.fromarray(picture()), Image.fromarray(picture()).convert("L"), deep()
    grey_pixels, bilevel, palette = np.asarray(grey.convert("RGB")), grey.convert("1"), grey.quantize(16)
    palette_pixels = np.asarray(palette.convert("RGB"))
    half = Image.fromarray(np.where(np.arange(SIDE)[:, None] < 3, 0, 255).repeat(SIDE, 1).astype(np.uint8))

    made.add("1", bilevel, "PNG TIFF BMP PPM", np.asarray(bilevel.convert("RGB")), "0 and 255")
    made.add("L", grey, "PNG JPEG TIFF BMP PPM GIF JPEG2000", grey_pixels, "grey in three channels")
    made.add("P", palette, "PNG TIFF BMP GIF", palette_pixels, "the palette's colours")
    made.add("RGB", rgb, "PNG JPEG TIFF WEBP BMP PPM JPEG2000", picture(), "as it is")
    made.kinds["RGB, 16 bits"] = Kind({"PNG": png_of_16_bits(picture())}, picture(), "the higher byte of each level")
    cmyk = rgb.convert("CMYK")
    made.add("CMYK", cmyk, "JPEG TIFF JPEG2000", np.asarray(cmyk.convert("RGB")), "converted by Pillow")
    ycbcr = rgb.convert("YCbCr")
    made.add("YCbCr", ycbcr, "JPEG TIFF", np.asarray(ycbcr.convert("RGB")), "converted by Pillow")

    made.add("I;16", Image.fromarray(levels), "PNG TIFF JPEG2000", to_8_bits(levels), "scaled: 65,535 is 255")
    big_endian = Image.frombytes("I;16B", (SIDE, SIDE), levels.astype(">u2").tobytes())
    made.add("I;16B", big_endian, "TIFF", to_8_bits(levels), "scaled: 65,535 is 255")
    inverted = to_8_bits(65535 - levels.astype(np.int64))
    negative = {"tiffinfo": {PHOTOMETRIC: 0}}
    made.add("I;16, 0 is white", Image.fromarray(levels), "TIFF", inverted, "scaled: 0 is 255", **negative)
    made.kinds["I;16 of 12 bits"] = Kind(
        {"TIFF": tiff_of_12_bits(levels // 16)}, to_8_bits(levels // 16, 4095), "scaled: 4,095 is 255"
    )
    made.add(
        "I, 0 to 65,535",
        Image.fromarray(levels.astype(np.int32)),
        "TIFF PPM",
        to_8_bits(levels),
        "scaled: 65,535 is 255",
    )
    made.add("I, beyond", Image.fromarray(levels.astype(np.int32) + 7), "TIFF", None)
    made.add("I, below 0", Image.fromarray(levels.astype(np.int32) - 7), "TIFF", None)
    made.add("F", Image.fromarray((levels / 65535).astype(np.float32)), "TIFF PPM", None)
    made.add("LAB", Image.frombytes("LAB", (SIDE, SIDE), picture().tobytes()), "TIFF", None)

    for mode, of, containers, pixels in (
        ("LA", grey, "PNG TIFF JPEG2000", grey_pixels),
        ("RGBA", rgb, "PNG TIFF WEBP JPEG2000", picture()),
        ("PA", palette, "TIFF", palette_pixels),
    ):
        opaque = of.convert(mode)
        made.add(f"{mode}, opaque", opaque, containers, pixels, "without the alpha channel")
        transparent = opaque.copy()
        transparent.putalpha(half)
        made.add(f"{mode}, transparent", transparent, containers, None)
    unused, dark, corner = 200, int(grey_pixels[0, 0, 0]), tuple(picture()[0, 0].tolist())
    assert unused not in grey_pixels[..., 0]
    made.add("L, a transparent level, unused", grey, "PNG", grey_pixels, "as it is", transparency=unused)
    made.add("L, a transparent level", grey, "PNG", None, transparency=dark)
    made.add("P, a transparent colour, unused", palette, "PNG GIF", palette_pixels, "as it is", transparency=17)
    made.add("P, a transparent colour", palette, "PNG GIF", None, transparency=palette.getpixel((0, 0)))
    made.add("RGB, a transparent colour, unused", rgb, "PNG", picture(), "as it is", transparency=(1, 2, 3))
    made.add("RGB, a transparent colour", rgb, "PNG", None, transparency=corner)
    made.add("I;16, a transparent level", Image.fromarray(levels), "PNG", None, transparency=128)

    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        turned = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded(rgb, "PNG", exif=exif))))
        made.add(
            f"RGB, Exif orientation {orientation}",
            rgb,
            "PNG JPEG TIFF WEBP",
            np.asarray(turned),
            "as it is" if orientation == 1 else "upright",
            exif=exif,
        )
    return made.kinds


def png_of_16_bits(pixels: Pixels) -> bytes:
    """Return a PNG whose higher bytes are the pixels' levels; Pillow writes none."""
    rows = np.stack([pixels, 255 - pixels], axis=-1).reshape(SIDE, -1)
    body = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def tiff_of_12_bits(levels: NDArray[np.uint16]) -> bytes:
    """Return a TIFF of two levels in three bytes, as cameras write them; Pillow writes none."""
    pairs = levels.reshape(-1, 2)
    packed = np.stack([pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], axis=1)
    body = packed.astype(np.uint8).tobytes()
    # Width, height, bits a sample, no compression, black is zero, where the strip lies, samples, rows, its length.
    tags = {256: SIDE, 257: SIDE, 258: 12, 259: 1, 262: 1, 273: 8, 277: 1, 278: SIDE, 279: len(body)}
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags.items())
    directory = struct.pack("<H", len(tags)) + entries + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + directory
