"""Markup: what screens, reports and cards are written with: text made safe, pictures as data-URIs."""

from __future__ import annotations

import base64
import html
import re
import shlex

import numpy as np

from .images import png, webp

MARKS = re.compile(r"([\\`*_\[\]|#~!$<>&])|(?<=:)(?=//)|(?<=www)(?=\.)|(?<=@)")  # of Markdown; and of bare links
ENTITIES = {"<": "&lt;", ">": "&gt;", "&": "&amp;", "": "&#8203;"}


def safe(text: object) -> str:
    """Escaped for HTML, and for gradio's templates, which read braces and dollars."""
    return html.escape(str(text)).replace("{", "&#123;").replace("}", "&#125;").replace("$", "&#36;")


def png_uri(pixels: np.ndarray, text: dict[str, str] | None = None) -> str:
    """One picture, uint8 [h, w, c], as a data-URI."""
    return "data:image/png;base64," + base64.b64encode(png(pixels, text)).decode()


def webp_uri(pixels: np.ndarray) -> str:
    """One sheet, uint8 [h, w, c], as a data-URI."""
    return "data:image/webp;base64," + base64.b64encode(webp(pixels)).decode()


def sheet_uri(content: bytes, kind: str = "webp") -> str:
    """A picture file that lies on the disk, as a data-URI."""
    return f"data:image/{kind};base64," + base64.b64encode(content).decode()


def plain(text: object) -> str:
    """A word of people's as text of a Markdown page: no HTML, mark, formula, link or mention comes of it."""
    return MARKS.sub(lambda found: ENTITIES.get(found[0], "\\" + found[0]), " ".join(_printable(text).split()))


def unplain(text: str) -> str:
    """What `plain` was given."""
    return html.unescape(re.sub(r"\\([^\w\s])", r"\1", text)).replace("\u200b", "")


def code(text: object) -> str:
    """A word of people's between backticks or quotes: one line, and nothing that ends them."""
    return re.sub(r"[`\"'\\]", "", _printable(text))


def word(value: object) -> str:
    """A value as one word of a command, whatever is in it."""
    return shlex.quote(re.sub(r"[`\s]", "-", _printable(value)))


def _printable(text: object) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in str(text))
