"""Evaluations: models judged against sets, one at a time in a niced process; what is known is not measured twice."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import pathlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from .. import files
from ..evaluation.result import FILE, Evaluation, Protocol
from ..events import Failed, Finished, Progress, Trouble
from ..library import Library, Shelved
from ..runs import jobs, queue
from ..sets import PictureSet, Sets
from ..walls import Ask, Wall, Walls
from . import evidence
from .evidence import Evidence
from .fingerprints import Fingerprints

SETTINGS = ("count", "seed", "neighbours", "diversity")  # what a visitor may choose; never the file of a judge
SEED = 0  # of the walls that hang side by side
VERSION = Protocol.model_fields["version"].default
MOST_KEPT = 60  # judgements of one owner; older ones go
JUST = 60.0  # seconds in which a page that comes back still finds what it was waiting for, although it ended
MOST_WAITING = 3  # of one owner at a time, so that others get their turn
SENTENCES = {
    "waiting": "Waiting for its turn: number {place} in the queue.",
    "starting": "Getting ready to judge {name}.",
    "running": "Judging {name}.",
    "cut short": "Judging was cut short. Start it again.",
}


@dataclasses.dataclass(frozen=True)
class Judging:
    """How judging a model stands. States: waiting, running, finished, failed."""

    key: str
    model: str  # key of the model
    set: str  # key of the set
    state: str
    template: str  # the state as a sentence
    facts: dict[str, Any]
    progress: Progress | None = None
    evaluation: Evaluation | None = None  # when it has finished
    details: str = ""  # for the engineer

    @property
    def alive(self) -> bool:
        """Whether there is more to come."""
        return self.state in ("waiting", "running")


class Evaluations:
    """What the screens ask about judging; folders lie in `root`, one a judgement.

    `whose` turns a visitor's token into an owner, and `own` does the same for a call that makes something.
    """

    def __init__(
        self,
        root: pathlib.Path,
        library: Library,
        pictures: Sets,
        walls: Walls,
        whose: Callable[[str | None], str],
        own: Callable[[str | None], str],
    ) -> None:
        self.library, self.pictures, self.walls, self.whose, self.own = library, pictures, walls, whose, own
        self.fingerprints = Fingerprints(root / "fingerprints.json", pictures)
        self._evidence: dict[tuple[str, ...], Evidence] = {}
        self.jobs = jobs.Jobs("genmodels.evaluations", root)
        self._starting = threading.Lock()

    # ---- what is known

    def home(self, visitor: str | None, key: str) -> str:
        """The key of the set that a model learned from, if it is here; else ""."""
        owner = self.whose(visitor)
        return self._home(owner, self.library.find(owner, key))

    def misfit(self, visitor: str | None, key: str, set_key: str) -> Trouble | None:
        """Why a model cannot be judged against a set, or None."""
        owner = self.whose(visitor)
        return misfit(self.library.find(owner, key), self.pictures.find(owner, set_key))

    def known(
        self, visitor: str | None, key: str, set_key: str, job: str = "", like: Evaluation | None = None
    ) -> Evaluation | None:
        """What is known of a model against a set: the judgement `job` if it is that, one under the same protocol as
        `like`, else the one with most pictures; None where there is none."""
        owner = self.whose(visitor)
        taken = list(self._all(owner, key, self.library.find(owner, key)))
        fingerprint = self.fingerprints.of(owner, set_key) if taken else ""
        found = [each for each in taken if each[1].protocol.fingerprint == fingerprint]
        for name, evaluation in found:
            if (job and name == job) or (like and not like.protocol.differs(evaluation.protocol)):
                return evaluation
        return max((each for _, each in found), key=lambda each: each.protocol.made, default=None)

    def wall(self, visitor: str | None, key: str, count: int) -> Wall:
        """The first pictures of one seed, the same for every model."""
        return self.walls.draw(self.whose(visitor), Ask(key, SEED, count))

    def _all(self, owner: str, key: str, model: Shelved) -> Iterator[tuple[str, Evaluation]]:
        """(key of the judgement, what it found): those made here, the newest first, then the model's own."""
        own = self.library.folder(owner, key)
        for folder in [*(folder for folder, _ in self.jobs.of(owner)), own]:
            evaluation = _opened(folder)
            if evaluation and evaluation.identity == model.identity:
                yield folder.name, evaluation

    def evidence(self, visitor: str | None, key: str, evaluation: Evaluation) -> Evidence:
        """The pictures behind an evaluation, drawn again from their seeds (imports torch)."""
        owner = self.whose(visitor)
        model, folder = self.library.find(owner, key), self.library.folder(owner, key)
        marks = (str(folder), model.identity, evaluation.model_dump_json())
        if marks not in self._evidence:
            while len(self._evidence) >= 16:
                self._evidence.pop(next(iter(self._evidence)), None)
            pictures = self.fingerprints.find(owner, evaluation.protocol)
            self._evidence[marks] = evidence.draw(self.walls.sampler, folder, model, evaluation, pictures)
        return self._evidence[marks]

    # ---- judging

    def start(self, visitor: str | None, key: str, set_key: str, settings: dict[str, Any]) -> str:
        """Have a model judged; returns the key of the judgement, at once. One that is known already is not repeated."""
        owner = self.own(visitor)
        model, pictures = self.library.find(owner, key), self.pictures.find(owner, set_key)
        if trouble := misfit(model, pictures):
            raise trouble
        settings = {name: value for name, value in settings.items() if name in SETTINGS}
        about = [VERSION, owner, model.identity, self.fingerprints.of(owner, set_key), sorted(settings.items())]
        folder = self.jobs.root / hashlib.sha256(json.dumps(about).encode()).hexdigest()[:20]
        home = set_key == self._home(owner, model)
        order = {
            "owner": owner,
            "key": key,
            "model": str(self.library.folder(owner, key)),
            "name": model.name,
            "identity": model.identity,
            "set_key": set_key,
            "set": self.pictures.address(owner, set_key),
            "settings": settings,
            "home": home,  # whether it learned from these
            "into_model": home and not model.ours,  # the model's own evaluation is the one on what it learned from
            "created": time.time(),
        }
        with self._starting:
            now = self._find(owner, folder.name)
            if now is None or now.state == "failed":
                if sum(self._look(*each).alive for each in self.jobs.of(owner)) >= MOST_WAITING:
                    raise Trouble("{n} of your models are being judged already. Wait for one of them.", n=MOST_WAITING)
                with files.whole_folder(folder) as fresh:
                    files.write_json(fresh / "order.json", order)
                self.jobs.start(folder)
        for old, _ in self.jobs.of(owner)[MOST_KEPT:]:
            self.jobs.forget(old)
        return folder.name

    def look(self, visitor: str | None, key: str = "") -> Judging | None:
        """How a judgement stands; without a key, the visitor's newest one that is at work, or has just been.

        None: there is none.
        """
        owner = self.whose(visitor)
        if key:
            return self._find(owner, key)
        recent = time.time() - JUST
        stand = [(self._look(*found), found[1]["created"] > recent) for found in self.jobs.of(owner)]
        alive = next((each for each, _ in stand if each.alive), None)
        return alive or next((each for each, young in stand if young), None)

    def cancel(self, visitor: str | None, key: str) -> None:
        """End a judgement at once and forget it."""
        if found := self.jobs.find(self.own(visitor), key):
            self.jobs.forget(found[0])

    # ---- inside

    def _look(self, folder: pathlib.Path, order: jobs.Order) -> Judging:
        story = self.jobs.story(folder, order, SENTENCES["cut short"])
        about, progress = (folder.name, order["key"], order["set_key"]), story.progress
        if isinstance(end := story.end, Finished):
            return Judging(*about, "finished", end.template, end.facts, progress, _opened(folder))
        if isinstance(end, Failed):
            return Judging(*about, "failed", end.template, end.facts, progress, None, end.details)
        place = queue.place(folder)
        if place > 1 or (place and queue.busy(folder.parent)):
            return Judging(*about, "waiting", SENTENCES["waiting"], {"place": place})
        words = SENTENCES["running" if progress else "starting"]
        return Judging(*about, "running", words, {"name": order["name"]}, progress)

    def _home(self, owner: str, model: Shelved) -> str:
        """The set of the name that the model tells, unless its pictures are others by now."""
        told, mark = model.trained.get("set"), model.trained.get("fingerprint")
        named = (each for each in self.pictures.all(owner) if told in (each.key, each.title))
        fitting = (each.key for each in named if misfit(model, each) is None)
        return next((key for key in fitting if not mark or self.fingerprints.of(owner, key) == mark), "")

    def _find(self, owner: str, key: str) -> Judging | None:
        found = self.jobs.find(owner, key)
        return self._look(*found) if found else None


def misfit(model: Shelved, pictures: PictureSet) -> Trouble | None:
    """Why a model cannot be judged against these pictures, or None."""
    facts = {"name": model.name, "set": pictures.title}
    if model.picture.size != pictures.size:
        return Trouble(
            "{name} makes pictures of {one} pixels a side, and those of {set} have {other}. Choose a set of its size.",
            one=model.picture.size,
            other=pictures.size,
            **facts,
        )
    if model.picture.channels != pictures.channels:
        if model.picture.channels == 1:
            return Trouble("{name} makes grey pictures, and {set} is in colour. Choose a grey set.", **facts)
        return Trouble("{name} makes pictures in colour, and {set} is grey. Choose a set in colour.", **facts)
    if model.picture.classes and pictures.classes and model.picture.classes != pictures.classes:
        return Trouble("{name} knows other kinds than {set} has. Choose the pictures that it learned from.", **facts)
    return None


def _opened(folder: pathlib.Path) -> Evaluation | None:
    try:
        return Evaluation.open(folder) if (folder / FILE).exists() else None
    except Trouble:  # written by something else, or damaged: as if it were not there
        return None
