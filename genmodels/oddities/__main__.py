"""The process behind a ranking of odd pictures: `python -m genmodels.oddities FOLDER`."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

from .. import device, files
from ..events import Event, Failed, Finished
from ..runs import jobs
from .looking import looked_at, written


def work(folder: pathlib.Path) -> None:
    """Wait for its turn, then carry out order.json. Writes events.jsonl, and the ranking before its end."""
    mistake = Failed(template="Looking stopped because of a mistake in the program.")
    jobs.work(folder, lambda folder: jobs.safely(_told(folder), mistake))


def _told(folder: pathlib.Path) -> Iterator[Event]:
    """The events of an order."""
    import torch

    torch.set_num_threads(device.threads())
    order = files.read_json(folder / "order.json", {})
    sources = sorted(file for place in (folder / "given").iterdir() for file in place.iterdir())
    looking = looked_at(pathlib.Path(order["model"]), order["set"], sources)
    nothing = Finished(template="Ranked {n} pictures.", facts={"n": 0})
    found, end = yield from jobs.but_the_end(looking, nothing)
    written(folder, found)
    yield end


if __name__ == "__main__":
    jobs.main(work)
