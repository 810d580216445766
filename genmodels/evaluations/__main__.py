"""The process behind a judgement: `python -m genmodels.evaluations FOLDER`."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import sys
import threading
import time
import traceback
from collections.abc import Generator, Iterator
from typing import Any

import filelock
import pydantic

from .. import device
from ..checkpoint import Checkpoint
from ..data import starters
from ..data.imageset import ImageSet
from ..evaluation.result import FILE, Evaluation
from ..events import Event, Failed, Finished, Trouble
from ..runs import files, queue
from ..settings import Settings, explain

POLL = 0.1  # seconds between two looks whether it was cancelled


def work(folder: pathlib.Path) -> None:
    """Wait for its turn, then carry out order.json. Writes events.jsonl, and evaluation.json before its end."""
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
    from ..evaluation import Evaluating

    try:
        order = json.loads((folder / "order.json").read_text(encoding="utf-8"))
        evaluation, end = yield from _measured(order, Evaluating(**order["settings"]))
        evaluation = evaluation if order["home"] else evaluation.elsewhere()
        evaluation.save(folder)
        if order["into_model"]:
            _keep(folder, pathlib.Path(order["model"]))
        yield end
    except pydantic.ValidationError as error:
        template, facts = explain(error, Evaluating)
        yield Failed(template=template, facts=facts)
    except Trouble as error:
        yield Failed(template=error.template, facts=error.facts)
    except (MemoryError, RuntimeError, ValueError, OSError) as error:
        words = f"{error}\n{traceback.format_exc()}"[-4000:]
        yield Failed(
            template="Judging stopped because of a mistake in the program. The details say more.", details=words
        )


def _measured(order: dict[str, Any], settings: Settings) -> Generator[Event, None, tuple[Evaluation, Finished]]:
    """Everything that `evaluate` says but its end; returns what it found and that end."""
    import torch

    from ..evaluation import evaluate

    torch.set_num_threads(device.threads())
    model = Checkpoint.open(order["model"]).load()
    address, end = order["set"], Finished(template="Judged.")
    pictures = starters.open(address) if address in starters.NAMES else ImageSet.open(pathlib.Path(address))
    judging = evaluate(model, pictures, settings, name=order["name"], identity=order["identity"])
    while True:
        try:
            event = next(judging)
        except StopIteration as done:
            return done.value, end
        if isinstance(event, Finished):
            end = event  # said when the result lies on the disk
        else:
            yield event


def _keep(folder: pathlib.Path, model: pathlib.Path) -> None:
    """The model carries its own evaluation, and its card tells of it; unless it was deleted meanwhile."""
    if not (model / "config.json").exists() or _weaker(Evaluation.open(folder), model):
        return
    files.write_whole(model / FILE, (folder / FILE).read_bytes())
    from .. import card

    with contextlib.suppress(Trouble, TypeError, ValueError):  # a model from elsewhere may tell its facts otherwise
        card.write(model)


def _weaker(fresh: Evaluation, model: pathlib.Path) -> bool:
    """Whether a model's own evaluation of the same weights says more than a fresh one: it saw more pictures."""
    try:
        old = Evaluation.open(model)
    except Trouble:
        return fresh.protocol.diversity != 1
    return old.identity == fresh.identity and (old.protocol.made > fresh.protocol.made or fresh.protocol.diversity != 1)


def _leave_when_cancelled(folder: pathlib.Path) -> None:
    while (folder / "order.json").exists():
        time.sleep(POLL)
    os._exit(0)


def main(folder: pathlib.Path) -> None:
    """Be nice to whoever uses this machine, then do the work."""
    if hasattr(os, "nice"):
        os.nice(max(0, 10 - os.nice(0)))
    threading.Thread(target=_leave_when_cancelled, args=(folder,), daemon=True).start()
    work(folder)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
