"""Rebuild pictures with a VAE or a guest autoencoder; blend two of them, or go for a walk from one."""

from __future__ import annotations

import argparse
import pathlib

from ..events import Trouble
from ..guests.work import LEAST_FRAMES, MOST_FRAMES, Result, Working, frames_of
from ..terminal import checkpoint, followed


def arguments(command: argparse.ArgumentParser) -> None:
    """What can be chosen on the command line."""
    command.add_argument("model", type=pathlib.Path, help="the folder or name of a VAE or of a guest autoencoder")
    command.add_argument(
        "pictures", type=pathlib.Path, nargs="+", help="picture files; two for a blend, one for a walk"
    )
    how = command.add_mutually_exclusive_group()
    how.add_argument("--blend", action="store_true", help="from the first picture to the second")
    how.add_argument("--walk", action="store_true", help="away from the picture and home again")
    words = f"steps of a blend or a walk, {LEAST_FRAMES} to {MOST_FRAMES} (default 16)"
    command.add_argument("--frames", type=int, default=16, help=words)
    command.add_argument("--seed", type=int, default=0, help="chooses the way of a walk (default 0)")
    words = "one sheet (.png; rebuilds stand below what they were made from), or for a blend or a walk a film (.webp)"
    command.add_argument("--out", type=pathlib.Path, required=True, help=words)


def act(chosen: argparse.Namespace) -> None:
    """Rebuild, blend or walk, write what came of it, and say how near each picture was rebuilt."""
    from ..guests.coders import seen

    wanted = {"blend": 2, "walk": 1}
    how = "blend" if chosen.blend else "walk" if chosen.walk else "rebuild"
    if how in wanted and len(chosen.pictures) != wanted[how]:
        raise Trouble("This takes {n} pictures; you gave {given}.", n=wanted[how], given=len(chosen.pictures))
    if gone := next((file for file in chosen.pictures if not file.is_file()), None):
        raise Trouble("There is no file called {name}.", name=str(gone))
    coder = _coder(chosen.model)
    pixels = seen([(file.name, file.read_bytes()) for file in chosen.pictures], coder.size, coder.channels)
    result = followed(_working(coder, how, pixels, chosen), how.capitalize())
    _write(result, how, chosen.out)
    for file, value in zip(chosen.pictures, result.numbers["each"], strict=True):
        print(f"{file.name}: rebuilt to {value:.1f} dB (peak signal-to-noise ratio)")
    print(f"{len(result.pixels)} pictures in {chosen.out}")


def _coder(given: pathlib.Path) -> object:
    """Whoever turns pictures into codes and back."""
    from .. import device
    from ..guests.coders import Own
    from ..guests.shelf import folder_of

    folder = folder_of(given)
    if folder is None:
        return Own(checkpoint(given).folder)
    from ..models.guest import load

    coder = load(folder, str(device.choose()))
    if coder.guest.kind != "autoencoder":
        raise Trouble("{name} cannot rebuild pictures: choose an autoencoder.", name=coder.guest.name)
    return coder


def _working(coder: object, how: str, pixels: object, chosen: argparse.Namespace) -> Working:
    from ..guests.work import blended, rebuilt, walked

    if how == "rebuild":
        return rebuilt(coder, pixels)
    frames = frames_of(chosen.frames)
    return blended(coder, pixels, frames) if how == "blend" else walked(coder, pixels, chosen.seed, frames)


def _write(result: Result, how: str, out: pathlib.Path) -> None:
    import numpy as np

    from ..guests.work import film
    from ..images import grid, png

    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".webp" and result.film is not None:
        out.write_bytes(film(result.film))
    elif out.suffix.lower() == ".png":
        pairs = how == "rebuild"
        tiles = np.concatenate([result.before, result.pixels]) if pairs else result.pixels
        out.write_bytes(png(grid(tiles, len(result.pixels) if pairs else result.columns)))
    else:
        raise Trouble(
            "The file to write has to end in {endings}.", endings=".png" if how == "rebuild" else ".png, .webp"
        )
