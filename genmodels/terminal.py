"""Terminal: the `runs` and `doctor` commands, in plain sentences, and the progress bar of all commands."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import pathlib
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from typing import TypeVar

from . import __version__, device, home
from .checkpoint import Checkpoint
from .data import starters
from .events import Event, Judged, Problem, Progress, Trouble
from .runs import Look, Run

Outcome = TypeVar("Outcome")
NEEDED = (
    "torch",
    "numpy",
    "pillow",
    "pydantic",
    "safetensors",
    "filelock",
    "gradio",
    "scikit-learn",
    "scipy",
    "imagehash",
    "tqdm",
)


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


def act(chosen: argparse.Namespace, watched: Callable[[Run], int]) -> int:
    """`runs ACTION NAME`: what the buttons on the screen do. `watched` trains right here, with a progress bar."""
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


def examine() -> int:
    """What this machine is, what is there and what is missing; 1 where something needed is missing."""
    system = f"{platform.system()} {platform.machine()}"
    print(f"GenModels Studio {__version__}, Python {platform.python_version()} on {system}.")
    missing = [name for name in NEEDED if not _version(name)]
    for name in missing:
        print(f"MISSING: {name}. Install what is needed with: pip install -r requirements.txt")
    print("Installed: " + ", ".join(f"{name} {_version(name)}" for name in NEEDED if name not in missing) + ".")
    print(f"Processor: {device.cores()} cores for this program; training uses {device.threads()} threads.")
    memory = device.memory()
    print(f"Memory: {memory / 1e9:.1f} GB free." + (" That is little: choose small models." if memory < 2e9 else ""))
    if "torch" not in missing:
        print(_accelerator())
    good = not missing
    for words, folder in (("Runs, sets and models", home()), ("Temporary files", pathlib.Path(tempfile.gettempdir()))):
        writable = _writable(folder)
        free = shutil.disk_usage(folder).free / 1e9 if writable else 0.0
        print(f"{words}: {folder}, {free:.1f} GB free." if writable else f"PROBLEM: {folder} cannot be written to.")
        good = good and writable
    from .data import starters
    from .models import FAMILIES

    print("Starter sets: " + ", ".join(starters.NAMES) + ".")
    print("Families: " + " ".join(FAMILIES.caption(name) for name in FAMILIES))
    print("All is well." if good else "Something is missing; see above.", file=sys.stdout if good else sys.stderr)
    return 0 if good else 1


def _accelerator() -> str:
    import torch

    if torch.cuda.is_available():
        free, whole = torch.cuda.mem_get_info()
        return f"Graphics card: {torch.cuda.get_device_name()}, {free / 1e9:.1f} of {whole / 1e9:.1f} GB free."
    if device.choose().type == "mps":
        return "Graphics: Apple's, used for training."
    return "No graphics card that torch can use: training runs on the processor, which these models are made for."


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _writable(folder: pathlib.Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def clock(seconds: float) -> str:
    """Minutes and seconds."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"


class Bar:
    """A progress bar where somebody looks, a line now and then where nobody does."""

    def __init__(self, title: str) -> None:
        from tqdm import tqdm

        seen = sys.stderr.isatty()
        layout = "{desc}: {percentage:3.0f}%" + (" |{bar:20}|" if seen else "") + " {elapsed}{postfix}"
        every = 0.2 if seen else 15.0
        self._bar = tqdm(total=1.0, desc=title, bar_format=layout, mininterval=every, maxinterval=every)

    def move(self, fraction: float, words: str) -> None:
        """So far is done."""
        self._bar.set_postfix_str(words, refresh=False)
        self._bar.update(fraction - self._bar.n)

    def say(self, words: str) -> None:
        """A sentence above the bar."""
        self._bar.write(words, file=sys.stderr)

    def close(self) -> None:
        """The last state stays on the screen."""
        self._bar.close()


def followed(events: Generator[Event, None, Outcome], title: str) -> Outcome:
    """Go through long work with a progress bar, and return what comes of it; what is refused is said above the bar."""
    with contextlib.closing(Bar(title)) as bar, contextlib.closing(events):
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                return end.value
            if isinstance(event, Progress):
                bar.move(event.fraction, "" if event.remaining is None else f"{clock(event.remaining)} left")
            elif isinstance(event, Judged):
                bar.say(f"{event.name}: {event.template.format(**event.facts)}")
            elif isinstance(event, Problem):
                bar.say(event.template.format(**event.facts))


def beside(found: Checkpoint, given: str, intake: list[str], taken_in: Callable[[str, list[str]], str]) -> str:
    """The address of the pictures that a model is compared with: those given, made equal with its own, else the
    starter set that it learned from. Raises Trouble where there is neither."""
    learned = str(found.trained.get("set", ""))
    if not given and learned not in starters.NAMES:
        raise Trouble("Say which pictures {name} shall be compared with: --set NAME or --set FOLDER.", name=found.name)
    sizes = [f"size={found.picture.size}", f"colour={'colour' if found.picture.channels == 3 else 'grey'}"]
    return taken_in(given, [*sizes, *intake]) if given else learned


def checkpoint(given: pathlib.Path) -> Checkpoint:
    """The model that somebody names: a checkpoint's folder, or the name of one here."""
    return Checkpoint.open(given if given.exists() else home() / "models" / given)
