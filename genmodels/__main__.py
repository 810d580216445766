"""The same work from a terminal: `python -m genmodels train`, `sample`, `evaluate`, `runs`, `bench` and `doctor`."""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import sys
from typing import Any

from . import __version__, home
from .events import Event, Failed, Judged, Problem, Progress, Scored, Trouble
from .models import FAMILIES

COMMANDS = {
    "train": "Train a model on a starter set, or on a folder or ZIP of your own pictures.",
    "sample": "Make pictures with a trained model.",
    "evaluate": "Measure how good and how varied a model's pictures are, and whether it copied.",
    "odd": "Rank pictures by how little they belong with what a model learned.",
    "runs": "See the trainings on this machine; pause, go on, stop, delete.",
    "bench": "Measure how fast every family and size trains on this machine.",
    "doctor": "Say what this machine can do, and what is missing.",
}


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says; errors are one sentence on stderr and the exit status 2."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser("genmodels", description="Train and use small generative models.")
    parser.add_argument("--version", action="version", version=f"genmodels {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, words in COMMANDS.items():
        command = commands.add_parser(name, help=words, description=words)
        if given[:1] == [name]:  # only the command that is asked for may cost time (train needs torch for its options)
            globals()[f"_{name}_arguments"](command, given[1:])
    try:
        chosen = parser.parse_args(given)
        return globals()[f"_{chosen.command}"](chosen) or 0
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as problem:
        print(f"The system says: {problem}", file=sys.stderr)
        return 2


# ---- train


def _train_arguments(command: argparse.ArgumentParser, given: list[str]) -> None:
    from .settings import add_arguments
    from .training import Plan

    first = argparse.ArgumentParser(add_help=False)
    first.add_argument("--family", choices=list(FAMILIES), default="gan")
    family = first.parse_known_args(given)[0].family
    command.add_argument("--family", choices=list(FAMILIES), default="gan", help=FAMILIES.caption(family))
    command.add_argument("--size", choices=list(FAMILIES.sizes(family)), default="small", help="(default small)")
    command.add_argument("--set", required=True, metavar="SET", help="a starter set, or a folder or ZIP of pictures")
    command.add_argument("--start-from", metavar="FOLDER", default="", help="a checkpoint of the same family and size")
    command.add_argument("--name", default="", help="what to call it")
    where = command.add_mutually_exclusive_group()  # who trains in the background finds the model on the shelf
    where.add_argument("--into", type=pathlib.Path, metavar="FOLDER", help="put the finished checkpoint here")
    where.add_argument("--background", action="store_true", help="train in a process of its own and return at once")
    words = "how pictures are made equal: size, fit, colour, background, labels, near_duplicates; may be repeated"
    command.add_argument("--intake", action="append", default=[], metavar="NAME=VALUE", help=words)
    add_arguments(command, Plan)
    add_arguments(command, FAMILIES[family].Options)


def _train(chosen: argparse.Namespace) -> int:
    from .checkpoint import PUBLIC
    from .runs import Run
    from .runs.order import split
    from .training import Plan

    fields = [*Plan.model_fields, *FAMILIES[chosen.family].Options.model_fields]
    options, plan = split({name: getattr(chosen, name) for name in fields if hasattr(chosen, name)})
    order = {"family": chosen.family, "size": chosen.size, "options": options, "plan": plan}
    order |= {"set": _taken_in(chosen.set, chosen.intake), "start_from": chosen.start_from}
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
    return _watched(run, into)


def _taken_in(given: str, choices: list[str]) -> str:
    """The set as an order wants it; files are taken in first, and it is said how many were refused."""
    from .data import starters
    from .data.intake import Intake, take
    from .runs.order import filled
    from .runs.result import free_name
    from .terminal import Bar

    source = pathlib.Path(given)
    if given in starters.NAMES or (source / "set.json").exists():
        return given
    if not source.exists():
        raise Trouble(
            "There is no set, folder or ZIP called {name}. Starter sets: {names}.",
            name=given,
            names=", ".join(starters.NAMES),
        )
    if "RANK" in os.environ:
        raise Trouble(
            "Several processes need a set that is ready: train once with one process, then give them its folder."
        )
    into = free_name(home() / "sets", source.stem)
    intake = filled(Intake, dict(choice.partition("=")[::2] for choice in choices))
    kept, refused, bar = 0, 0, Bar("Looking at the pictures")
    for event in take([source], intake, into, name=source.stem):
        if isinstance(event, Judged):
            kept, refused = kept + event.kept, refused + (not event.kept)
        if isinstance(event, Progress):
            bar.move(event.fraction, f"kept {kept}, refused {refused}")
        if isinstance(event, Failed):
            bar.close()
            raise Trouble(event.template, **event.facts)
    bar.close()
    return str(into)


def _follow(order: dict[str, Any]) -> int:
    """One of torchrun's other processes: it trains along, and the first one writes."""
    from .runs.order import build, check, pictures_of, plan_of
    from .trainer import train

    order = check(order)
    pictures = pictures_of(order)
    for _ in train(build(order, pictures.format, len(pictures)), pictures, plan_of(order)):
        pass
    return 0


def _watched(run: Any, into: pathlib.Path | None = None) -> int:
    """Carry out a run right here, with a progress bar. Ctrl-C pauses it."""
    from .runs.files import discard, whole_folder
    from .runs.result import copy
    from .terminal import Bar, clock

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


# ---- sample


def _sample_arguments(command: argparse.ArgumentParser, given: list[str]) -> None:
    command.add_argument("checkpoint", type=pathlib.Path, help="a checkpoint's folder, or the name of a model here")
    command.add_argument("--seed", type=int, default=0, help="the same seed draws the same pictures (default 0)")
    command.add_argument("--count", type=int, default=64, help="how many pictures, 1 to 10000 (default 64)")
    command.add_argument("--label", default="", help="the class, by name or number, where the model has classes")
    command.add_argument("--diversity", type=float, default=1.0, help="0 to 1.5; under 1 safer, more alike (default 1)")
    command.add_argument("--out", type=pathlib.Path, required=True, help="one picture (.png) or a folder of them")


def _sample(chosen: argparse.Namespace) -> None:
    from .checkpoint import Checkpoint
    from .images import grid, png, to_pixels
    from .walls import recipe

    if not 1 <= chosen.count <= 10_000:
        raise Trouble("How many must be 1 to {most}; you gave {given}.", most=10_000, given=chosen.count)
    if not 0 <= chosen.diversity <= 1.5:
        raise Trouble("Diversity must be {low} to {high}; you gave {given}.", low=0, high=1.5, given=chosen.diversity)
    local = home() / "models" / chosen.checkpoint
    found = Checkpoint.open(chosen.checkpoint if chosen.checkpoint.exists() else local)
    label = _label(chosen.label, found.picture.classes)
    labels = None if label is None else [label] * chosen.count
    pixels = to_pixels(found.load().sample(chosen.seed, range(chosen.count), labels, chosen.diversity))
    known = recipe(found.folder.name, found.name, found.identity, chosen.seed, chosen.diversity, label)
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


# ---- evaluate, odd, runs, bench and doctor


def _evaluate_arguments(command: argparse.ArgumentParser, given: list[str]) -> None:
    from .evaluations.command import arguments

    arguments(command)


def _evaluate(chosen: argparse.Namespace) -> int:
    from .evaluations.command import act

    return act(chosen, _taken_in)


def _odd_arguments(command: argparse.ArgumentParser, given: list[str]) -> None:
    from .oddities.command import arguments

    arguments(command)


def _odd(chosen: argparse.Namespace) -> int:
    from .oddities.command import act

    return act(chosen, _taken_in)


def _runs_arguments(command: argparse.ArgumentParser, given: list[str]) -> None:
    from .terminal import arguments

    arguments(command)


def _runs(chosen: argparse.Namespace) -> int:
    from .terminal import act

    return act(chosen, _watched)


def _bench_arguments(command: argparse.ArgumentParser, given: list[str]) -> None:
    from .bench import arguments

    arguments(command)


def _bench(chosen: argparse.Namespace) -> int:
    from .bench import act

    return act(chosen)


def _doctor_arguments(command: argparse.ArgumentParser, given: list[str]) -> None:
    """Nothing to choose."""


def _doctor(chosen: argparse.Namespace) -> int:
    from .terminal import examine

    return examine()


if __name__ == "__main__":
    sys.exit(main())
