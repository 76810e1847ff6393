"""The image modes of Pillow, and how each is converted to 8-bit RGB, for all readers and for the fingerprints.

Nothing here imports Pillow: the functions take images that Pillow has opened and loaded.
"""

from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL import Image


class ModeConversion(Enum):
    """The way in which an image of one of Pillow's modes is converted to 8-bit RGB."""

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
    # Some containers and versions of Pillow open 16 bits as this mode of 32 bits; values above 65,535 are refused.
    "I": ModeConversion.SCALED,
}
REFUSED_MODES = {
    "F": "holds floating-point numbers (mode F), whose values for black and white are unknown; save it with 8 or 16 "
    "bits",
    "LAB": "holds CIELAB colours (mode LAB), which cannot be converted faithfully; save it as RGB",
}
WHITE_16_BITS = 65535
ORIENTATION, BITS_PER_SAMPLE, PHOTOMETRIC = 0x0112, 258, 262  # tags of Exif and TIFF
MIN_IS_WHITE = 0
_EXIF_INFO_KEYS = ("exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp")  # of Pillow's Image.info


def refusal_reason(image: "Image.Image") -> str | None:
    """Return why an image is refused, or None if it is decoded.

    Args:
        image: an image that Pillow has opened and loaded.

    Returns:
        The end of an error message that begins with the image's name.
    """
    conversion = MODES.get(image.mode)
    if conversion is None:
        return REFUSED_MODES.get(image.mode, f"has the mode {image.mode}, which cannot be read; save it as RGB")
    if image.mode == "I":
        low, high = image.getextrema()
        assert not isinstance(low, tuple) and not isinstance(high, tuple), "the image has one band"
        if low < 0 or high > WHITE_16_BITS:
            return (
                f"holds integers from {low:,} to {high:,} (mode I); only those of 16 bits, 0 to {WHITE_16_BITS:,}, can "
                "be read"
            )
    if has_transparent_pixels(image):
        return (
            f"has transparent pixels (mode {image.mode}), and the background behind them is unknown; save it without "
            "transparency"
        )
    return None


def has_transparent_pixels(image: "Image.Image") -> bool:
    """Return whether any pixel of a loaded image is not opaque."""
    if MODES.get(image.mode) is ModeConversion.OPAQUE:
        alpha = image.getchannel(image.getbands()[-1])  # A, or a if the colours are premultiplied
    elif "transparency" not in image.info:
        return False
    elif MODES.get(image.mode) is ModeConversion.SCALED:  # one level is transparent
        levels = {level for _, level in image.convert("I").getcolors(WHITE_16_BITS + 1) or ()}
        return image.info["transparency"] in levels
    else:
        alpha = image.convert("RGBA").getchannel("A")
    return any(alpha.histogram()[:255])


def white_level(image: "Image.Image") -> int:
    """Return the highest possible level of an image of integers: 65,535, or less for a TIFF of 9 to 15 bits."""
    bits = _tiff_tag(image, BITS_PER_SAMPLE)
    return 2 ** bits[0] - 1 if isinstance(bits, tuple) and bits and 8 < bits[0] < 16 else WHITE_16_BITS


def zero_is_white(image: "Image.Image") -> bool:
    """Return whether 0 means white in an image of integers.

    This is so in some TIFFs; Pillow inverts them itself only if they have 8 bits.
    """
    return bool(_tiff_tag(image, PHOTOMETRIC) == MIN_IS_WHITE)


def _tiff_tag(image: "Image.Image", tag: int) -> Any:
    """Return the value of a TIFF tag, or None if the image is not a TIFF or lacks the tag."""
    return getattr(image, "tag_v2", {}).get(tag)


def orientation_of(image: "Image.Image") -> int:
    """Return the Exif orientation of a loaded image, 1 to 8.

    The result is 1 if the orientation is missing, damaged or out of range. It is also 1 for every TIFF, because
    all versions of Pillow rotate TIFFs on loading, and some versions leave the tag in the image.
    """
    if hasattr(image, "tag_v2") or not any(name in image.info for name in _EXIF_INFO_KEYS):
        return 1
    try:
        orientation = image.getexif().get(ORIENTATION)
    except Exception:  # whatever Pillow's parsers raise on damaged Exif, which does not affect the pixels
        return 1
    return orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else 1
