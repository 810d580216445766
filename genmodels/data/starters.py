"""The picture sets that ship in assets/: an atlas, a small JSON, a sheet and the licence of each.

`python -m genmodels.data.starters FOLDER` makes them again from FOLDER/<name>.npz, with the same result every time.
An npz holds `images` uint8 [n, h, w] or [n, h, w, c], and where they exist `labels`, `label_names` and `names`.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import sys
from typing import Any

import numpy as np

from .. import images
from ..events import Trouble
from .imageset import ImageSet

ASSETS = pathlib.Path(__file__).resolve().parents[2] / "assets" / "starters"
SHEET_COLUMNS, SHEET_ROWS = 8, 4
LEAST_IN_CLASS = 16  # a class with fewer pictures is left out of a starter set


@dataclasses.dataclass(frozen=True)
class Recipe:
    """What cannot be read from the pictures: how many to take, what they are called, whose they are."""

    title: str
    count: int  # at most, dealt evenly to the classes
    origin: str
    licence: str  # its short name (SPDX where there is one); the text lies beside the atlas
    flip: bool = False  # a mirrored picture could be one of the set
    labelled: bool = True
    pictures_named: str = ""  # the npz array that names each picture


RECIPES = {
    "avatars": Recipe(
        "Pixel-art faces", 4000, "DiceBear, style Pixel Art by Florian Körner", "CC0-1.0", flip=True, labelled=False
    ),
    "digits": Recipe(
        "Handwritten digits", 18000, "MNIST, by Yann LeCun, Corinna Cortes and Christopher Burges", "CC-BY-SA-3.0"
    ),
    "fashion": Recipe("Clothes", 6000, "Fashion-MNIST, by Zalando Research", "MIT"),
    "emoji": Recipe("Emoji", 1911, "Noto Emoji, by Google", "Apache-2.0", pictures_named="names"),
    "letters": Recipe("Capital letters", 6500, "Typefaces by Brian Kent (Ænigma Fonts)", "LicenseRef-Aenigma"),
    "kanji": Recipe(
        "Kanji and kana", 6597, "KanjiVG, by Ulrich Apel", "CC-BY-SA-3.0", labelled=False, pictures_named="chars"
    ),
}
NAMES: tuple[str, ...] = tuple(RECIPES)


def opened(address: str) -> ImageSet:
    """A set by its address: the name of a starter, or the folder of any other."""
    return open(address) if address in NAMES else ImageSet.open(pathlib.Path(address))


def open(name: str) -> ImageSet:
    """Decode a starter set (about a tenth of a second). Pictures are dealt: one of each class in turn."""
    facts = about(name)
    sheet = images.open_pixels(atlas(name), facts["channels"])
    labels = dealt(facts["counts"]) if facts["classes"] else None
    pixels = images.ungrid(sheet, facts["size"], facts["count"])
    return ImageSet(
        images=np.ascontiguousarray(pixels),
        labels=labels,
        classes=tuple(facts["classes"]),
        name=name,
        origin=facts["origin"],
        licence=facts["licence"],
        names=tuple(facts["names"]),
        flip=facts["flip"],
    )


def about(name: str) -> dict[str, Any]:
    """What set.json says, no picture decoded: title, count, size, channels, classes, counts, origin, licence."""
    return dict(_about(name))


@functools.cache
def _about(name: str) -> dict[str, Any]:
    return json.loads((_folder(name) / "set.json").read_text(encoding="utf-8"))


def learned(trained: dict[str, Any]) -> str:
    """The starter set that a model was trained on, "" for pictures of somebody's own, also under the same name."""
    name = trained.get("set")
    return name if name in NAMES and trained.get("origin", _about(name)["origin"]) == _about(name)["origin"] else ""


def sheet(name: str) -> pathlib.Path:
    """A WebP of 8 by 4 varied pictures of the set, ready for the screen."""
    return _folder(name) / "sheet.webp"


def atlas(name: str) -> pathlib.Path:
    """Every picture of the set on one lossless WebP."""
    return _folder(name) / "atlas.webp"


