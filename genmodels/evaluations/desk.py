"""Desk: what lies before somebody who judges models: one or two of them, a set, and what is known."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from ..evaluation.result import Evaluation, side_by_side
from ..evaluation.verdict import same_way
from ..events import Trouble
from ..library import Shelved
from ..sets import PictureSet
from ..walls import Wall, counts_of
from .evidence import Report

if TYPE_CHECKING:
    from . import Evaluations


@dataclasses.dataclass(frozen=True)
class Desk:
    """One look at it. `other` is a second model to stand beside the first; `refusal` says why it may not."""

    models: list[Shelved]
    sets: list[PictureSet]
    model: Shelved | None = None
    set: str = ""  # its key; "" where none is chosen
    home: str = ""  # the set that the model learned from
    misfit: Trouble | None = None  # why the model cannot be judged against the set
    found: Evaluation | None = None
    other: Shelved | None = None
    beside: Evaluation | None = None
    refusal: Trouble | None = None
    alike: bool = False  # judging the other one the same way would help
    walls: tuple[Wall, ...] = ()  # of the same seed, where there are two models

    @property
    def reports(self) -> tuple[Report, ...]:
        """What can be shown and saved: one model, or two that may stand side by side."""
        if self.found is None or not self.walls:
            return ()
        if self.beside is None or self.refusal is not None:
            return (Report(self.found, self.walls[0]),)
        return Report(self.found, self.walls[0]), Report(self.beside, self.walls[1])


def look(
    evaluations: Evaluations, visitor: str | None, key: str, set_key: str | None, other: str = "", job: str = ""
) -> Desk:
    """The desk for these choices; what is not there any more is left out. `job` is the judgement just made."""
    owner = evaluations.whose(visitor)
    models, sets = evaluations.library.models(owner), evaluations.pictures.all(owner)
    model = next((each for each in models if each.key == key), None)
    if model is None:
        return Desk(models, sets)
    home = evaluations.home(visitor, key)
    chosen = set_key if any(each.key == set_key for each in sets) else home
    desk = Desk(models, sets, model, chosen, home, walls=(_wall(evaluations, visitor, model),))
    if not chosen:
        return desk
    misfit = evaluations.misfit(visitor, key, chosen)
    found = None if misfit else evaluations.known(visitor, key, chosen, job)
    desk = dataclasses.replace(desk, misfit=misfit, found=found)
    second = next((each for each in models if each.key == other != key), None)
    return desk if second is None else _beside(evaluations, visitor, desk, second, job)


def _beside(evaluations: Evaluations, visitor: str | None, desk: Desk, other: Shelved, job: str) -> Desk:
    """The desk with a second model on it."""
    desk = dataclasses.replace(desk, other=other, walls=(*desk.walls, _wall(evaluations, visitor, other)))
    if trouble := evaluations.misfit(visitor, other.key, desk.set):
        return dataclasses.replace(desk, refusal=trouble)
    if desk.found is None:
        return desk
    beside = evaluations.known(visitor, other.key, desk.set, job, like=desk.found)
    try:
        if beside is None:
            raise Trouble("{name} has not been judged against these pictures yet.", name=other.name)
        side_by_side(desk.found, beside)
    except Trouble as trouble:
        return dataclasses.replace(desk, beside=beside, refusal=trouble, alike=True)
    return dataclasses.replace(desk, beside=beside)


def judge_alike(evaluations: Evaluations, visitor: str | None, desk: Desk) -> str:
    """Have the second model judged as the first one was; returns the key of the judgement."""
    if desk.found is None or desk.other is None:
        raise Trouble("Judge the first model first.")
    return evaluations.start(visitor, desk.other.key, desk.set, same_way(desk.found.protocol))


def prove(evaluations: Evaluations, visitor: str | None, reports: tuple[Report, ...]) -> tuple[Report, ...]:
    """The reports with the pictures behind them (imports torch)."""
    if not reports:
        raise Trouble("Judge the model first; then there is something to show.")
    return tuple(
        dataclasses.replace(each, evidence=evaluations.evidence(visitor, each.wall.model.key, each.evaluation))
        for each in reports
    )


def _wall(evaluations: Evaluations, visitor: str | None, model: Shelved) -> Wall:
    return evaluations.wall(visitor, model.key, counts_of(len(model.picture.classes))[1])
