"""Jobs: short work in a niced process of its own, one at a time; it ends as soon as its order is removed.

A job's folder holds order.json, and then `events.jsonl`, `log.txt` and whatever comes of it.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

import filelock

from .. import device
from ..events import Event, Failed, Finished, Trouble, parse
from . import files, queue

STARTING = 20.0  # seconds that a fresh process may take until it holds its lock
PATIENCE = 3.0  # seconds that a process gets to end when it is cancelled
POLL = 0.1  # seconds between two looks whether it was cancelled
Told = Callable[[pathlib.Path], Iterator[Event]]
Outcome = TypeVar("Outcome")

# ---- whoever wants it done


def launch(module: str, folder: pathlib.Path, secret: str | None = None) -> subprocess.Popen:
    """Put a job into the queue, and start the process that will carry it out: `python -m MODULE FOLDER`.

    What must not lie on a disk, in a command line or in an environment, the child reads from its standard input.
    """
    queue.join(folder)
    with open(folder / "log.txt", "wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", module, str(folder.resolve())],
            env=device.child_environment(),
            stdin=subprocess.DEVNULL if secret is None else subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
            creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
        )
    if child.stdin is not None:
        with contextlib.suppress(OSError), child.stdin:  # a child that is dead already is found out by looking
            child.stdin.write(secret.encode())
    return child


def at_work(folder: pathlib.Path, child: subprocess.Popen | None) -> bool:
    """Whether anybody works on it: our own child, or one that another server started. Ask before reading events."""
    return (child is not None and child.poll() is None) or queue.held(folder)


def cut_short(created: float) -> bool:
    """Whether a job of this age that nobody works on must have ended without a word."""
    return time.time() - created > STARTING


def heard(folder: pathlib.Path) -> list[Event]:
    """What it has said so far."""
    try:
        lines = (folder / "events.jsonl").read_bytes().splitlines()
    except OSError:
        return []
    return [event for event in map(parse, lines) if event is not None]


def last_words(folder: pathlib.Path) -> str:
    """The end of its log, for the engineer."""
    return files.read_word(folder / "log.txt")[-4000:]


def forget(folder: pathlib.Path, child: subprocess.Popen | None) -> None:
    """End a job at once and remove its folder."""
    (folder / "order.json").unlink(missing_ok=True)  # its process ends when it sees this, also without us
    if child is not None:
        child.kill()
        child.wait(timeout=PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while queue.held(folder) and time.monotonic() < deadline:
        time.sleep(0.05)
    with contextlib.suppress(FileNotFoundError):  # somebody else forgot it at the same moment
        files.discard(folder)


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
    if hasattr(os, "nice"):
        os.nice(max(0, 10 - os.nice(0)))
    threading.Thread(target=_leave_when_cancelled, args=(folder,), daemon=True).start()
    work(folder)


def _leave_when_cancelled(folder: pathlib.Path) -> None:
    while (folder / "order.json").exists():
        time.sleep(POLL)
    os._exit(0)
