"""Jobs: short work in a niced process of its own, one at a time; it ends as soon as its order is removed.

A job's folder holds order.json, and then `events.jsonl`, `log.txt` and whatever comes of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

import filelock

from .. import device, files
from ..events import Event, Failed, Finished, Progress, Trouble, parse
from . import queue

STARTING = 20.0  # seconds that a fresh process may take until it holds its lock
PATIENCE = 3.0  # seconds that a process gets to end when it is cancelled
POLL = 0.1  # seconds between two looks whether it was cancelled
Order = dict[str, Any]
Told = Callable[[pathlib.Path], Iterator[Event]]
Outcome = TypeVar("Outcome")
Said = TypeVar("Said", bound=Event)

# ---- whoever wants it done


@dataclasses.dataclass(frozen=True)
class Story:
    """What a job has said so far, and how it ended: None while there is more to come."""

    events: tuple[Event, ...]
    end: Finished | Failed | None

    @property
    def progress(self) -> Progress | None:
        """How far it is."""
        return next((each for each in reversed(self.events) if isinstance(each, Progress)), None)

    def every(self, kind: type[Said]) -> tuple[Said, ...]:
        """All that it said of one kind."""
        return tuple(each for each in self.events if isinstance(each, kind))


class Jobs:
    """Jobs of `python -m MODULE FOLDER`, each with the owner that its order names, and the processes started here.

    They wait in one line; with `apart` each owner has a folder in `root`, and so a line, of their own.
    """

    def __init__(self, module: str, root: pathlib.Path, apart: bool = False) -> None:
        self.module, self.root, self.apart = module, root, apart
        self.children: dict[str, subprocess.Popen] = {}
        for place in [root, *(files.folders(root) if apart else ())]:
            files.sweep(place)

    def room(self, owner: str) -> pathlib.Path:
        """The folder that the jobs of an owner lie in."""
        return self.root / (owner or "own") if self.apart else self.root

    def all(self) -> list[tuple[pathlib.Path, Order]]:
        """Everybody's jobs with their orders, the newest first."""
        return _known(files.folders(self.root) if self.apart else [self.root])

    def of(self, owner: str) -> list[tuple[pathlib.Path, Order]]:
        """An owner's jobs with their orders, the newest first."""
        return [(folder, order) for folder, order in _known([self.room(owner)]) if order["owner"] == owner]

    def find(self, owner: str, key: str) -> tuple[pathlib.Path, Order] | None:
        """One of an owner's jobs; None where it is gone, or another's."""
        folder = next((each for each in files.folders(self.room(owner)) if each.name == key), None)
        order = files.read_json(folder / "order.json") if folder else None
        return (folder, order) if order and order["owner"] == owner else None

    def start(self, folder: pathlib.Path, secret: str | None = None) -> None:
        """Put a job into the queue, and start the process that will carry it out.

        What must not lie on a disk, in a command line or in an environment, the child reads from its standard input.
        """
        queue.join(folder)
        child = device.spawn(self.module, folder, subprocess.DEVNULL if secret is None else subprocess.PIPE)
        self.children[folder.name] = child
        if child.stdin is not None:
            with contextlib.suppress(OSError), child.stdin:  # a child that is dead already is found out by looking
                child.stdin.write(secret.encode())

    def at_work(self, folder: pathlib.Path) -> bool:
        """Whether anybody works on it: our own child, or one that another server started."""
        child = self.children.get(folder.name)
        return (child is not None and child.poll() is None) or queue.held(folder)

    def story(self, folder: pathlib.Path, order: Order, cut_short: str) -> Story:
        """What a job has said; one that nobody works on any more and that said no end failed with `cut_short`."""
        at_work = self.at_work(folder)  # asked first: a process that ended meanwhile has said so
        story = heard(folder)
        over = not at_work and (story.events or time.time() - order["created"] > STARTING)
        if story.end is None and over:
            return dataclasses.replace(story, end=Failed(template=cut_short, details=self.last_words(folder)))
        return story

    def last_words(self, folder: pathlib.Path) -> str:
        """The end of its log, for the engineer."""
        return files.read_word(folder / "log.txt")[-4000:]

    def forget(self, folder: pathlib.Path) -> None:
        """End a job at once and remove its folder."""
        (folder / "order.json").unlink(missing_ok=True)  # its process ends when it sees this, also without us
        if child := self.children.pop(folder.name, None):
            child.kill()
            child.wait(timeout=PATIENCE)
        deadline = time.monotonic() + PATIENCE
        while queue.held(folder) and time.monotonic() < deadline:
            time.sleep(0.05)
        with contextlib.suppress(FileNotFoundError):  # somebody else forgot it at the same moment
            files.discard(folder)


def _known(rooms: list[pathlib.Path]) -> list[tuple[pathlib.Path, Order]]:
    """The jobs in some folders that have an order, the newest first."""
    found = ((folder, files.read_json(folder / "order.json")) for room in rooms for folder in files.folders(room))
    return sorted((each for each in found if each[1]), key=lambda each: (-each[1]["created"], each[0].name))


def heard(folder: pathlib.Path) -> Story:
    """What a job has said so far, whoever works on it."""
    try:
        lines = (folder / "events.jsonl").read_bytes().splitlines()
    except OSError:
        lines = []
    events = tuple(event for event in map(parse, lines) if event is not None)
    return Story(events, events[-1] if events and isinstance(events[-1], (Finished, Failed)) else None)


# ---- whoever does it


def work(folder: pathlib.Path, told: Told) -> None:
    """Wait for its turn, then write down all that `told` says of the job."""
    with filelock.FileLock(folder / "lock", timeout=10), (folder / "events.jsonl").open("wb", 0) as file:
        slot = queue.turn(folder, lambda: not (folder / "order.json").exists())
        queue.leave(folder)
        if slot is None:
            return
        with slot:
            for event in told(folder):
                file.write(event.line().encode() + b"\n")


def safely(events: Iterator[Event], mistake: Failed) -> Iterator[Event]:
    """The same events; what goes wrong becomes the last of them. `mistake` says what is our own fault."""
    try:
        yield from events
    except Trouble as error:
        yield Failed(template=error.template, facts=error.facts)
    except (MemoryError, RuntimeError, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno in files.FULL:
            yield Failed(template="The disk is full. Make some space, then press again.")
            return
        yield mistake.model_copy(update={"details": f"{error}\n{traceback.format_exc()}"[-4000:]})


def but_the_end(
    events: Generator[Event, None, Outcome], end: Finished
) -> Generator[Event, None, tuple[Outcome, Finished]]:
    """All but Finished, which is to be said when the result lies on the disk; returns what came out, and that end.

    `end` is what to say where the events have none.
    """
    while True:
        try:
            event = next(events)
        except StopIteration as done:
            return done.value, end
        if isinstance(event, Finished):
            end = event
        else:
            yield event


def main(work: Callable[[pathlib.Path], None]) -> None:
    """Be nice to whoever uses this machine, then do the work in the folder that the command line names."""
    folder = pathlib.Path(sys.argv[1])
    device.be_nice()
    threading.Thread(target=_leave_when_cancelled, args=(folder,), daemon=True).start()
    work(folder)


def _leave_when_cancelled(folder: pathlib.Path) -> None:
    while (folder / "order.json").exists():
        time.sleep(POLL)
    os._exit(0)
