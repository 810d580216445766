"""Walls: pictures of a seed, drawn again whenever asked, each with the recipe that makes it again."""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import __version__
from .checkpoint import Checkpoint
from .events import Trouble
from .hub.origin import Origin
from .images import grid, png
from .library import Library, Shelved, slug
from .sampler import Sampler

COUNTS = (16, 36, 64, 100)  # about so many pictures; a wall of classes has whole rows
MOST = 120
IN_COLUMNS = 12  # up to so many classes stand in columns
LARGEST_SEED = 2**31 - 1
STORED = 1.0  # the diversity that the pictures in a checkpoint were drawn with


@dataclasses.dataclass(frozen=True)
class Ask:
    """What a wall is made from. Checked on the way in, as it comes from a screen or the HTTP API."""

    key: str  # of the model
    seed: int = 0
    count: int = 64
    what: int | None = None  # the class of every picture; None for all of them in turn
    diversity: float = STORED

    def __post_init__(self) -> None:
        try:
            checked = checked_seed(self.seed), int(self.count), round(float(self.diversity), 3)
        except (TypeError, ValueError, OverflowError) as problem:
            raise Trouble("A seed is a whole number, for example 42.") from problem
        for name, value in zip(("seed", "count", "diversity"), checked, strict=True):
            object.__setattr__(self, name, value)
        if not 1 <= self.count <= MOST:
            raise Trouble("At most {most} pictures at a time.", most=MOST)
        if not 0 <= self.diversity <= 2:
            raise Trouble("Diversity goes from 0 to 2.")


def checked_seed(given: object) -> int:
    """A seed, as it comes from a screen or the HTTP API. Raises Trouble."""
    try:
        seed = int(given)
    except (TypeError, ValueError, OverflowError) as problem:
        raise Trouble("A seed is a whole number, for example 42.") from problem
    if not 0 <= seed <= LARGEST_SEED:
        raise Trouble("A seed is a whole number from 0 to {most}.", most=LARGEST_SEED)
    return seed


@dataclasses.dataclass(frozen=True)
class Wall:
    """Pictures of one seed, and all that is needed to draw them again."""

    model: Shelved
    ask: Ask
    pixels: np.ndarray  # uint8 [n, h, w, c]
    labels: list[int] | None  # the class of each picture
    columns: int


@dataclasses.dataclass(frozen=True)
class Made:
    """One picture and its recipe."""

    pixels: np.ndarray  # uint8 [h, w, c]
    recipe: dict[str, Any]

    @property
    def text(self) -> str:
        """The recipe as it travels in the PNG."""
        return json.dumps(self.recipe, ensure_ascii=False)

    @property
    def file(self) -> str:
        """A file name without its ending."""
        return f"{slug(self.recipe['name'], 60)}-{self.recipe['seed']}-{self.recipe['index'] + 1}"


