"""Odd one out from a terminal: `python -m genmodels odd FOLDER FILES...`, the oddest first."""

from __future__ import annotations

import argparse
import csv
import pathlib
from collections.abc import Iterator

import numpy as np

from ..events import Trouble
from ..oddities.looking import Found, looked_at
from ..terminal import beside, checkpoint, followed


def arguments(command: argparse.ArgumentParser) -> None:
    """What can be chosen on the command line."""
    command.add_argument("checkpoint", type=pathlib.Path, help="a checkpoint's folder, or the name of a model here")
    command.add_argument("files", type=pathlib.Path, nargs="+", help="pictures, folders or ZIPs to look at")
    words = "what is ordinary: a starter set, or a folder or ZIP; left out: the starter set that it learned from"
    command.add_argument("--set", default="", metavar="SET", help=words)
    command.add_argument("--intake", action="append", default=[], metavar="NAME=VALUE", help="as for train")
    words = "the folder (or the beginning of the names) that holds the odd ones: then it says how well they are found"
    command.add_argument("--odd", default="", metavar="KIND", help=words)
    command.add_argument("--out", type=pathlib.Path, metavar="FILE.csv", help="write the whole list here")


def act(chosen: argparse.Namespace) -> int:
    """Look, and print the list. Ctrl-C stops."""
    model = checkpoint(chosen.checkpoint)
    if gone := next((file for file in chosen.files if not file.exists()), None):
        raise Trouble("There is no file called {name}.", name=str(gone))
    address = beside(model, chosen.set, chosen.intake)
    found = followed(looked_at(model.folder, address, chosen.files), "Looking")
    rows = list(_rows(found))
    for place, name, _, score, beyond in rows:
        print(f"{place:5} {score:8.2f}  odder than {beyond:6.1%}  {name}")
    print("Score 1 is where the oddest 5 % of ordinary pictures begin.")
    if chosen.odd:
        print(_apart(found, chosen.odd))
    if chosen.out is not None:
        with chosen.out.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("place", "name", "kind", "score", "beyond"), *rows])
    return 0


def _rows(found: Found) -> Iterator[tuple[int, str, str, float, float]]:
    """Place, name, kind, score, and the share of ordinary pictures that are less odd; the oddest first."""
    oddity = found.oddity
    for place, row in enumerate(np.argsort(-oddity.scores, kind="stable"), start=1):
        score, beyond = round(float(oddity.scores[row]), 4), round(float(oddity.beyond[row]), 4)
        yield place, found.names[row], found.kinds[row], score, beyond


def _apart(found: Found, kind: str) -> str:
    from ..oddity import auroc

    odd = np.array([each.casefold() == kind.casefold() for each in found.kinds])
    value, low, high = auroc(found.oddity.scores, odd)
    return f"AUROC {value:.3f}, 95 % band {low:.3f} to {high:.3f}, from {odd.sum()} odd and {(~odd).sum()} others."
