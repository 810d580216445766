"""The process behind a ranking of odd pictures: `python -m genmodels.oddities FOLDER`."""

from __future__ import annotations

import os
import pathlib
import sys
import threading
import time
import traceback
from collections.abc import Generator, Iterator

import filelock

from .. import device
from ..events import Event, Failed, Finished, Trouble
from ..runs import files, queue
from .looking import Found, looked_at, written

POLL = 0.1  # seconds between two looks whether it was cancelled


def work(folder: pathlib.Path) -> None:
    """Wait for its turn, then carry out order.json. Writes events.jsonl, and the ranking before its end."""
    with filelock.FileLock(folder / "lock", timeout=10), (folder / "events.jsonl").open("wb", 0) as file:
        slot = queue.turn(folder, lambda: not (folder / "order.json").exists())
        queue.leave(folder)
        if slot is None:
            return
        with slot:
            for event in _told(folder):
                file.write(event.line().encode() + b"\n")


def _told(folder: pathlib.Path) -> Iterator[Event]:
    """The events of an order; what a person can act on is the last of them."""
    order = files.read_json(folder / "order.json", {})
    sources = sorted(file for place in (folder / "given").iterdir() for file in place.iterdir())
    try:
        yield from _ranked(folder, looked_at(pathlib.Path(order["model"]), order["set"], sources))
    except Trouble as error:
        yield Failed(template=error.template, facts=error.facts)
    except (MemoryError, RuntimeError, ValueError, OSError) as error:
        words = f"{error}\n{traceback.format_exc()}"[-4000:]
        yield Failed(template="Looking stopped because of a mistake in the program.", details=words)


def _ranked(folder: pathlib.Path, looking: Generator[Event, None, Found]) -> Iterator[Event]:
    end: Event = Finished(template="Ranked {n} pictures.", facts={"n": 0})
    while True:
        try:
            event = next(looking)
        except StopIteration as done:
            written(folder, done.value)
            yield end  # said when the result lies on the disk
            return
        if isinstance(event, Finished):
            end = event
        else:
            yield event


def _leave_when_cancelled(folder: pathlib.Path) -> None:
    while (folder / "order.json").exists():
        time.sleep(POLL)
    os._exit(0)


def main(folder: pathlib.Path) -> None:
    """Be nice to whoever uses this machine, then do the work."""
    import torch

    if hasattr(os, "nice"):
        os.nice(max(0, 10 - os.nice(0)))
    torch.set_num_threads(device.threads())
    threading.Thread(target=_leave_when_cancelled, args=(folder,), daemon=True).start()
    work(folder)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
