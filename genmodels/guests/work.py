"""Work: what a guest does (draw, rebuild, blend, walk), as events with previews; plain pixels come out."""

from __future__ import annotations

import dataclasses
import io
import math
import time
from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..events import Event, Finished, Preview, Progress, Trouble
from ..images import grid, to_images, to_pil, to_pixels
from ..runs.result import evenly

if TYPE_CHECKING:
    from torch import Tensor

    from ..models.guest import Denoiser
    from .coders import Coder

FRAMES = 40  # of a film of denoising, at most
MOST_FRAMES, LEAST_FRAMES = 64, 4  # of a blend or a walk
LOSSLESS = 96  # pixels a side up to which films are lossless
GENTLE = 0.5  # how far a walk swings out aside, of the way to what it walks towards


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of it."""

    pixels: np.ndarray  # uint8 [n, h, w, c]
    columns: int
    film: np.ndarray | None = None  # uint8 [frames, h, w, c]
    before: np.ndarray | None = None  # the pictures given, as the model sees them: uint8 [n, h, w, c]
    numbers: dict[str, float | list[float]] = dataclasses.field(default_factory=dict)


Working = Generator[Event, None, Result]


def drawn(model: Denoiser, seed: int, count: int, steps: int, sampler: str) -> Working:
    """Draw pictures of a seed. Each preview is what the model expects, at that step, the pictures to become.

    The previews whose file is "noisy" are what it works on at that step.
    """
    start, columns, sheets = time.monotonic(), columns_of(count), []
    filmed = set(evenly(list(range(1, steps + 1)), FRAMES))
    for step in model.draw(seed, range(count), steps, sampler):
        pixels = to_pixels(step.clean)
        if step.number in filmed or step.number == step.steps:
            sheets.append(grid(pixels, columns))
        yield Preview(images=count, columns=columns, pixels=to_pixels(step.noisy), file="noisy")
        yield Preview(images=count, columns=columns, pixels=pixels)
        yield _progress(step.number, step.steps, start, count)
    yield Finished(template="{n} pictures of seed {seed}, in {steps} steps.", facts=_facts(count, seed, steps))
    return Result(pixels, columns, np.stack(sheets))


def rebuilt(coder: Coder, pixels: np.ndarray) -> Working:
    """Squeeze pictures uint8 [n, h, w, c] into codes and back; how near each comes is its PSNR in decibels."""
    start, columns, made = time.monotonic(), columns_of(len(pixels)), []
    for number in range(len(pixels)):
        images = to_images(pixels[number : number + 1])
        made.append(to_pixels(coder.decode(coder.encode(images)))[0])
        empty = [np.zeros_like(made[0])] * (len(pixels) - len(made))
        yield Preview(images=len(pixels), columns=columns, pixels=np.stack([*made, *empty]))
        yield _progress(number + 1, len(pixels), start, len(pixels))
    each = [psnr(*pair) for pair in zip(made, pixels, strict=True)]
    yield Finished(template="Rebuilt {n} pictures.", facts={"n": len(made)})
    return Result(np.stack(made), columns, before=pixels, numbers={"psnr": sum(each) / len(each), "each": each})


def blended(coder: Coder, pixels: np.ndarray, frames: int) -> Working:
    """From the first of two pictures to the other, in a straight line between their codes, and back."""
    codes = _codes(coder, pixels)
    ends = [psnr(*pair) for pair in zip(to_pixels(coder.decode(codes)), pixels, strict=True)]
    parts = [i / (frames - 1) for i in range(frames)]
    made = yield from _frames(coder, [codes[0] * (1 - part) + codes[1] * part for part in parts])
    yield Finished(template="From one picture to the other in {n} steps.", facts={"n": frames})
    there_and_back = np.concatenate([made, made[-2:0:-1]])
    return Result(made, columns_of(frames), there_and_back, pixels, {"psnr": sum(ends) / 2, "each": ends})


def walked(coder: Coder, pixels: np.ndarray, seed: int, frames: int) -> Working:
    """From a picture on a round way of a seed through what the model knows, and home again."""
    code = _codes(coder, pixels)[0]
    near = psnr(to_pixels(coder.decode(code[None]))[0], pixels[0])
    aside, away = coder.ways(code, seed)
    turns = [2 * math.pi * i / frames for i in range(frames)]
    round_way = [code + GENTLE * math.sin(turn) * aside + (1 - math.cos(turn)) / 2 * away for turn in turns]
    made = yield from _frames(coder, round_way)
    yield Finished(template="A walk of {n} steps away from the picture and home again.", facts={"n": frames})
    return Result(made, columns_of(frames), made, pixels, {"psnr": near, "each": [near]})


def film(frames: np.ndarray, pause: int = 80, last: int = 80) -> bytes:
    """uint8 [n, h, w, c] as an animated WebP that goes round; pauses in milliseconds."""
    pictures, buffer = [to_pil(frame).convert("RGB") for frame in frames], io.BytesIO()
    pauses = [pause] * (len(pictures) - 1) + [last]
    known = {"lossless": True, "quality": 20} if max(pictures[0].size) <= LOSSLESS else {"quality": 85}
    pictures[0].save(
        buffer, "WEBP", save_all=True, append_images=pictures[1:], duration=pauses, loop=0, method=2, **known
    )
    return buffer.getvalue()


def columns_of(count: int) -> int:
    """How pictures hang: in a square."""
    return math.ceil(math.sqrt(count)) or 1


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two pictures, uint8, in decibels; 99 where they are equal."""
    error = float(np.square(one.astype(np.float64) - other.astype(np.float64)).mean())
    return 99.0 if error == 0 else round(10 * math.log10(255**2 / error), 2)


# ---- inside


def _codes(coder: Coder, pixels: np.ndarray) -> Tensor:
    return coder.encode(to_images(pixels))


def _frames(coder: Coder, codes: Sequence[Tensor]) -> Generator[Event, None, np.ndarray]:
    """Decode codes some at a time: uint8 [n, h, w, c]."""
    import torch

    start, made = time.monotonic(), []
    for some in _some(codes, coder.size):
        made.append(to_pixels(coder.decode(torch.stack(some))))
        done = np.concatenate(made)
        empty = np.zeros((len(codes) - len(done), *done.shape[1:]), np.uint8)
        yield Preview(images=len(codes), columns=columns_of(len(codes)), pixels=np.concatenate([done, empty]))
        yield _progress(len(done), len(codes), start, len(codes))
    return np.concatenate(made)


def _some(codes: Sequence[Tensor], size: int) -> Iterator[Sequence[Tensor]]:
    number = 16 if size <= 64 else 2
    return (codes[first : first + number] for first in range(0, len(codes), number))


def _facts(count: int, seed: int, steps: int) -> dict[str, int]:
    return {"n": count, "seed": seed, "steps": steps}


def _progress(done: int, whole: int, start: float, images: int) -> Progress:
    spent = time.monotonic() - start
    left = spent / done * (whole - done)
    return Progress(fraction=done / whole, remaining=left, seconds=spent, step=done, images=images)


def frames_of(frames: object) -> int:
    """A number of frames that somebody asks for. Raises Trouble."""
    if isinstance(frames, bool) or not isinstance(frames, int) or not LEAST_FRAMES <= frames <= MOST_FRAMES:
        raise Trouble("A film has {low} to {high} steps.", low=LEAST_FRAMES, high=MOST_FRAMES)
    return frames