class Walls:
    """Draws what it is asked for; from the checkpoint's own pictures where they are the same, without torch."""

    def __init__(self, library: Library) -> None:
        self.library, self.sampler = library, Sampler()

    def stored(self, owner: str, key: str, count: int = 64) -> Wall:
        """The pictures that lie in the checkpoint: on screen at once."""
        found = Checkpoint.open(self.library.folder(owner, key))
        pixels, labels = found.wall_pixels()[:count], found.wall.get("labels")
        ask = Ask(key, int(found.wall["seed"]), len(pixels))
        model = self.library.find(owner, key)
        labels = list(labels)[: len(pixels)] if labels else None
        return Wall(model, ask, pixels, labels, columns_of(len(model.picture.classes), len(pixels)))

    def draw(self, owner: str, ask: Ask, view: str = "") -> Wall | None:
        """A wall of pictures; None when the same `view` (a page) asked for another one meanwhile."""
        model = self.library.find(owner, ask.key)
        labels = _labels(model, ask)
        pixels = self._pixels(owner, ask, range(ask.count), labels, view)
        return (
            None
            if pixels is None
            else Wall(model, ask, pixels, labels, columns_of(len(model.picture.classes), ask.count))
        )

    def picture(self, owner: str, ask: Ask, index: int, label: int | None) -> Made:
        """One picture of a wall, with its recipe."""
        model = self.library.find(owner, ask.key)
        classes = len(model.picture.classes)
        label = (label or 0) if classes else None
        if not 0 <= index < MOST or (classes and not 0 <= label < classes):
            raise Trouble("There is no such picture.")
        pixels = self._pixels(owner, ask, [index], [label] if classes else None)
        return self._made(model, ask, pixels[0], index, label)

    def made(self, wall: Wall, index: int) -> Made:
        """One picture of a wall that is there already."""
        label = None if wall.labels is None else wall.labels[index]
        return self._made(wall.model, wall.ask, wall.pixels[index], index, label)

    def bundle(self, owner: str, ask: Ask, into: pathlib.Path) -> pathlib.Path:
        """A wall as a ZIP: every picture with its recipe, and all of them on one sheet."""
        wall = self.draw(owner, ask)
        target = into / f"{slug(wall.model.name, 60)}-{ask.seed}.zip"
        with zipfile.ZipFile(target, "w") as packed:
            for index, pixels in enumerate(wall.pixels):
                text = {"recipe": self.made(wall, index).text}
                packed.writestr(f"{target.stem}/{index + 1:03}.png", png(pixels, text))
            sheet = grid(wall.pixels, wall.columns)
            packed.writestr(f"{target.stem}/all.png", png(sheet.repeat(4, axis=0).repeat(4, axis=1)))
        return target

    def _pixels(
        self, owner: str, ask: Ask, indices: Sequence[int], labels: list[int] | None, view: str = ""
    ) -> np.ndarray | None:
        folder = self.library.folder(owner, ask.key)
        found = Checkpoint.open(folder)
        wall, fits = found.wall, ask.diversity == STORED
        fits = fits and ask.seed == int(wall["seed"]) and max(indices) < int(wall["count"])
        if fits and (labels is None or [wall["labels"][index] for index in indices] == labels):
            return found.wall_pixels()[list(indices)]
        return self.sampler.draw(folder, ask.seed, indices, labels, ask.diversity, view)

    def _made(self, model: Shelved, ask: Ask, pixels: np.ndarray, index: int, label: int | None) -> Made:
        known = recipe(model.key, model.name, model.identity, ask.seed, ask.diversity, label, model.origin)
        kind = "" if label is None else model.picture.classes[label]
        return Made(pixels, {**known, "index": index, "class": kind})


def recipe(
    key: str, name: str, identity: str, seed: int, diversity: float, label: int | None, origin: Origin | None = None
) -> dict[str, Any]:
    """What makes pictures again: the model and its controls, as plain data. Who draws one adds its index.

    A model that came from the Hub or went there is named by repository and commit, which never change.
    """
    return {
        "format": 1,
        "studio": __version__,
        "model": key,
        "name": name,
        "identity": identity,
        **({"hub": {"repo": origin.repo, "commit": origin.commit}} if origin else {}),
        "seed": seed,
        "diversity": diversity,
        "label": label,
    }


def _labels(model: Shelved, ask: Ask) -> list[int] | None:
    """The class of each picture: one for all, or each in turn."""
    classes = len(model.picture.classes)
    if not classes:
        return None
    if ask.what is not None and not 0 <= ask.what < classes:
        raise Trouble("This model cannot make that.")
    each = 1 if classes <= IN_COLUMNS else 2  # of many classes, two pictures each, side by side
    return [index // each % classes if ask.what is None else ask.what for index in range(ask.count)]


def columns_of(classes: int, count: int) -> int:
    """How a wall hangs: a column for each class where that looks well, else a square."""
    if 4 < classes <= IN_COLUMNS:
        return classes if classes > 6 else 2 * classes
    return math.ceil(math.sqrt(count)) or 1


def counts_of(classes: int) -> list[int]:
    """How many pictures can be asked for: whole rows."""
    if 4 < classes <= IN_COLUMNS:
        return [classes * max(1, round(count / classes)) for count in COUNTS]
    return list(COUNTS)
