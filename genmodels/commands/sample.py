"""Make pictures with a trained model."""

from __future__ import annotations

import argparse
import json
import pathlib
from typing import TYPE_CHECKING, Any

from ..events import Trouble
from ..terminal import checkpoint

if TYPE_CHECKING:
    import numpy as np


def arguments(command: argparse.ArgumentParser) -> None:
    """What can be chosen on the command line."""
    command.add_argument("checkpoint", type=pathlib.Path, help="the folder or name of a model, or of a guest")
    command.add_argument("--seed", type=int, default=0, help="the same seed draws the same pictures (default 0)")
    command.add_argument(
        "--count", type=int, default=None, help="how many pictures, 1 to 10000 (default 64, of a guest 16)"
    )
    command.add_argument("--label", default="", help="the class, by name or number, where the model has classes")
    command.add_argument("--diversity", type=float, default=1.0, help="0 to 1.5; under 1 safer, more alike (default 1)")
    command.add_argument("--steps", type=int, default=0, help="of a guest that denoises (default 50)")
    command.add_argument("--sampler", choices=("DDIM", "DDPM"), default="DDIM", help="of such a guest (default DDIM)")
    command.add_argument("--out", type=pathlib.Path, required=True, help="one picture (.png) or a folder of them")


def act(chosen: argparse.Namespace) -> None:
    """Draw, and write one sheet or a folder of pictures."""
    from ..guests.shelf import folder_of
    from ..hub.origin import Origin
    from ..images import to_pixels
    from ..walls import recipe

    if folder := folder_of(chosen.checkpoint):
        _visit(folder, chosen)
        return
    chosen.count = 64 if chosen.count is None else chosen.count
    if not 1 <= chosen.count <= 10_000:
        raise Trouble("How many must be 1 to {most}; you gave {given}.", most=10_000, given=chosen.count)
    if not 0 <= chosen.diversity <= 1.5:
        raise Trouble("Diversity must be {low} to {high}; you gave {given}.", low=0, high=1.5, given=chosen.diversity)
    found = checkpoint(chosen.checkpoint)
    label = _label(chosen.label, found.picture.classes)
    labels = None if label is None else [label] * chosen.count
    pixels = to_pixels(found.load().sample(chosen.seed, range(chosen.count), labels, chosen.diversity))
    origin = Origin.of(found.folder)
    known = recipe(found.folder.name, found.name, found.identity, chosen.seed, chosen.diversity, label, origin)
    _write(chosen.out, pixels, known, 8 if chosen.count > 4 else chosen.count)


def _visit(folder: pathlib.Path, chosen: argparse.Namespace) -> None:
    """Draw with a diffusers model."""
    from .. import __version__, device
    from ..guests.shelf import card_of
    from ..guests.work import columns_of, drawn
    from ..models.guest import load
    from ..terminal import followed

    card, count = card_of(folder), 16 if chosen.count is None else chosen.count
    if card.kind != "pipeline":
        raise Trouble("{name} draws nothing by itself: give it a picture.", name=card.name)
    if not 1 <= count <= card.most:
        raise Trouble("At most {most} pictures at a time.", most=card.most)
    steps = chosen.steps or card.steps
    model = load(folder, str(device.choose()), card.name)
    result = followed(drawn(model, chosen.seed, count, steps, chosen.sampler), "Drawing")
    known = {"format": 1, "studio": __version__, "name": card.name, "class": card.cls, "kind": "draw"}
    known |= {"hub": {"repo": card.repo, "commit": card.commit}} if card.repo else {}
    known |= {"seed": chosen.seed, "steps": steps, "sampler": chosen.sampler}
    _write(chosen.out, result.pixels, known, columns_of(count))


def _write(out: pathlib.Path, pixels: np.ndarray, known: dict[str, Any], columns: int) -> None:
    """One sheet (.png) or a folder of pictures, each with its recipe."""
    from ..images import grid, png

    if out.suffix.lower() == ".png":
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(png(grid(pixels, columns), {"recipe": json.dumps(known, ensure_ascii=False)}))
    else:
        out.mkdir(parents=True, exist_ok=True)
        for index, picture in enumerate(pixels):
            text = {"recipe": json.dumps({**known, "index": index}, ensure_ascii=False)}
            (out / f"{index + 1:04}.png").write_bytes(png(picture, text))
    print(f"{len(pixels)} pictures in {out}")


def _label(given: str, classes: tuple[str, ...]) -> int | None:
    if not given:
        return None
    if given in classes:
        return classes.index(given)
    if given.isdecimal() and int(given) < len(classes):
        return int(given)
    raise Trouble("There is no class called {name}; there are {names}.", name=given, names=", ".join(classes) or "none")
