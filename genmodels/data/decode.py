"""One file's bytes, however hostile, -> a small upright RGB picture, or a sentence why not."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import struct
import warnings

import numpy as np
from PIL import Image

from ..images import LANCZOS
from .sources import Refused, starts_like_zip

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "DIB", "TIFF")  # a JPEG with several pictures calls itself MPO
ENDINGS = {
    "JPEG": ("jpg", "jpeg", "jpe", "jfif"),
    "MPO": ("jpg", "jpeg", "mpo"),
    "TIFF": ("tif", "tiff"),
    "DIB": ("bmp",),
}
MOST_PIXELS = {"JPEG": 120_000_000, "MPO": 120_000_000}  # JPEG is decoded at a fraction of its size
MOST_PIXELS_ELSE = 40_000_000  # 160 MB at four bytes; conversions need it two or three times over
WORKING = 256  # pixels of the shorter side that later steps work on
UPRIGHT = {  # EXIF orientation -> what puts the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclasses.dataclass(frozen=True)
class Decoded:
    """A picture ready to be cropped. `note` says what was remarkable about its file, "" if nothing."""

    picture: Image.Image  # RGB, upright, the shorter side at most a few times WORKING
    size: tuple[int, int]  # width and height in the file
    digest: bytes  # of the decoded pixels: equal for equal pictures, whatever the file's form
    note: str = ""
    facts: dict = dataclasses.field(default_factory=dict)


def measure(data: bytes) -> tuple[int, int] | None:
    """Width and height from the file's head, without decoding; None for what cannot be read."""
    try:
        with _opened(data) as picture:
            return picture.size
    except Refused:
        return None


def decode(data: bytes, name: str, background: int = 255) -> Decoded:
    """Decode a file by its content, first frame only, alpha laid on a grey `background` (0 to 255); else `Refused`."""
    with _opened(data) as picture:
        size, kind = picture.size, picture.format or ""
        limit = MOST_PIXELS.get(kind, MOST_PIXELS_ELSE)
        if size[0] * size[1] > limit:
            template = "It is {width} x {height} pixels, too large to open safely. Save it smaller."
            raise Refused("huge", template, width=size[0], height=size[1])
        try:
            note, facts = _remarkable(picture, name)
            orientation = _orientation(picture)
            picture.draft("RGB" if picture.mode != "L" else "L", (WORKING * 2, WORKING * 2))
            small = _shrunk(_flat(picture, background))
        except MemoryError as error:
            template = "It is {width} x {height} pixels, too large to open safely. Save it smaller."
            raise Refused("huge", template, width=size[0], height=size[1]) from error
        except Exception as error:  # a hostile file may raise anything
            raise _damaged(error) from error
    small = small.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else small
    digest = hashlib.sha256(f"{small.size}{min(size)}{max(size)}".encode())
    digest.update(small.tobytes())
    return Decoded(small, size, digest.digest(), note, facts)


def _opened(data: bytes) -> Image.Image:
    if not data:
        raise Refused("empty", "The file is empty.")
    if starts_like_zip(data):
        raise Refused("nested", "This is a ZIP inside of a ZIP. Unpack it and give its pictures themselves.")
    if data[4:8] == b"ftyp":
        raise Refused("unreadable", "HEIC, AVIF and films cannot be read. Save it as JPEG or PNG.")
    Image.init()  # the readers of all formats; does nothing the second time
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # we have limits of our own
            return Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise Refused("huge", "It has far too many pixels to open safely. Save it smaller.") from error
    except Image.UnidentifiedImageError as error:
        template = (
            "This is not a picture, or it is damaged at its beginning. JPEG, PNG, WebP, GIF, BMP and TIFF are read."
        )
        raise Refused("unreadable", template) from error
    except Exception as error:  # a hostile file may raise anything
        raise _damaged(error) from error


def _damaged(error: Exception) -> Refused:
    says = str(error).casefold()
    if isinstance(error, EOFError) or any(word in says for word in ("truncated", "not enough", "end of file")):
        return Refused("truncated", "The file ends too early: part of the picture is missing. Copy it again.")
    return Refused("unreadable", "The file is damaged and cannot be read.")


def _orientation(picture: Image.Image) -> int:
    try:
        return picture.getexif().get(0x0112, 1)
    except (OSError, ValueError, TypeError, KeyError, SyntaxError, struct.error):
        return 1  # a damaged EXIF block is no reason to lose the picture


def _remarkable(picture: Image.Image, name: str) -> tuple[str, dict]:
    """What a person may want to know although the picture is fine."""
    kind, frames = picture.format or "", getattr(picture, "n_frames", 1)
    if frames > 1 and kind not in ("JPEG", "MPO"):
        return "Kept the first of {frames} frames.", {"frames": frames}
    ending = name.rpartition(".")[2].casefold() if "." in name else ""
    if ending and ending not in ENDINGS.get(kind, (kind.casefold(),)):
        return "Kept: it is {kind}, whatever its name says.", {"kind": kind}
    return "", {}


def _flat(picture: Image.Image, background: int) -> Image.Image:
    """Any mode -> L or RGB without transparency."""
    mode = picture.mode
    if mode.startswith("I") or mode == "F":
        return _eight_bits(picture)
    if "A" in mode or "a" in mode or "transparency" in picture.info:
        picture = _shrunk(picture.convert("RGBA"))
        sheet = Image.new("RGBA", picture.size, (background, background, background, 255))
        sheet.alpha_composite(picture)
        return sheet.convert("RGB")
    return picture.convert("L" if mode in ("1", "L") else "RGB")


def _eight_bits(picture: Image.Image) -> Image.Image:
    """16-bit greys keep their scale (12-bit ones theirs); wider ones are stretched from darkest to lightest."""
    values = np.asarray(picture)
    if values.dtype.itemsize == 2:
        shift = 8 if int(values.max()) >= 4096 else 4 if int(values.max()) >= 256 else 0
        return Image.fromarray((values >> shift).astype(np.uint8))
    values = np.nan_to_num(values.astype(np.float32), copy=False, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if low >= 0 and high < 65536 and picture.mode != "F":  # 16 bits in a wider field, as PNG has them
        low, high = 0.0, 65535.0 if high >= 4096 else 4095.0 if high >= 256 else 255.0
    values -= low
    values *= 255.0 / max(high - low, 1e-12)
    return Image.fromarray(values.round().astype(np.uint8))


def _shrunk(picture: Image.Image) -> Image.Image:
    """Large pictures at a fraction of their size: all later steps are cheap, and their sharpness is not needed."""
    factor = min(picture.size) // WORKING
    if factor >= 2:
        picture = picture.reduce(factor)
    longest = WORKING * 16  # a banner of 100,000 x 300 pixels stays a small one
    if max(picture.size) > longest:
        scale = longest / max(picture.size)
        picture = picture.resize([max(1, round(side * scale)) for side in picture.size], LANCZOS)
    return picture if picture.mode in ("RGB", "RGBA") else picture.convert("RGB")