def licence(name: str) -> str:
    """The licence of a starter set, as it must travel with its pictures."""
    return (_folder(name) / "LICENCE.txt").read_text(encoding="utf-8")


def _folder(name: str) -> pathlib.Path:
    if name not in NAMES:
        raise Trouble("There is no starter set called {name}. There are: {names}.", name=name, names=", ".join(NAMES))
    return ASSETS / name


def dealt(counts: list[int]) -> np.ndarray:
    """Labels int64 [sum(counts)] in dealing order: one of each class in turn until a class has no more."""
    labels = np.repeat(np.arange(len(counts)), counts)
    rounds = np.concatenate([np.arange(count) for count in counts])
    return labels[np.lexsort((labels, rounds))].astype(np.int64)


def make(source: pathlib.Path, into: pathlib.Path, name: str) -> dict[str, Any]:
    """Write atlas.webp, sheet.webp and set.json of one starter set from an npz; returns what set.json says."""
    recipe = RECIPES[name]
    with np.load(source, allow_pickle=False) as arrays:
        pixels = arrays["images"]
        labels = arrays["labels"].astype(np.int64) if recipe.labelled else np.zeros(len(pixels), np.int64)
        classes = [str(word) for word in arrays["label_names"]] if recipe.labelled else ["all"]
        names = [str(word) for word in arrays[recipe.pictures_named]] if recipe.pictures_named else []
    pixels = pixels[..., None] if pixels.ndim == 3 else pixels
    rows, counts = _choose(pixels, labels, len(classes), recipe.count)
    kept = [label for label, count in enumerate(counts) if count]
    columns = int(np.ceil(np.sqrt(len(rows))))
    facts = {
        "format": 1,
        "title": recipe.title,
        "count": len(rows),
        "size": pixels.shape[1],
        "channels": pixels.shape[3],
        "classes": [classes[label] for label in kept] if recipe.labelled else [],
        "counts": [counts[label] for label in kept] if recipe.labelled else [],
        "origin": recipe.origin,
        "licence": recipe.licence,
        "flip": recipe.flip,
        "names": [names[row] for row in rows] if names else [],
    }
    into.mkdir(parents=True, exist_ok=True)
    (into / "atlas.webp").write_bytes(images.webp(images.grid(pixels[rows], columns), effort=75))
    first = pixels[rows[: SHEET_COLUMNS * SHEET_ROWS]]
    (into / "sheet.webp").write_bytes(images.webp(images.grid(first, SHEET_COLUMNS), effort=75))
    lines = ",\n".join(f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in facts.items())
    (into / "set.json").write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")
    return facts


def _choose(pixels: np.ndarray, labels: np.ndarray, classes: int, count: int) -> tuple[np.ndarray, list[int]]:
    """Rows in dealing order and how many of each class: shuffled with a fixed seed, equal pictures taken once."""
    order = np.random.default_rng(0).permutation(len(pixels))
    seen: set[bytes] = set()
    fresh = np.array([row for row in order if (data := pixels[row].tobytes()) not in seen and not seen.add(data)])
    piles = [fresh[labels[fresh] == label] for label in range(classes)]
    piles = [pile if len(pile) >= LEAST_IN_CLASS else pile[:0] for pile in piles]
    share = np.array([len(pile) for pile in piles])
    dealing = dealt(list(share))[:count]
    taken = np.bincount(dealing, minlength=classes)
    places = {label: iter(piles[label][: taken[label]]) for label in range(classes)}
    return np.array([next(places[label]) for label in dealing]), [int(number) for number in taken]


def main(arguments: list[str]) -> None:
    """Make every set whose npz lies in the folder, and print what each weighs."""
    source = pathlib.Path(arguments[0])
    for name in NAMES:
        if (source / f"{name}.npz").exists():
            facts = make(source / f"{name}.npz", ASSETS / name, name)
            weight = sum(file.stat().st_size for file in (ASSETS / name).iterdir()) / 1e6
            print(f"{name}: {facts['count']} pictures, {len(facts['classes'])} classes, {weight:.2f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
