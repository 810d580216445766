"""Ways in which pictures go wrong, from hardly visible to plain: what a judge must see, in the right order."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ..images import open_pixels, to_images, to_pil, to_pixels


@dataclasses.dataclass(frozen=True)
class Degradation:
    """One way, and its strengths in growing order. `apply(images, strength, generator)` keeps the shape."""

    name: str
    unit: str
    strengths: tuple[float, ...]
    apply: Callable[[Tensor, float, torch.Generator], Tensor]


def blur(images: Tensor, sigma: float, generator: torch.Generator) -> Tensor:
    """Gaussian blur; `sigma` in pixels."""
    reach = max(1, round(3 * sigma))
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (offsets / max(sigma, 1e-3)) ** 2)
    kernel = (kernel / kernel.sum()).expand(images.shape[1], 1, 1, -1)
    padded = functional.pad(images, (reach,) * 4, mode="replicate")
    across = functional.conv2d(padded, kernel, groups=images.shape[1])
    return functional.conv2d(across, kernel.transpose(2, 3), groups=images.shape[1])


def noise(images: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    """Gaussian noise on every value; `deviation` as a share of the whole range."""
    return (images + 2 * deviation * torch.randn(images.shape, generator=generator)).clamp(-1, 1)


def jpeg(images: Tensor, loss: float, generator: torch.Generator) -> Tensor:
    """Written as JPEG and read again; `loss` is 100 minus the quality."""
    found = []
    for pixels in to_pixels(images):
        buffer = io.BytesIO()
        to_pil(pixels).save(buffer, "JPEG", quality=round(100 - loss))
        found.append(open_pixels(buffer.getvalue(), pixels.shape[-1]))
    return to_images(np.stack(found))


def occlude(images: Tensor, side: float, generator: torch.Generator) -> Tensor:
    """A grey square somewhere in each picture; `side` as a share of the picture's."""
    size = images.shape[-1]
    edge = round(side * size)
    corners = torch.rand(len(images), 2, generator=generator)
    corners = (corners * (size - edge + 1)).long()
    places = torch.arange(size)
    inside = (places >= corners[..., None]) & (places < corners[..., None] + edge)  # [n, 2, size]
    covered = inside[:, None, 0, :, None] & inside[:, None, 1, None, :]
    return images.masked_fill(covered, 0.0)


def fade(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Too little contrast: `share` of it is lost, towards middle grey."""
    return images * (1 - share)


def harden(images: Tensor, extra: float, generator: torch.Generator) -> Tensor:
    """Too much contrast: `extra` is added to a gain of 1, and what leaves the range is cut."""
    return (images * (1 + extra)).clamp(-1, 1)


# The first strength of each is the least that changes a good part of the pixels of every set at all: a blur of 0.35 px
# leaves 83 in 100 pixels of an X-ray as they were.
KINDS = (
    Degradation("blur", "px", (0.4, 0.5, 0.65, 0.85, 1.1, 1.6), blur),
    Degradation("noise", "of range", (0.02, 0.04, 0.07, 0.12, 0.2, 0.35), noise),
    Degradation("JPEG", "loss", (10, 30, 60, 80, 90, 95), jpeg),
    Degradation("occlusion", "of side", (0.1, 0.2, 0.3, 0.4, 0.5, 0.6), occlude),
    Degradation("low contrast", "lost", (0.05, 0.1, 0.2, 0.35, 0.5, 0.7), fade),
    Degradation("high contrast", "added", (0.1, 0.2, 0.4, 0.8, 1.5, 3.0), harden),
)
MIXING = (0.05, 0.1, 0.2, 0.35, 0.5, 0.75)  # shares of another set's pictures


def fitted(pixels: np.ndarray, size: int, channels: int) -> np.ndarray:
    """uint8 [n, h, w, c] -> [n, size, size, channels]: another set's pictures made to look formally alike."""
    found = []
    for each in pixels:
        picture = to_pil(each).convert("L" if channels == 1 else "RGB")
        found.append(np.asarray(picture.resize((size, size), Image.Resampling.LANCZOS)).reshape(size, size, channels))
    return np.stack(found)
