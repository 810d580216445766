"""See the trainings on this machine; pause, go on, stop, delete."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

from .. import home
from ..events import Trouble
from ..runs import Look, Run
from .train import watched


def arguments(command: argparse.ArgumentParser) -> None:
    """What `runs` takes."""
    command.add_argument("action", nargs="?", default="list", choices=list(ACTIONS), help="(default list)")
    command.add_argument("name", nargs="?", default="", help="the run: its name here, or the beginning of it")
    command.add_argument(
        "extra", nargs="?", default="", help="for back and keep: the save point; for repair: which one"
    )
    command.add_argument("--background", action="store_true", help="for resume: in a process of its own")
    command.add_argument("--details", action="store_true", help="for show: all that is known about a failure")
    command.add_argument("--yes", action="store_true", help="for delete: do not ask")


def act(chosen: argparse.Namespace) -> int:
    """`runs ACTION NAME`: what the buttons on the screen do."""
    if chosen.action == "list":
        _list()
        return 0
    run = _find(chosen.name)
    if chosen.action == "resume" and not chosen.background:
        return watched(run)
    ACTIONS[chosen.action](run, chosen)
    return 0


def _find(name: str) -> Run:
    if not name:
        raise Trouble("Say which run: python -m genmodels runs ACTION NAME")
    found = [run for run in Run.all(home() / "runs") if run.folder.name.startswith(name) or run.look().name == name]
    exact = [run for run in found if run.folder.name == name]
    if len(exact or found) > 1:
        names = ", ".join(run.folder.name for run in found)
        raise Trouble("Several runs are called {name}: {names}.", name=name, names=names)
    if not found:
        raise Trouble("There is no run called {name}.", name=name)
    return (exact or found)[0]


def _list() -> None:
    runs = Run.all(home() / "runs")
    if not runs:
        print("Nothing has been trained here yet.")
    for run in runs:
        now = run.look()
        done = f"{now.progress.fraction:4.0%}" if now.progress else "  0%"
        print(f"{now.key:40} {done}  {now.template.format(**now.facts)}")


def _show(run: Run, chosen: argparse.Namespace) -> None:
    now = run.look()
    print(f"{now.name}: {now.order['family']}, {now.order['size']}, on {now.order['set']}")
    print(now.template.format(**now.facts))
    if now.progress:
        left = "" if now.progress.remaining is None else f", {now.progress.remaining:.0f} s left"
        print(f"{now.progress.images:,} pictures in {now.progress.seconds:.0f} s, {now.progress.fraction:.0%}{left}")
        print(", ".join(f"{name} {value:.3f}" for name, value in now.progress.parts.items() if value is not None))
    for event in (*now.segments, *now.problems):
        print(f"at {event.images:,} pictures: {event.template.format(**event.facts)}")
    print("Save points: " + (", ".join(point.name for point in now.points) or "none yet"))
    if now.result:
        print(f"The finished model: {now.result}")
    if now.details:
        print(now.details if chosen.details else now.details.splitlines()[-1])


def _pause(run: Run, chosen: argparse.Namespace) -> None:
    run.pause()
    _say(_settled(run))


def _resume(run: Run, chosen: argparse.Namespace) -> None:
    run.resume()
    _say(run.look())


def _stop(run: Run, chosen: argparse.Namespace) -> None:
    run.stop()
    now = _settled(run)
    _say(now)
    if now.result:
        print(f"The finished model: {now.result}")


def _delete(run: Run, chosen: argparse.Namespace) -> None:
    if not chosen.yes and _asked(f"Delete {run.folder.name} and its save points? [y/N] ") != "y":
        print("Nothing was deleted.")
        return
    run.delete()
    print("Deleted. A model that was finished from it is still there.")


def _asked(question: str) -> str:
    try:
        return input(question).strip().lower()
    except EOFError:  # nobody is there to ask
        return ""


def _back(run: Run, chosen: argparse.Namespace) -> None:
    run.go_back(chosen.extra)
    _say(run.look())


def _repair(run: Run, chosen: argparse.Namespace) -> None:
    run.repair(chosen.extra)
    _say(run.look())


def _keep(run: Run, chosen: argparse.Namespace) -> None:
    print(f"The finished model: {run.keep(chosen.extra)}")


ACTIONS: dict[str, Callable[[Run, argparse.Namespace], None] | None] = {
    "list": None,
    "show": _show,
    "pause": _pause,
    "resume": _resume,
    "stop": _stop,
    "delete": _delete,
    "back": _back,
    "keep": _keep,
    "repair": _repair,
}


def _settled(run: Run, patience: float = 120) -> Look:
    """The look at a run once its process has ended."""
    end = time.monotonic() + patience
    while (now := run.look()).alive and time.monotonic() < end:
        time.sleep(0.2)
    return now


def _say(now: Look) -> None:
    print(now.template.format(**now.facts))
