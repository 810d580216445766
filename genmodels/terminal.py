"""Terminal: what all commands share: a progress bar, a model that is named, pictures that are named."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys
import tempfile
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, TypeVar

from . import home
from .checkpoint import Checkpoint
from .data import starters
from .events import Event, Failed, Judged, Problem, Progress, Trouble

if TYPE_CHECKING:
    from .data.imageset import Source

Outcome = TypeVar("Outcome")
HUB = "hub:"  # before the name of a data set on the Hub


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


def beside(found: Checkpoint, given: str, intake: list[str]) -> str:
    """The address of the pictures that a model is compared with: those given, made equal with its own, else the
    starter set that it learned from. Raises Trouble where there is neither."""
    learned = starters.learned(found.trained)
    if not given and not learned:
        raise Trouble("Say which pictures {name} shall be compared with: --set NAME or --set FOLDER.", name=found.name)
    sizes = [f"size={found.picture.size}", f"colour={'colour' if found.picture.channels == 3 else 'grey'}"]
    return taken_in(given, [*sizes, *intake]) if given else learned


def checkpoint(given: pathlib.Path) -> Checkpoint:
    """The model that somebody names: a checkpoint's folder, or the name of one here."""
    return Checkpoint.open(given if given.exists() else home() / "models" / given)


def taken_in(given: str, choices: list[str], picked: dict[str, Any] | None = None) -> str:
    """The set as an order wants it; files and pictures of the Hub (`hub:user/name`) are taken in first.

    `choices` are those of the intake as NAME=VALUE; `picked` says which pictures of a data set, as `datasets.Choice`.
    """
    from .data.imageset import Source

    source = pathlib.Path(given)
    if given in starters.NAMES or (source / "set.json").exists():
        return given
    hub = given.startswith(HUB)
    if not hub and not source.exists():
        raise Trouble(
            "There is no set, folder or ZIP called {name}. Starter sets: {names}.",
            name=given,
            names=", ".join(starters.NAMES),
        )
    if "RANK" in os.environ:
        raise Trouble(
            "Several processes need a set that is ready: train once with one process, then give them its folder."
        )
    if not hub:
        return _looked_through(source, source.stem, choices, Source())
    with tempfile.TemporaryDirectory(prefix="genmodels-pictures-") as folder:
        pictures = _from_hub(given, picked or {}, pathlib.Path(folder) / "given")
        into = _looked_through(pictures, pictures.stem, choices, Source.of(pictures.with_name("source.json")))
    print(f"These pictures are here now; next time: --set {into}", file=sys.stderr)
    return into


def _from_hub(given: str, picked: dict[str, Any], into: pathlib.Path) -> pathlib.Path:
    """The ZIP of pictures of a data set, in the name of whoever is signed in on this machine."""
    from .hub.client import Address, machine_token
    from .hub.datasets import Choice, fetch
    from .runs.order import filled

    address, choice = Address.parse(given.removeprefix(HUB), "dataset"), filled(Choice, picked)
    followed(fetch(address, choice, machine_token(), into), f"Getting pictures of {address.repo}")
    return next(into.glob("*.zip"))


def _looked_through(pictures: pathlib.Path, name: str, choices: list[str], source: Source) -> str:
    """The folder of a new set of these pictures; it is said how many were refused."""
    from .data.intake import Intake, take
    from .runs.order import filled
    from .runs.result import free_name

    into = free_name(home() / "sets", name)
    intake = filled(Intake, dict(choice.partition("=")[::2] for choice in choices))
    kept, refused, bar = 0, 0, Bar("Looking at the pictures")
    for event in take([pictures], intake, into, name=name, source=source):
        if isinstance(event, Judged):
            kept, refused = kept + event.kept, refused + (not event.kept)
        if isinstance(event, Progress):
            bar.move(event.fraction, f"kept {kept}, refused {refused}")
        if isinstance(event, Failed):
            bar.close()
            raise Trouble(event.template, **event.facts)
    bar.close()
    return str(into)
