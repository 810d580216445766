"""Odd one out from a terminal: `python -m genmodels odd FOLDER FILES...`, the oddest first."""

from __future__ import annotations

import argparse
import contextlib
import csv
import pathlib
from collections.abc import Callable, Iterator

import numpy as np

from .. import home
from ..checkpoint import Checkpoint
from ..data import starters
from ..events import Judged, Problem, Progress, Trouble
from ..terminal import Bar, clock
from .looking import Found, looked_at


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


def act(chosen: argparse.Namespace, taken_in: Callable[[str, list[str]], str]) -> int:
    """Look, and print the list; `taken_in` makes a set of pictures somebody names. Ctrl-C stops."""
    model = chosen.checkpoint if chosen.checkpoint.exists() else home() / "models" / chosen.checkpoint
    checkpoint = Checkpoint.open(model)
    if gone := next((file for file in chosen.files if not file.exists()), None):
        raise Trouble("There is no file called {name}.", name=str(gone))
    given, learned = chosen.set, str(checkpoint.trained.get("set", ""))
    if not given and learned not in starters.NAMES:
        raise Trouble("Say which pictures {name} shall be compared with: --set NAME or --set FOLDER.", name=model.name)
    sizes = [f"size={checkpoint.picture.size}", f"colour={'colour' if checkpoint.picture.channels == 3 else 'grey'}"]
    found = _shown(model, taken_in(given, [*sizes, *chosen.intake]) if given else learned, chosen.files)
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


def _shown(model: pathlib.Path, address: str, sources: list[pathlib.Path]) -> Found:
    """Go through the pictures with a progress bar."""
    looking = looked_at(model, address, sources)
    with contextlib.closing(Bar("Looking")) as bar, contextlib.closing(looking):
        while True:
            try:
                event = next(looking)
            except StopIteration as end:
                return end.value
            if isinstance(event, Progress):
                bar.move(event.fraction, "" if event.remaining is None else f"{clock(event.remaining)} left")
            elif isinstance(event, Judged):
                bar.say(f"{event.name}: {event.template.format(**event.facts)}")
            elif isinstance(event, Problem):
                bar.say(event.template.format(**event.facts))


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
