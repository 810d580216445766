"""The process behind the guests: `python -m genmodels.guests FOLDER` does one job after the other, and stays warm.

It leaves when nobody has wanted anything for a minute, or when whoever started it is gone.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import filelock
import numpy as np

from .. import device, files
from ..events import Event, Failed, Finished, Preview, Progress, Trouble
from ..images import grid, webp
from ..runs import jobs
from . import SENTENCES, shelf, work
from .coders import Own, seen
from .orders import waiting

WARM = 60.0  # seconds that it waits for another job
POLL = 0.05  # seconds between two looks for one
BLINK = 0.04  # seconds: what changes more often, nobody sees
PATIENCE = 1.0  # seconds that a job which was cancelled may go on, to the end of its step


class Worker:
    """Does the jobs in a folder; the model of the last one stays in memory."""

    def __init__(self, root: pathlib.Path) -> None:
        self.root = root
        self.job: pathlib.Path | None = None
        self._kept: tuple[tuple[str, float], Any] | None = None

    def run(self) -> None:
        """One job after the other, until nobody wants anything any more."""
        for folder in files.folders(self.root):
            if (folder / "events.jsonl").exists() and jobs.heard(folder).end is None:
                with contextlib.suppress(FileNotFoundError), (folder / "events.jsonl").open("ab", 0) as file:
                    file.write(b"\n" + Failed(template=SENTENCES["cut short"]).line().encode() + b"\n")
        (self.root / "busy").unlink(missing_ok=True)
        wanted = time.monotonic()
        while time.monotonic() - wanted < WARM:
            folder = next(iter(waiting(self.root)), None)
            if folder is None:
                time.sleep(POLL)
                continue
            self.job = folder
            (self.root / "busy").touch()
            with contextlib.suppress(FileNotFoundError):  # it was cancelled
                self._carry_out(folder)
            (self.root / "busy").unlink(missing_ok=True)
            self.job, wanted = None, time.monotonic()

    def _carry_out(self, folder: pathlib.Path) -> None:
        mistake = Failed(template="The guest stopped because of a mistake in the program.")
        order, said = files.read_json(folder / "order.json", {}), {}
        with (folder / "events.jsonl").open("wb", 0) as file:
            (folder / "asked").unlink(missing_ok=True)
            for event in jobs.safely(self._told(folder, order), mistake):
                if not (folder / "order.json").exists():
                    return
                name = event.file or "sheet" if isinstance(event, Preview) else event.kind
                if isinstance(event, (Preview, Progress)) and time.monotonic() - said.get(name, 0) < BLINK:
                    continue
                said[name] = time.monotonic()
                if isinstance(event, Preview):
                    sheet = webp(grid(event.pixels, event.columns), effort=0)
                    files.write_whole(folder / f"{name}.webp", sheet, durable=False)
                else:
                    file.write(event.line().encode() + b"\n")

    def _told(self, folder: pathlib.Path, order: dict[str, Any]) -> Iterator[Event]:
        model = self._loaded(pathlib.Path(order["model"]), order)
        result, end = yield from jobs.but_the_end(_working(model, folder, order), Finished(template=""))
        files.write_whole(folder / "sheet.webp", webp(grid(result.pixels, result.columns)), durable=False)
        (folder / "noisy.webp").unlink(missing_ok=True)
        if result.film is not None:
            pause, last = (120, 2000) if order["kind"] == "draw" else (80, 80)
            files.write_whole(folder / "film.webp", work.film(result.film, pause, last), durable=False)
        files.write_json(folder / "found.json", {"numbers": result.numbers})
        place = pathlib.Path(order["model"])
        if order["kind"] == "draw" and not (place / shelf.STRIP).exists() and (place / shelf.OWNER).exists():
            files.write_whole(place / shelf.STRIP, _strip(result.pixels))
        yield end

    def _loaded(self, place: pathlib.Path, order: dict[str, Any]) -> Any:
        """The model of a job: the one in memory where it is the same, else read afresh. Raises Trouble."""
        try:
            mark = (str(place), max(file.stat().st_mtime for file in place.rglob("*.safetensors")))
        except (OSError, ValueError) as error:
            raise Trouble(shelf.SENTENCES["gone"]) from error
        if self._kept is None or self._kept[0] != mark:
            self._kept = None  # the last one's memory first
            self._kept = (mark, Own(place) if order["own"] else _guest(place, order["name"]))
        return self._kept[1]


def _guest(place: pathlib.Path, name: str) -> Any:
    from ..models import guest

    return guest.load(place, str(device.choose()), name)


def _strip(pixels: np.ndarray) -> bytes:
    """What a guest's card shows: some pictures in a row."""
    some = pixels[: shelf.IN_STRIP]
    return webp(grid(some, len(some)))


def _working(model: Any, folder: pathlib.Path, order: dict[str, Any]) -> work.Working:
    """What an order asks for."""
    if order["kind"] == "draw":
        return work.drawn(model, order["seed"], order["count"], order["steps"], order["sampler"])
    given = [(file.name, file.read_bytes()) for file in sorted((folder / "given").iterdir())]
    pixels = seen(given, model.size, model.channels)
    files.write_whole(folder / "before.webp", webp(grid(pixels, work.columns_of(len(pixels)))), durable=False)
    if order["kind"] == "rebuild":
        return work.rebuilt(model, pixels)
    if order["kind"] == "blend":
        return work.blended(model, pixels, order["frames"])
    return work.walked(model, pixels, order["seed"], order["frames"])


def _leave_with(worker: Worker) -> None:
    """End the process when whoever started it is gone: their end of the pipe closes."""
    while os.read(0, 1):  # not through sys.stdin, whose lock would be missed when the process leaves by itself
        pass
    os._exit(0)


def _leave_when_cancelled(worker: Worker) -> None:
    """A step of a large model takes long: who cancels shall not wait for its end, and nor shall the next one."""
    since: dict[pathlib.Path, float] = {}
    while True:
        job = worker.job
        if job is None or (job / "order.json").exists():
            since.clear()
        elif time.monotonic() - since.setdefault(job, time.monotonic()) > PATIENCE:
            os._exit(0)
        time.sleep(POLL)


def main(root: pathlib.Path) -> None:
    """Be nice to whoever uses this machine, and do what is asked for; only one such process works at a time."""
    device.be_nice()
    worker = Worker(root)
    for watch in (_leave_with, _leave_when_cancelled):
        threading.Thread(target=watch, args=(worker,), daemon=True).start()
    with contextlib.suppress(filelock.Timeout), filelock.FileLock(root / "lock", timeout=2):
        worker.run()


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
