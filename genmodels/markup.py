"""Markup: what screens and reports are written with: text made safe, pictures as data-URIs."""

from __future__ import annotations

import base64
import html

import numpy as np

from .images import png, webp


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
