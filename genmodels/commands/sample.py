"""Make pictures with a trained model."""

from __future__ import annotations

import argparse
import json
import pathlib

from ..events import Trouble
from ..terminal import checkpoint


def arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("checkpoint", type=pathlib.Path, help="a checkpoint's folder, or the name of a model here")
    command.add_argument("--seed", type=int, default=0, help="the same seed draws the same pictures (default 0)")
    command.add_argument("--count", type=int, default=64, help="how many pictures, 1 to 10000 (default 64)")
    command.add_argument("--label", default="", help="the class, by name or number, where the model has classes")
    command.add_argument("--diversity", type=float, default=1.0, help="0 to 1.5; under 1 safer, more alike (default 1)")
    command.add_argument("--out", type=pathlib.Path, required=True, help="one picture (.png) or a folder of them")


def act(chosen: argparse.Namespace) -> None:
    from ..hub.origin import Origin
    from ..images import grid, png, to_pixels
    from ..walls import recipe

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
    if chosen.out.suffix.lower() == ".png":
        columns = 8 if chosen.count > 4 else chosen.count
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.write_bytes(png(grid(pixels, columns), {"recipe": json.dumps(known, ensure_ascii=False)}))
    else:
        chosen.out.mkdir(parents=True, exist_ok=True)
        for index, picture in enumerate(pixels):
            text = {"recipe": json.dumps({**known, "index": index}, ensure_ascii=False)}
            (chosen.out / f"{index + 1:04}.png").write_bytes(png(picture, text))
    print(f"{chosen.count} pictures in {chosen.out}")


def _label(given: str, classes: tuple[str, ...]) -> int | None:
    if not given:
        return None
    if given in classes:
        return classes.index(given)
    if given.isdecimal() and int(given) < len(classes):
        return int(given)
    raise Trouble("There is no class called {name}; there are {names}.", name=given, names=", ".join(classes) or "none")
