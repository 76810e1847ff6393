"""Which images are decoded to 8-bit RGB, and how: the one table for all readers and for the fingerprints.

Nothing here imports Pillow: the functions are given images that it has opened and loaded.
"""

from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image


class ModeConversion(Enum):
    """How an image of one of Pillow's modes becomes 8-bit RGB."""

    CONVERTED = "converted by Pillow, without loss of what 8 bits can hold"
    OPAQUE = "taken without its alpha channel, which must be opaque"
    SCALED = "scaled from the levels of its integers to 0 … 255, rounded to the nearest"


MODES = {
    "1": ModeConversion.CONVERTED,
    "L": ModeConversion.CONVERTED,
    "P": ModeConversion.CONVERTED,
    "RGB": ModeConversion.CONVERTED,
    "RGBX": ModeConversion.CONVERTED,
    "CMYK": ModeConversion.CONVERTED,
    "YCbCr": ModeConversion.CONVERTED,
    "HSV": ModeConversion.CONVERTED,
    "LA": ModeConversion.OPAQUE,
    "La": ModeConversion.OPAQUE,
    "PA": ModeConversion.OPAQUE,
    "RGBA": ModeConversion.OPAQUE,
    "RGBa": ModeConversion.OPAQUE,
    "I;16": ModeConversion.SCALED,
    "I;16L": ModeConversion.SCALED,
    "I;16B": ModeConversion.SCALED,
    "I;16N": ModeConversion.SCALED,
    # 16 bits as some containers and some versions of Pillow open them, or 32: which are taken where 16 bits hold them.
    "I": ModeConversion.SCALED,
}
REFUSED = {
    "F": "holds floating-point numbers (mode F), of which nothing says what is black and what is white; save it with "
    "8 or 16 bits",
    "LAB": "holds CIELAB colours (mode LAB), which cannot be converted faithfully; save it as RGB",
}
WHITE = 65535  # the highest level of 16 bits
ORIENTATION, BITS_PER_SAMPLE, PHOTOMETRIC = 0x0112, 258, 262  # tags of Exif and TIFF
MIN_IS_WHITE = 0
_HOLDERS_OF_EXIF = ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp")  # in what Pillow notes of an image


def why_refused(image: "Image.Image") -> str | None:
    """Return why an image is not decoded, as the end of a line that begins with its name; None where it is.

    Args:
        image: opened and loaded.
    """
    decoding = MODES.get(image.mode)
    if decoding is None:
        return REFUSED.get(image.mode, f"is of mode {image.mode}, which is not read; save it as RGB")
    if image.mode == "I":
        low, high = image.getextrema()
        assert not isinstance(low, tuple) and not isinstance(high, tuple), "there is one band"
        if low < 0 or high > WHITE:
            return f"holds integers from {low:,} to {high:,} (mode I); those of 16 bits, 0 to {WHITE:,}, are read"
    if is_transparent(image):
        return (
            f"is transparent in places (mode {image.mode}), and nothing says what lies behind; save it without "
            "transparency"
        )
    return None


def is_transparent(image: "Image.Image") -> bool:
    """Return whether some pixel of a loaded image is not opaque."""
    if MODES.get(image.mode) is ModeConversion.OPAQUE:
        alpha = image.getchannel(image.getbands()[-1])  # A, or a where colours are multiplied by it
    elif "transparency" not in image.info:
        return False
    elif MODES.get(image.mode) is ModeConversion.SCALED:  # one level is transparent
        return image.info["transparency"] in {level for _, level in image.convert("I").getcolors(WHITE + 1) or ()}
    else:
        alpha = image.convert("RGBA").getchannel("A")
    return any(alpha.histogram()[:255])


def highest_level(image: "Image.Image") -> int:
    """Return what stands for white in an image of integers: 65,535 but for TIFFs of fewer bits."""
    bits = _tiff_tag(image, BITS_PER_SAMPLE)
    return 2 ** bits[0] - 1 if isinstance(bits, tuple) and bits and 8 < bits[0] < 16 else WHITE


def is_negative(image: "Image.Image") -> bool:
    """Return whether 0 stands for white in an image of integers: Pillow turns such TIFFs of 8 bits alone."""
    return bool(_tiff_tag(image, PHOTOMETRIC) == MIN_IS_WHITE)


def _tiff_tag(image: "Image.Image", tag: int) -> Any:
    return getattr(image, "tag_v2", {}).get(tag)


def orientation_of(image: "Image.Image") -> int:
    """Return the Exif orientation of a loaded image, 1 to 8; 1 where none is noted, or what is noted is damaged.

    Of TIFF it is 1, because every version of Pillow turns it on loading; some leave the note where it was.
    """
    if hasattr(image, "tag_v2") or not any(name in image.info for name in _HOLDERS_OF_EXIF):
        return 1
    try:
        noted = image.getexif().get(ORIENTATION)
    except Exception:  # whatever Pillow's parsers raise on damaged Exif; the picture is none the worse
        return 1
    return noted if isinstance(noted, int) and 1 <= noted <= 8 else 1
