"""Studio: all that the screens ever ask. Every call names the visitor; nobody reaches what is another's."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import os
import pathlib
import re
import secrets
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import home, report
from .data import starters
from .evaluations import Evaluations, desk
from .events import Trouble
from .files import parcel
from .guests import Guests
from .library import OWN, Library, Shelved
from .oddities import Oddities
from .quizzes import Quizzes
from .runs import Look, Run, promise, promised
from .runs.order import check
from .sets import Cleaning, PictureSet, Sets
from .transfers.desk import Desk
from .walls import Ask, Made, Wall, Walls

SHIPPED = pathlib.Path(__file__).resolve().parents[1] / "checkpoints"
TOKEN = re.compile(r"[0-9a-f]{32}")
NOBODY = "nobody"  # owns nothing: who has no token yet sees what ships
TWICE = 5  # seconds in which the same order again is one click too many


@dataclasses.dataclass(frozen=True)
class Watched:
    """A run as it is, and the moment of it that is looked at."""

    look: Look
    at: int  # index of the preview shown; the last one follows the run
    sheet: bytes  # that preview, WebP; b"" before there is one
    model: str  # key of the finished model, "" until there is one


class Studio:
    """Folders, sets, runs and open models. `visitor` is the secret token that a page keeps in its browser."""

    def __init__(self, shared: bool | None = None) -> None:
        on_a_host = bool(os.environ.get("SPACE_ID")) or os.environ.get("GENMODELS_SHARED") == "1"
        self.shared = on_a_host if shared is None else shared
        self.library = Library(SHIPPED, home() / "models")
        self.walls = Walls(self.library)
        self.pictures = Sets(home() / "sets")
        self.trainings = home() / "runs"
        shelves = (self.library, self.pictures, self.walls)
        self.evaluations = Evaluations(home() / "evaluations", *shelves, self._reader, self._owner)
        self.quizzes = Quizzes(home() / "quizzes", *shelves, self._reader, self.evaluations.fingerprints.of)
        self.oddities = Oddities(home() / "odd", self.library, self.pictures, self._owner)
        self.guests = Guests(home() / "guests", self._owner, self.library)
        whose = (self._reader, self._owner, self.evaluations.fingerprints.of)
        self.hub = Desk(home() / "transfers", self.library, self.pictures, *whose, alone=not self.shared)
        self._packed = tempfile.TemporaryDirectory(prefix="genmodels-")  # goes with the studio
        self.parcels = pathlib.Path(self._packed.name)

    def warm(self) -> None:
        """Bring torch before anybody needs it, so that the first click need not wait for it."""
        import torch

        torch.set_num_threads(1)

    # ---- who

    def greet(self, visitor: str | None) -> str:
        """A visitor's token: the one they came with, or a fresh secret."""
        return visitor if isinstance(visitor, str) and TOKEN.fullmatch(visitor) else secrets.token_hex(16)

    def _reader(self, visitor: str | None) -> str:
        """Whose things a visitor sees. On a laptop there is one owner; on a shared host, one for each token."""
        if not self.shared:
            return ""
        if not (isinstance(visitor, str) and TOKEN.fullmatch(visitor)):
            return NOBODY
        return hashlib.sha256(visitor.encode()).hexdigest()[:24]

    def _owner(self, visitor: str | None) -> str:
        """The same for a call that makes or changes something."""
        if (owner := self._reader(visitor)) == NOBODY:
            raise Trouble("The studio does not know this page any more. Reload it, please.")
        return owner

    # ---- models

    def models(self, visitor: str | None) -> list[Shelved]:
        """What a visitor may make pictures with: their own, newest first, then those that ship."""
        return self.library.models(self._reader(visitor))

    def model(self, visitor: str | None, key: str | None = None) -> Shelved | None:
        """The model with this key, else the first that ships, else None when there is none at all."""
        models = self.models(visitor)
        first = next((model for model in models if model.ours), models[0] if models else None)
        return next((model for model in models if model.key == key), first)

    def rename(self, visitor: str, key: str, name: str) -> None:
        """Call a model something else."""
        self.library.rename(self._owner(visitor), key, name)

    def delete(self, visitor: str, key: str) -> None:
        """Remove a model for good."""
        self.library.delete(self._owner(visitor), key)

    def pack(self, visitor: str, key: str) -> pathlib.Path:
        """A model as a ZIP to take away."""
        return self.library.pack(self._reader(visitor), key, parcel(self.parcels))

    def unpack(self, visitor: str, file: str | os.PathLike) -> str:
        """Take in a model from a ZIP; returns its key."""
        return self.library.unpack(self._owner(visitor), pathlib.Path(file))

    # ---- pictures

    def stored(self, visitor: str | None, key: str, count: int = 64) -> Wall:
        """A model's own wall, on screen at once: it needs neither the model nor torch."""
        return self.walls.stored(self._reader(visitor), key, count)

    def draw(self, visitor: str | None, ask: Ask, view: str = "") -> Wall | None:
        """A wall of pictures; None when the same `view` (a page) asked for another one meanwhile."""
        return self.walls.draw(self._reader(visitor), ask, view)

    def picture(self, visitor: str | None, ask: Ask, index: int, label: int | None) -> Made:
        """One picture of a wall, with its recipe."""
        return self.walls.picture(self._reader(visitor), ask, index, label)

    def bundle(self, visitor: str | None, ask: Ask) -> pathlib.Path:
        """A wall as a ZIP to take away."""
        return self.walls.bundle(self._reader(visitor), ask, parcel(self.parcels))

    # ---- sets

    def sets(self, visitor: str | None) -> list[PictureSet]:
        """What a visitor can learn from: the sets that ship, then their own, newest first."""
        return self.pictures.all(self._reader(visitor))

    def take(self, visitor: str, files: Sequence[str], name: str, settings: dict[str, Any]) -> str:
        """Look through uploaded files and ZIPs and make a set of them, in the background; returns its key."""
        return self.pictures.take(self._owner(visitor), files, name, settings)

    def cleaning(self, visitor: str, key: str) -> Cleaning | None:
        """Where looking through a set stands; None for a set that ships."""
        if key in starters.NAMES:
            return None
        return self.pictures.cleaning(self._owner(visitor), key)

    def decide(self, visitor: str, key: str, names: dict[str, bool]) -> None:
        """Keep (True) or leave out pictures against what cleaning said."""
        self.pictures.decide(self._owner(visitor), key, names)

    def drop_set(self, visitor: str, key: str) -> None:
        """Remove an uploaded set for good."""
        self.pictures.delete(self._owner(visitor), key)

    def add_picture(self, visitor: str, picture: str, label: str) -> int:
        """Put a drawing or a photograph (a data-URI) on the pile; returns how many lie there."""
        return self.pictures.add(self._owner(visitor), picture, label)

    def take_pile(self, visitor: str, name: str, settings: dict[str, Any]) -> str:
        """Make a set of what was drawn and photographed; returns its key."""
        return self.pictures.take_pile(self._owner(visitor), name, settings)

    def seen(self, visitor: str, key: str, count: int, augmentation: dict[str, Any]) -> np.ndarray:
        """What the model will see of a set, through the code that feeds it: uint8 [count, h, w, c]."""
        return self.pictures.seen(self._reader(visitor), key, count, augmentation)

    # ---- runs

    def promised(self, visitor: str, order: dict[str, Any]) -> dict[str, Any] | None:
        """What an order like this was measured to take, at once; None where nobody measured."""
        return promised(self._addressed(visitor, order))

    def promise(self, visitor: str, order: dict[str, Any]) -> dict[str, Any]:
        """Measure what an order takes on this machine: some seconds, remembered."""
        return promise(self._addressed(visitor, order))

    def like(self, order: dict[str, Any]) -> Shelved | None:
        """A model that ships, of the same family, and of the same set where there is one."""
        ours = [model for model in self.library.models(NOBODY) if model.family == order["family"]]
        title = next((each.title for each in self.pictures.all(NOBODY) if each.key == order["set"]), "")
        same = [model for model in ours if model.trained.get("set") in (order["set"], title)]
        return (same or ours or [None])[0]

    def start(self, visitor: str, order: dict[str, Any], name: str) -> str:
        """Begin a run; returns its key. `set` and `start_from` are keys of the visitor's own or shipped ones."""
        owner, addressed = self._owner(visitor), self._addressed(visitor, order)
        newest = next(iter(self.runs(visitor)), None)
        if newest and newest.alive and newest.order == check(addressed) and time.time() - newest.created < TWICE:
            return newest.key  # pressed twice
        name = name or self._free_name(
            visitor, f"{self.pictures.find(owner, order['set']).title} {order['family'].upper()}"
        )
        run = Run.create(self.trainings, addressed, owner, name)
        run.start()
        return run.folder.name

    def runs(self, visitor: str) -> list[Look]:
        """A visitor's runs, newest first."""
        return [run.look() for run in Run.all(self.trainings, self._reader(visitor))]

    def watch(self, visitor: str, key: str, at: int | None = None) -> Watched:
        """A run and one moment of it; the newest where none is given."""
        look = self._run(visitor, key).look()
        last = len(look.previews) - 1
        at = last if at is None else min(max(0, at), last)
        file = look.previews[at].file if last >= 0 else None
        model = OWN + look.result.name if look.result else ""
        return Watched(look, at, file.read_bytes() if file and file.exists() else b"", model)

    def again(self, visitor: str, key: str) -> Watched | None:
        """The run that a page was watching, else one that is at work, else none: for a page that comes back."""
        looks = self.runs(visitor)
        look = next((each for each in looks if each.key == key), next((each for each in looks if each.alive), None))
        return self.watch(visitor, look.key) if look else None

    def tell(self, visitor: str, key: str, wish: str) -> None:
        """What a button asks of a run: pause, resume, stop, delete."""
        if wish not in ("pause", "resume", "stop", "delete"):
            raise Trouble("There is no such wish.")
        getattr(self._run(visitor, key), wish)()

    def repair(self, visitor: str, key: str) -> None:
        """Do what the doctor's newest note offers."""
        run = self._run(visitor, key)
        if problem := next((each for each in reversed(run.look().problems) if each.repair), None):
            run.repair(problem.repair)

    def undo(self, visitor: str, key: str) -> None:
        """Take the newest repair or way back away again: go on from where the run was before it."""
        run = self._run(visitor, key)
        look = run.look()
        before = [point for point in look.points if look.segments and point.segment < look.segments[-1].number]
        if not before:
            raise Trouble("There is nothing to go back to.")
        run.go_back(before[-1].name)

    def go_back(self, visitor: str, key: str, point: str) -> None:
        """Go on from an earlier point."""
        self._run(visitor, key).go_back(point)

    def keep(self, visitor: str, key: str, at: int) -> str:
        """Make a model of the saved moment nearest to a preview; returns the model's key."""
        run = self._run(visitor, key)
        look = run.look()
        if not look.points or not look.previews:
            raise Trouble("Nothing is saved yet. Wait a few seconds.")
        point = look.nearest(min(max(0, at), len(look.previews) - 1))
        return OWN + run.keep(point.name, self._free_name(visitor, look.name, self.models(visitor))).name

    def keep_best(self, visitor: str, key: str) -> str:
        """Make a model of the moment that came nearest to the real pictures; returns the model's key."""
        run = self._run(visitor, key)
        look = run.look()
        if look.best is None:
            raise Trouble("No moment was scored yet. Wait a few seconds.")
        return OWN + run.keep(look.best.name, self._free_name(visitor, look.name, self.models(visitor))).name

    def report(self, visitor: str, *chosen: str) -> pathlib.Path:
        """What is known of a model, or of two side by side, as a page to forward; `chosen` as in `desk.look`."""
        found = desk.look(self.evaluations, visitor, *chosen)
        return report.write(desk.prove(self.evaluations, visitor, found.reports), parcel(self.parcels))

    # ---- inside

    def _free_name(self, visitor: str, name: str, beside: Sequence[Look | Shelved] | None = None) -> str:
        """The name with a number behind it where something has it already: a run or a model, or those `beside`."""
        taken = {each.name for each in beside or [*self.runs(visitor), *self.models(visitor)]}
        numbered = itertools.chain([name], (f"{name} {number}" for number in itertools.count(2)))
        return next(each for each in numbered if each not in taken)

    def _run(self, visitor: str, key: str) -> Run:
        return Run.find(self.trainings, key, self._owner(visitor))

    def _addressed(self, visitor: str, order: dict[str, Any]) -> dict[str, Any]:
        """The order with folders where the screen has keys; nobody trains from what is another's."""
        owner = self._reader(visitor)
        if not order.get("set"):
            raise Trouble("Choose pictures to learn from first.")
        base = order.get("start_from")
        folder = str(self.library.folder(owner, base)) if base else ""
        return {**order, "set": self.pictures.address(owner, order["set"]), "start_from": folder}
