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
    """The inverse of `grid` for square pictures: uint8 [rows * size, columns * size, c] -> uint8 [count, size, size, c]."""
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
