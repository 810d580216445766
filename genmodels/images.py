"""Pictures in their three forms: PIL, `pixels` (uint8 [n, h, w, c]) and `images` (float [n, c, h, w] in [-1, 1])."""

from __future__ import annotations

import dataclasses
import io
import os
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, PngImagePlugin

if TYPE_CHECKING:
    from torch import Tensor


LANCZOS = Image.Resampling.LANCZOS


@dataclasses.dataclass(frozen=True)
class PictureFormat:
    """What a picture of a set or model is: square, grey or colour, and which classes there are."""

    size: int  # 28, 32 or 64 pixels a side
    channels: int  # 1 grey, 3 colour
    classes: tuple[str, ...] = ()


def to_images(pixels: np.ndarray) -> Tensor:
    """uint8 [n, h, w, c] -> float32 [n, c, h, w] in [-1, 1]."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float().div_(127.5).sub_(1.0)


def to_pixels(images: Tensor) -> np.ndarray:
    """float [n, c, h, w] in [-1, 1] -> uint8 [n, h, w, c], rounded and clipped."""
    scaled = images.detach().float().add(1.0).mul(127.5).round().clamp(0, 255)
    return np.ascontiguousarray(scaled.byte().permute(0, 2, 3, 1).cpu().numpy())


def to_pil(pixels: np.ndarray) -> Image.Image:
    """One picture, uint8 [h, w, c] -> PIL, mode L or RGB."""
    return Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)


def grid(pixels: np.ndarray, columns: int) -> np.ndarray:
    """uint8 [n, h, w, c] -> one sheet, uint8 [rows * h, columns * w, c]; missing places are black."""
    count, height, width, channels = pixels.shape
    rows = max(1, -(-count // columns))
    sheet = np.zeros((rows * columns, height, width, channels), np.uint8)
    sheet[:count] = pixels
    sheet = sheet.reshape(rows, columns, height, width, channels).swapaxes(1, 2)
    return sheet.reshape(rows * height, columns * width, channels)


def ungrid(sheet: np.ndarray, size: int, count: int) -> np.ndarray:
    """The inverse of `grid` for square pictures: uint8 [rows * size, columns * size, c] -> [count, size, size, c]."""
    rows, columns, channels = sheet.shape[0] // size, sheet.shape[1] // size, sheet.shape[2]
    tiles = sheet.reshape(rows, size, columns, size, channels).swapaxes(1, 2)
    return tiles.reshape(rows * columns, size, size, channels)[:count]


def webp(pixels: np.ndarray, effort: int = 20) -> bytes:
    """One picture or sheet, uint8 [h, w, c], as lossless WebP; effort (0 to 100) buys fewer bytes with time."""
    buffer = io.BytesIO()
    to_pil(pixels).save(buffer, "WEBP", lossless=True, quality=effort, method=4 if effort > 50 else 2)
    return buffer.getvalue()


def png(pixels: np.ndarray, text: dict[str, str] | None = None) -> bytes:
    """One picture, uint8 [h, w, c], as PNG with text metadata (a recipe, for example)."""
    buffer, info = io.BytesIO(), PngImagePlugin.PngInfo()
    for key, value in (text or {}).items():
        info.add_itxt(key, value)
    to_pil(pixels).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def open_pixels(source: str | os.PathLike | bytes, channels: int) -> np.ndarray:
    """A picture file that we wrote ourselves (path or bytes) -> uint8 [h, w, channels] (WebP knows no grey)."""
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as picture:
        pixels = np.asarray(picture.convert("L" if channels == 1 else "RGB"))
    return pixels[..., None] if pixels.ndim == 2 else pixels


def square(picture: Image.Image, size: int, fit: str, background: int = 255) -> Image.Image:
    """An RGB or grey picture -> `size` pixels a side.

    `fit` is "fit" (all of it, with bars of a grey `background`), "crop" (the middle) or "smart" (where most is to see).
    """
    width, height = picture.size
    if fit == "fit" and width != height:
        longer = max(width, height)
        small = picture.resize((max(1, round(width * size / longer)), max(1, round(height * size / longer))), LANCZOS)
        sheet = Image.new(picture.mode, (size, size), background if picture.mode == "L" else (background,) * 3)
        sheet.paste(small, ((size - small.width) // 2, (size - small.height) // 2))
        return sheet
    shorter = min(width, height)
    spare = max(width, height) - shorter
    start = _busiest(picture) * spare if fit == "smart" else spare / 2
    left, top = (start, 0.0) if width > height else (0.0, start)
    box = (left, top, left + shorter, top + shorter)
    return picture if picture.size == (size, size) else picture.resize((size, size), LANCZOS, box=box)


def _busiest(picture: Image.Image) -> float:
    """Where along the longer side a square window holds most edges: 0 at the start, 1 at the end."""
    scale = min(64 / min(picture.size), 4096 / max(picture.size))
    small = picture.convert("L").resize(
        tuple(max(2, round(side * scale)) for side in picture.size), Image.Resampling.BOX
    )
    grey = np.asarray(small, np.float32)
    edges = np.abs(np.gradient(grey, axis=0)) + np.abs(np.gradient(grey, axis=1))
    along = edges.sum(axis=0 if grey.shape[1] > grey.shape[0] else 1) + 1e-3
    places = len(along) - min(grey.shape)
    if places <= 0:
        return 0.5
    total = np.concatenate([[0.0], np.cumsum(along, dtype=np.float64)])
    window = total[min(grey.shape) :] - total[: places + 1]
    middle = np.linspace(-1.0, 1.0, places + 1)
    return float(np.argmax(window * (1.0 - 0.1 * middle**2)) / places)  # the middle, unless elsewhere is clearly more
