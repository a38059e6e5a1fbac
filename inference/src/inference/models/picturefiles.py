"""Picture files to pictures in memory: which formats, within which limits. Pure.

Picture files come from anybody, and a damaged one can make Pillow raise almost anything.
"""

import base64
import binascii
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image as Pillow
from PIL import ImageOps, PngImagePlugin, UnidentifiedImageError

from inference.errors import TooLarge

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
# JPEG's and GIF's own bound. Pillow takes 16 bytes for each pixel of a row or column that it makes shorter,
# which for a picture of 50,000,000 x 1 is 800 MB.
MAX_SIDE = 65_535

# The bound is --max-pixels, checked before anything is decoded; Pillow's own would warn on top of it.
Pillow.MAX_IMAGE_PIXELS = None
# Compressed text in a PNG, which nobody reads here; Pillow would keep 64 MiB of it for each picture.
PngImagePlugin.MAX_TEXT_MEMORY = PngImagePlugin.MAX_TEXT_CHUNK
# Pillow warns of odd metadata on stderr, where each line is a log record.
warnings.filterwarnings("ignore", module=r"PIL\.")
# Load the readers now, not at the first request.
Pillow.init()


@dataclass(frozen=True, slots=True)
class PictureLimits:
    """The most pictures of a request, and pixels (width x height) of one picture and of all together."""

    pictures: int = 64
    pixels: int = 50_000_000
    request_pixels: int = 200_000_000


DEFAULT_LIMITS = PictureLimits()


class TooManyPixelsError(ValueError):
    """A picture has more pixels than it may have."""


def check_count(pictures: int, limits: PictureLimits) -> None:
    """Raise TooLarge if a request has more pictures than `limits`; for before anything is made of them."""
    if pictures > limits.pictures:
        raise TooLarge(
            f"the request has {pictures} pictures, the server takes {limits.pictures} (--max-pictures); "
            "send several requests"
        )


def from_base64(text: str) -> bytes:
    """Read a picture's bytes from base64, or from a `data:` URL; raises ValueError."""
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("is not base64; encode the picture file's bytes") from None


@contextmanager
def decoding() -> Iterator[None]:
    """Raise a ValueError for whatever Pillow raises: a damaged picture can make it raise anything."""
    try:
        yield
    except TooManyPixelsError:
        raise
    except UnidentifiedImageError:
        raise ValueError(f"is no picture that this server reads ({', '.join(FORMATS)})") from None
    except Exception as error:
        raise ValueError(f"cannot be decoded: {error or type(error).__name__}; save it again") from None


def opened(data: bytes, max_pixels: int) -> Pillow.Image:
    """Read a picture's header; of several frames, the first one is the picture. Raises TooManyPixelsError."""
    picture = Pillow.open(BytesIO(data), formats=FORMATS)
    width, height = picture.size
    if width * height > max_pixels:
        raise TooManyPixelsError(
            f"is {width} x {height} pixels, the server takes {max_pixels} (--max-pixels)"
        )
    if max(width, height) > MAX_SIDE:
        raise TooManyPixelsError(f"is {width} x {height} pixels, the server takes {MAX_SIDE} on a side")
    return picture


def decoded(data: bytes, mode: str, max_pixels: int) -> Pillow.Image:
    """Decode a picture, upright, in Pillow's `mode`: RGB or L. For within `decoding`."""
    with opened(data, max_pixels) as picture:
        picture.load()
        upright = ImageOps.exif_transpose(picture)
        return _eight_bits(upright).convert(mode)


def _eight_bits(picture: Pillow.Image) -> Pillow.Image:
    if not picture.mode.startswith("I"):
        return picture
    # Pillow would clip 16-bit greys at 255 instead of scaling them.
    return Pillow.fromarray((np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8))
