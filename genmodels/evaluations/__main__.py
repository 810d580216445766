"""The process behind a judgement: `python -m genmodels.evaluations FOLDER`."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

from .. import device, files
from ..checkpoint import Checkpoint
from ..data import starters
from ..evaluation.result import FILE, Evaluation
from ..events import Event, Failed, Finished, Trouble
from ..runs import jobs
from ..runs.order import filled


def work(folder: pathlib.Path) -> None:
    """Wait for its turn, then carry out order.json. Writes events.jsonl, and evaluation.json before its end."""
    mistake = Failed(template="Judging stopped because of a mistake in the program. The details say more.")
    jobs.work(folder, lambda folder: jobs.safely(_told(folder), mistake))


def _told(folder: pathlib.Path) -> Iterator[Event]:
    """The events of an order."""
    import torch

    from ..evaluation import Evaluating, evaluate

    order = files.read_json(folder / "order.json", {})
    settings = filled(Evaluating, order["settings"])
    torch.set_num_threads(device.threads())
    model, pictures = Checkpoint.open(order["model"]).load(), starters.opened(order["set"])
    judging = evaluate(model, pictures, settings, name=order["name"], identity=order["identity"])
    evaluation, end = yield from jobs.but_the_end(judging, Finished(template="Judged."))
    evaluation = evaluation if order["home"] else evaluation.elsewhere()
    evaluation.save(folder)
    if order["into_model"]:
        _keep(folder, pathlib.Path(order["model"]))
    yield end


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


if __name__ == "__main__":
    jobs.main(work)
