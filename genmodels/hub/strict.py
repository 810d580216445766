"""Strict: a checkpoint folder from elsewhere is whole, within limits and what it says, before anybody uses it."""

from __future__ import annotations

import contextlib
import math
import pathlib
import re
import struct
from collections.abc import Iterator

from PIL import Image

from ..checkpoint import MOST_PARAMETERS, Checkpoint
from ..evaluation.result import FILE, Evaluation
from ..events import Trouble

NEEDED = ("config.json", "samples.webp", "model.safetensors")
HEADER = 1 << 20  # bytes of a safetensors header, at most
LIMITS = {  # bytes of each file that is taken in, at most; fetched in this order, so that weights come last
    "config.json": 256 << 10,
    "README.md": 1 << 20,
    "LICENSE": 256 << 10,
    "history.jsonl": 4 << 20,
    FILE: 1 << 20,
    "timelapse.webp": 32 << 20,
    "samples.webp": 8 << 20,
    "model.safetensors": 4 * MOST_PARAMETERS + HEADER,
    "model.onnx": 4 * MOST_PARAMETERS + 16 * HEADER,  # in ZIPs only: it is made again from the weights, and never read
}
SHEET_SIDE, FRAMES = 4_096, 240  # pixels a side of a sheet of pictures; pictures in a time-lapse
MOST_PIXELS = 64 << 20  # of all of them
MOST_NUMBERS, MOST_KINDS, MOST_SHOWN = 64, 1_000, 256  # of an evaluation: numbers, classes, pictures of each sort
WORD = re.compile(r"[a-z][a-z0-9_]{0,40}")  # the name of a number, also of one that a newer version takes


def check(folder: pathlib.Path) -> Checkpoint:
    """A folder from elsewhere as a checkpoint that every screen can trust. Raises Trouble with the reason."""
    for file in folder.iterdir():
        if file.is_symlink() or not file.is_file() or file.stat().st_size > LIMITS.get(file.name, 0):
            raise Trouble("{name} is not a model of this studio: it holds {file}.", name=folder.name, file=file.name)
    for name in NEEDED:
        if not (folder / name).exists():
            raise Trouble("{name} is not a whole model: {file} is missing.", name=folder.name, file=name)
    found = Checkpoint.open(folder)
    check_config(found, (folder / "model.safetensors").stat().st_size)
    check_header(folder / "model.safetensors", found.name)
    check_picture(folder / "samples.webp", found.name)
    sheet = found.wall_pixels()
    if len(sheet) != found.config.wall.count:
        raise Trouble("The pictures of {name} cannot be read.", name=found.name)
    if (folder / "timelapse.webp").exists():
        check_picture(folder / "timelapse.webp", found.name)
    if (folder / FILE).exists():
        with deep(found.name, FILE):
            _check_evaluation(Evaluation.open(folder), len(found.config.classes))
    found.load()  # names, shapes, types and finiteness of every weight
    return found


def _check_evaluation(told: Evaluation, kinds: int) -> None:
    """Refuse numbers that nobody can have measured and lists that no screen could show; raises ValueError."""
    asked = told.protocol
    labels = {each.label for each in told.nearest}
    sound = (
        len(told.numbers) <= MOST_NUMBERS
        and all(WORD.fullmatch(number.name) for number in told.numbers)
        and len(told.classes) <= MOST_KINDS
        and max(len(told.nearest), len(told.rebuilt)) <= MOST_SHOWN
        and all(0 <= each.index < 2**31 for each in told.nearest)
        and (labels <= {None} or (None not in labels and 0 <= min(labels) <= max(labels) < kinds))
        and 0 <= asked.seed < 2**31
        and 0 <= asked.diversity <= 2
        and all(0 < number < 1e9 for number in (asked.made, asked.real, asked.neighbours))
    )
    if not sound:
        raise ValueError("not an evaluation of this model")


def check_config(found: Checkpoint, size: int) -> None:
    """Refuse settings that no model can be built with, and weights that cannot be its own by their size alone.

    Nothing is allocated; `size` is in bytes, as the file has it or the Hub claims it. Raises Trouble.
    """
    try:
        parts = found.blank().state_dict().values()
    except (RuntimeError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Trouble("{name} asks for settings that this version does not allow.", name=found.name) from error
    if sum(part.numel() for part in parts) > MOST_PARAMETERS:
        raise Trouble("{name} is too large for this studio.", name=found.name)
    weights = sum(part.numel() * part.element_size() for part in parts)
    if not weights < size <= weights + HEADER:
        raise Trouble("The weights of {name} are not those that its settings ask for.", name=found.name)


def check_header(file: pathlib.Path, name: str) -> None:
    """Refuse weights whose header is so long that reading it would take more than the weights."""
    with open(file, "rb") as stream:
        start = stream.read(8)
    if len(start) < 8 or struct.unpack("<Q", start)[0] > HEADER:
        raise Trouble("The weights of {name} cannot be read: the file is missing or damaged.", name=name)


def check_picture(file: pathlib.Path, name: str) -> None:
    """Refuse what is no WebP, or unfolds to more pictures or pixels than a screen can hold; it stays folded here."""
    with deep(name, file.name), Image.open(file, formats=("WEBP",)) as picture:
        pixels = math.prod(picture.size) * picture.n_frames
        if max(picture.size) > SHEET_SIDE or picture.n_frames > FRAMES or pixels > MOST_PIXELS:
            raise OSError("larger than a screen can hold")


@contextlib.contextmanager
def deep(name: str, file: str) -> Iterator[None]:
    """Whatever a file does to its reader becomes one sentence."""
    try:
        yield
    except (OSError, ValueError, RecursionError, Image.DecompressionBombError, Trouble) as error:
        raise Trouble("{name} was refused: its {file} cannot be read.", name=name, file=file) from error
