"""Train a model on a starter set, a folder or ZIP of your own pictures, or a data set on the Hub."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
from typing import Any

from .. import home
from ..events import Event, Problem, Progress, Scored, Trouble
from ..models import FAMILIES
from ..terminal import Bar, clock, taken_in

SETS = "a starter set, a folder or ZIP of pictures, or hub:user/name for a data set on the Hub (hub:user/name@commit)"
PICKED = (  # option, field of hub.datasets.Choice, help
    ("--split", "split", "of a data set on the Hub: which part (default: the first, usually train)"),
    (
        "--label",
        "label",
        "of a data set on the Hub: the column that says the kinds; none: no kinds (default: by itself)",
    ),
    ("--most", "most_pictures", "of a data set on the Hub: at most so many pictures (default 5000)"),
    ("--most-megabytes", "most_megabytes", "of a data set on the Hub: at most so many MB to download (default 300)"),
)


def arguments(command: argparse.ArgumentParser, given: list[str]) -> None:
    """What can be chosen on the command line; `given` says of which family the options are."""
    from ..settings import add_arguments
    from ..training import Plan

    first = argparse.ArgumentParser(add_help=False)
    first.add_argument("--family", choices=list(FAMILIES), default="gan")
    family = first.parse_known_args(given)[0].family
    command.add_argument("--family", choices=list(FAMILIES), default="gan", help=FAMILIES.caption(family))
    command.add_argument("--size", choices=list(FAMILIES.sizes(family)), default="small", help="(default small)")
    command.add_argument("--set", required=True, metavar="SET", help=SETS)
    command.add_argument("--start-from", metavar="FOLDER", default="", help="a checkpoint of the same family and size")
    command.add_argument("--name", default="", help="what to call it")
    where = command.add_mutually_exclusive_group()  # who trains in the background finds the model on the shelf
    where.add_argument("--into", type=pathlib.Path, metavar="FOLDER", help="put the finished checkpoint here")
    where.add_argument("--background", action="store_true", help="train in a process of its own and return at once")
    words = "how pictures are made equal: size, fit, colour, background, labels, near_duplicates; may be repeated"
    command.add_argument("--intake", action="append", default=[], metavar="NAME=VALUE", help=words)
    for option, name, words in PICKED:
        kind = str if name in ("split", "label") else int
        command.add_argument(
            option, dest=f"hub_{name}", type=kind, default=None, metavar=kind.__name__.upper(), help=words
        )
    add_arguments(command, Plan)
    add_arguments(command, FAMILIES[family].Options)


def act(chosen: argparse.Namespace) -> int:
    """Train right here with a progress bar, or in the background. Ctrl-C pauses."""
    from ..checkpoint import PUBLIC
    from ..runs import Run
    from ..runs.order import split
    from ..training import Plan

    fields = [*Plan.model_fields, *FAMILIES[chosen.family].Options.model_fields]
    options, plan = split({name: getattr(chosen, name) for name in fields if hasattr(chosen, name)})
    order = {"family": chosen.family, "size": chosen.size, "options": options, "plan": plan}
    order |= {"set": taken_in(chosen.set, chosen.intake, _picked(chosen)), "start_from": chosen.start_from}
    if int(os.environ.get("RANK", 0)):
        return _follow(order)
    into: pathlib.Path | None = chosen.into
    if into and into.exists() and not {file.name for file in into.iterdir()} <= set(PUBLIC):  # it will be replaced
        raise Trouble("{folder} holds other files. Choose an empty folder.", folder=str(into))
    run = Run.create(home() / "runs", order, name=chosen.name)
    if chosen.background:
        run.start()
        print(f"Started as {run.folder.name}. See it with: python -m genmodels runs show {run.folder.name}")
        return 0
    return watched(run, into)


def _picked(chosen: argparse.Namespace) -> dict[str, Any]:
    """Which pictures of a data set, as far as anybody said."""
    picked = {name: getattr(chosen, f"hub_{name}") for _, name, _ in PICKED}
    picked["label"] = "" if picked["label"] == "none" else picked["label"]
    return {name: value for name, value in picked.items() if value is not None}


def _follow(order: dict[str, Any]) -> int:
    """One of torchrun's other processes: it trains along, and the first one writes."""
    from ..runs.order import build, check, pictures_of, plan_of
    from ..trainer import train

    order = check(order)
    pictures = pictures_of(order)
    for _ in train(build(order, pictures.format, len(pictures)), pictures, plan_of(order)):
        pass
    return 0


def watched(run: Any, into: pathlib.Path | None = None) -> int:
    """Carry out a run right here, with a progress bar. Ctrl-C pauses it."""
    from ..files import discard, whole_folder
    from ..runs.result import copy

    bar, variety = Bar(run.look().name), ""

    def watch(event: Event) -> None:
        nonlocal variety
        if isinstance(event, Progress):
            parts = ", ".join(f"{name} {value:.2f}" for name, value in event.parts.items() if value is not None)
            left = "" if event.remaining is None else f"{clock(event.remaining)} left, "
            bar.move(event.fraction, f"{left}{event.images:,} pictures, {parts}{variety}")
        elif isinstance(event, Scored) and event.value is not None:
            variety = f", {event.name} {event.value:.2f}"
        elif isinstance(event, Problem):
            bar.say(event.template.format(**event.facts))

    try:
        state = run.start_here(watch)
    finally:
        bar.close()
    now = run.look()
    print(now.template.format(**now.facts))
    if state == "paused":
        print(f"Go on with: python -m genmodels runs resume {run.folder.name}")
    if state == "failed":
        print(f"Details: python -m genmodels runs show {run.folder.name} --details", file=sys.stderr)
        return 2
    if now.result is not None:
        kept = now.result
        if into is not None:
            with whole_folder(into.resolve()) as folder:
                copy(kept, now.name)(folder)
            discard(kept)
            kept = into
        print(f"Make pictures with it: python -m genmodels sample {kept} --out pictures.png")
    return 0
