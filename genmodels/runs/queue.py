"""Queue: one run at a time, the others wait in the order in which they were started; the dead hold up nobody."""

from __future__ import annotations

import os
import pathlib
import threading
import time
from collections.abc import Callable

import filelock

from .. import files

POLL = 0.2  # seconds between two looks of a waiting process
GRACE = 3.0  # seconds in which a process that was just started may not hold its lock yet
_one_look = threading.Lock()


def held(folder: pathlib.Path) -> bool:
    """Whether a living process works on this run: it holds the lock, which the system frees even on `kill -9`.

    Looking takes the lock for a moment, so that two who look at once could take each other for a worker: only a lock
    that stays taken counts.
    """
    lock = filelock.FileLock(folder / "lock")
    if not (folder / "lock").exists():
        return False
    with _one_look:
        for pause in (0.0, 0.001, 0.002):
            time.sleep(pause)
            try:
                lock.acquire(timeout=0)
            except filelock.Timeout:
                continue
            except OSError:  # the folder went away
                return False
            lock.release()
            return False
    return True


def join(folder: pathlib.Path) -> None:
    """Take a ticket: from now on the run is in the queue."""
    files.write_whole(folder / "asked", str(time.time_ns()))


def leave(folder: pathlib.Path) -> None:
    """Give the ticket back."""
    (folder / "asked").unlink(missing_ok=True)


def waiting(root: pathlib.Path) -> list[pathlib.Path]:
    """The runs that wait for their turn, the next one first."""
    tickets = [(_ticket(folder), folder) for folder in files.folders(root)]
    young = time.time_ns() - GRACE * 1e9
    return [folder for ticket, folder in sorted(tickets) if ticket and (ticket > young or held(folder))]


def place(folder: pathlib.Path) -> int:
    """The run's place among those that wait, from 1; 0 where it does not wait."""
    line = waiting(folder.parent)
    return line.index(folder) + 1 if folder in line else 0


def turn(folder: pathlib.Path, given_up: Callable[[], bool]) -> filelock.BaseFileLock | None:
    """Wait until it is this run's turn; the lock that comes back holds one of the slots. None: it was given up."""
    while not given_up():
        if place(folder) <= 1:
            slot = free_slot(folder.parent)
            if slot is not None:
                return slot
        time.sleep(POLL)
    return None


def free_slot(root: pathlib.Path) -> filelock.BaseFileLock | None:
    """One of the slots (GENMODELS_RUNS of them, one by default), held until it is released; None where all are busy."""
    for number in range(max(1, int(os.environ.get("GENMODELS_RUNS") or 1))):
        slot = filelock.FileLock(root / f".slot-{number}")
        try:
            slot.acquire(timeout=0)
        except filelock.Timeout:
            continue
        return slot
    return None


def busy(root: pathlib.Path) -> bool:
    """Whether all slots are taken: something is at work right now."""
    slot = free_slot(root)
    if slot is not None:
        slot.release()
    return slot is None


def _ticket(folder: pathlib.Path) -> int:
    try:
        return int((folder / "asked").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
