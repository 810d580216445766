"""Oddities: pictures that somebody brings, ranked by how little they belong, in a niced process of its own."""

from __future__ import annotations

import dataclasses
import pathlib
import secrets
import shutil
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import files
from ..evaluations import misfit
from ..events import Event, Finished, Judged, Problem, Progress, Trouble
from ..library import Library
from ..runs import jobs, queue
from ..sets import Sets

KEPT = 3600.0  # seconds after which a ranking and its pictures go, when the studio opens or anybody looks at one
KINDS = 20  # that are offered to choose from, at most
ARRAYS = ("pixels", "answers", "heat", "scores", "beyond")
SENTENCES = {
    "waiting": "Waiting for its turn: number {place} in the queue.",
    "running": "Looking at each picture.",
    "cut short": "Looking at the pictures was cut short. Start it again.",
}


@dataclasses.dataclass(frozen=True)
class Item:
    """One picture in the ranking."""

    name: str
    kind: str  # its folder, or how its name begins
    score: float  # 1 is where the oddest 5 % of ordinary pictures begin
    beyond: float  # the share of ordinary pictures that are less odd
    pixels: np.ndarray  # uint8 [h, w, c], as the model sees it
    answer: np.ndarray  # uint8 [h, w, c], what the model makes of it
    heat: np.ndarray  # float [h, w]: by how many spreads each place differs more than in ordinary pictures


@dataclasses.dataclass(frozen=True)
class Ranking:
    """How looking at somebody's pictures stands, or what came of it."""

    key: str
    template: str
    facts: dict[str, Any]
    progress: Progress | None = None
    end: Event | None = None  # Finished or Failed; None while it is at work
    refused: tuple[Judged, ...] = ()
    notes: tuple[Problem, ...] = ()
    items: tuple[Item, ...] = ()  # the oddest first
    kinds: tuple[str, ...] = ()  # to choose from which one is odd; () where names and folders say nothing
    name: str = ""  # of the model
    rebuilds: bool = False  # whether an answer is the picture rebuilt, or the nearest one the model would make
    ordinary: int = 0  # pictures that "ordinary" was measured on
    seen: bool = False  # the model learned from these

    @property
    def alive(self) -> bool:
        """Whether there is more to come."""
        return self.end is None


class Oddities:
    """What the screens ask about odd pictures; folders lie in `root`. `own` turns a visitor's token into an owner."""

    def __init__(self, root: pathlib.Path, library: Library, sets: Sets, own: Callable[[str | None], str]) -> None:
        self.library, self.sets, self.own = library, sets, own
        self.jobs = jobs.Jobs("genmodels.oddities", root)
        self._sweep()

    def start(self, visitor: str | None, model: str, pictures: str | None, sources: Sequence[str]) -> str:
        """Look at files and ZIPs with a model, beside a set that is ordinary (their keys); returns a key, at once."""
        owner = self.own(visitor)
        if not sources:
            raise Trouble("Choose some pictures or a ZIP first.")
        if not pictures:
            raise Trouble("Choose the pictures to judge it beside first.")
        found = self.library.find(owner, model)
        if trouble := misfit(found, self.sets.find(owner, pictures)):
            raise trouble
        self._sweep(owner)
        folder = self.jobs.root / secrets.token_hex(10)
        order = {
            "owner": owner,
            "name": found.name,
            "model": str(self.library.folder(owner, model)),
            "set": self.sets.address(owner, pictures),
            "created": time.time(),
        }
        with files.whole_folder(folder) as fresh:
            for number, source in enumerate(map(pathlib.Path, sources)):
                place = fresh / "given" / f"{number:05}"
                place.mkdir(parents=True)
                shutil.copyfile(source, place / source.name)
            files.write_json(fresh / "order.json", order)
        self.jobs.start(folder)
        return folder.name

    def look(self, visitor: str | None, key: str) -> Ranking | None:
        """How it stands; None where there is no such ranking (any more)."""
        self._sweep()
        found = self.jobs.find(self.own(visitor), key)
        return self._look(*found) if found else None

    def cancel(self, visitor: str | None, key: str) -> None:
        """End it at once and forget it."""
        if found := self.jobs.find(self.own(visitor), key):
            self.jobs.forget(found[0])

    # ---- inside

    def _look(self, folder: pathlib.Path, order: jobs.Order) -> Ranking:
        story = self.jobs.story(folder, order, SENTENCES["cut short"])
        known = {
            "progress": story.progress,
            "refused": story.every(Judged),
            "notes": story.every(Problem),
            "name": order["name"],
        }
        if (end := story.end) is not None:
            known |= _found(folder) if isinstance(end, Finished) else {}
            return Ranking(folder.name, end.template, end.facts, end=end, **known)
        place = queue.place(folder)
        template = SENTENCES["waiting" if place > 1 else "running"]
        return Ranking(folder.name, template, {"place": place}, **known)

    def _sweep(self, owner: str | None = None) -> None:
        """What anybody left an hour ago goes, and all that this owner looked at before."""
        for folder, order in self.jobs.all():
            if order["owner"] == owner or order["created"] < time.time() - KEPT:
                self.jobs.forget(folder)


def told_apart(ranking: Ranking, kind: str) -> tuple[float, float, float] | None:
    """How well the scores tell pictures of an odd kind from the others: AUROC with its 95 % band (imports torch)."""
    from ..oddity import auroc

    odd = np.array([item.kind == kind for item in ranking.items], bool)
    return auroc(np.array([item.score for item in ranking.items]), odd) if 0 < odd.sum() < len(odd) else None


def _found(folder: pathlib.Path) -> dict[str, Any]:
    """What lies in the folder of a ranking that is done."""
    facts = files.read_json(folder / "found.json", {})
    arrays = [np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in ARRAYS]
    pixels, answers, heat, scores, beyond = arrays
    items = tuple(
        Item(facts["names"][i], facts["kinds"][i], float(scores[i]), float(beyond[i]), pixels[i], answers[i], heat[i])
        for i in np.argsort(-np.asarray(scores), kind="stable")
    )
    kinds = tuple(sorted(set(facts["kinds"])))
    more = {name: facts[name] for name in ("ordinary", "seen", "rebuilds")}
    return {"items": items, "kinds": kinds if 2 <= len(kinds) <= KINDS else (), **more}
