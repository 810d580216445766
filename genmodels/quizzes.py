"""Quizzes: twenty pictures, each real or made; answers are judged here, and of the room only counts are kept."""

from __future__ import annotations

import collections
import dataclasses
import json
import pathlib
import secrets
import threading
from collections.abc import Callable

import filelock
import numpy as np

from . import files
from .data.imageset import ImageSet
from .evaluations import misfit
from .events import Trouble
from .library import Library, Shelved
from .sets import Sets
from .walls import Walls

COUNT = 20  # pictures a round
SHARE = 0.95  # of all people who only guess are inside the band, at least
OPEN = 500  # rounds kept in memory; the oldest go


@dataclasses.dataclass(frozen=True)
class Shown:
    """One picture of a round that is over: what it was and what was said of it."""

    pixels: np.ndarray  # uint8 [h, w, c]
    kind: str  # its class, "" where there are none
    made: bool
    said_made: bool

    @property
    def right(self) -> bool:
        """Whether it was told right."""
        return self.made == self.said_made


@dataclasses.dataclass(frozen=True)
class Verdict:
    """How a round ended. `low` to `high` right answers is what guessing alone gives."""

    right: int
    low: int
    high: int
    shown: tuple[Shown, ...]

    @property
    def outcome(self) -> str:
        """could: told apart; turned: told apart, but the wrong way round; could not: no better than guessing."""
        return "could" if self.right > self.high else "turned" if self.right < self.low else "could not"


@dataclasses.dataclass(frozen=True)
class Room:
    """What all finished rounds at one model and set add up to. Counts, and nothing about anybody."""

    rounds: int = 0
    made: int = 0  # made pictures shown
    fooled: int = 0  # of them, taken for real
    real: int = 0  # real pictures shown
    trusted: int = 0  # of them, taken for real

    def plus(self, shown: tuple[Shown, ...]) -> Room:
        """With one more round."""
        made = [each for each in shown if each.made]
        real = [each for each in shown if not each.made]
        return Room(
            self.rounds + 1,
            self.made + len(made),
            self.fooled + sum(not each.said_made for each in made),
            self.real + len(real),
            self.trusted + sum(not each.said_made for each in real),
        )


@dataclasses.dataclass(frozen=True)
class Quiz:
    """What a screen may know of a round: the picture in question, or the verdict; never an answer before its time."""

    key: str
    number: int  # of the picture in question, from 1
    count: int
    room: Room
    pixels: np.ndarray | None = None  # uint8 [h, w, c] of the picture in question
    kind: str = ""  # its class
    seen: bool = False  # the set is so small that the model learned from the real pictures as well
    verdict: Verdict | None = None


@dataclasses.dataclass
class _Round:
    owner: str
    address: tuple[str, str]  # the model's identity and the set's fingerprint
    pixels: np.ndarray  # uint8 [n, h, w, c]
    made: np.ndarray  # bool [n]
    kinds: tuple[str, ...]
    seen: bool
    said: list[bool] = dataclasses.field(default_factory=list)


class Quizzes:
    """The rounds that are open, in memory, and the counts of the room, in `folder`.

    `whose` turns a visitor's token into an owner; `fingerprint` knows that of an owner's set without reading it again.
    """

    def __init__(
        self,
        folder: pathlib.Path,
        library: Library,
        sets: Sets,
        walls: Walls,
        whose: Callable[[str | None], str],
        fingerprint: Callable[[str, str], str],
    ) -> None:
        self.folder, self.library, self.sets, self.walls = folder, library, sets, walls
        self.whose, self.fingerprint = whose, fingerprint
        self._rounds: collections.OrderedDict[str, _Round] = collections.OrderedDict()
        self._answering = threading.Lock()

    def begin(self, visitor: str | None, model: str, pictures: str | None) -> Quiz:
        """A fresh round at a model and a set (their keys). Raises Trouble where the two do not go together."""
        owner = self.whose(visitor)
        found, address = self._chosen(owner, model, pictures)
        real = self.sets.open(owner, pictures)
        random = np.random.default_rng(secrets.randbits(64))
        rows, seen = choose(real, random)
        made = random.random(len(rows)) < 0.5  # a coin for each: who counts learns nothing about the next one
        pixels, matched = np.array(real.images[rows]), bool(found.picture.classes) and real.labels is not None
        if made.any():  # each takes its place with the class of the real picture that it replaces
            labels = real.labels[rows[made]].tolist() if matched else None
            folder, seed = self.library.folder(owner, model), secrets.randbelow(2**31)
            pixels[made] = self.walls.sampler.draw(folder, seed, range(int(made.sum())), labels, 1.0)
        kinds = tuple(real.classes[real.labels[row]] if matched else "" for row in rows)
        key = secrets.token_hex(16)
        with self._answering:
            self._rounds[key] = _Round(owner, address, pixels, made, kinds, seen)
            while len(self._rounds) > OPEN:
                self._rounds.popitem(last=False)
        return self._look(key, self._rounds[key])

    def answer(self, visitor: str | None, key: str, number: int, made: bool) -> Quiz:
        """Say of picture `number` that it is made, or real; what was answered already is not heard twice."""
        with self._answering:
            found = self._rounds.get(str(key))
            if found is None or found.owner != self.whose(visitor):
                raise Trouble("This round is over. Begin a fresh one.")
            if number == len(found.said) + 1 <= len(found.made):
                found.said.append(bool(made))
                if len(found.said) == len(found.made):
                    self._count(found)
        return self._look(key, found)

    def room(self, visitor: str | None, model: str, pictures: str | None) -> Room:
        """What the room has answered at a model and a set so far."""
        _, address = self._chosen(self.whose(visitor), model, pictures)
        return self._read(*address)

    # ---- inside

    def _chosen(self, owner: str, model: str, pictures: str | None) -> tuple[Shelved, tuple[str, str]]:
        """The model, and under which address the room's counts lie: the model's identity, the set's fingerprint."""
        if not pictures:
            raise Trouble("Choose the pictures to judge it beside first.")
        found = self.library.find(owner, model)
        if trouble := misfit(found, self.sets.find(owner, pictures)):
            raise trouble
        return found, (found.identity, self.fingerprint(owner, pictures))

    def _look(self, key: str, found: _Round) -> Quiz:
        at, count = len(found.said), len(found.made)
        room = self._read(*found.address)
        if at < count:
            return Quiz(key, at + 1, count, room, found.pixels[at], found.kinds[at], found.seen)
        return Quiz(key, count, count, room, seen=found.seen, verdict=verdict(_shown(found)))

    def _file(self, identity: str, fingerprint: str) -> pathlib.Path:
        return self.folder / f"{identity}-{fingerprint}.json"

    def _read(self, identity: str, fingerprint: str) -> Room:
        try:
            return Room(**json.loads(self._file(identity, fingerprint).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):  # nobody has played yet, or the file is damaged: counts begin again
            return Room()

    def _count(self, found: _Round) -> None:
        file = self._file(*found.address)
        file.parent.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(self.folder / "lock"):
            room = self._read(*found.address).plus(_shown(found))
            files.write_json(file, dataclasses.asdict(room))


def choose(pictures: ImageSet, random: np.random.Generator) -> tuple[np.ndarray, bool]:
    """Rows int64 [20] of a set, no two the same, and whether a model may have learned from them.

    They are held-out pictures where there are enough; fewer than 20 only where the set itself has no more.
    """
    held = np.flatnonzero(pictures.held_out)
    seen = len(held) < COUNT
    rows = np.arange(len(pictures)) if seen else held
    return random.choice(rows, min(COUNT, len(rows)), replace=False), seen


def verdict(shown: tuple[Shown, ...]) -> Verdict:
    """Right answers, beside the band that guessing alone stays in."""
    return Verdict(sum(each.right for each in shown), *band(len(shown)), shown)


def band(count: int) -> tuple[int, int]:
    """The fewest and the most right answers of `count` coins, the middle 95 % or a little more (exact binomial)."""
    from scipy.stats import binom

    low, high = binom.interval(SHARE, count, 0.5)
    return int(low), int(high)


def rate(hits: int, count: int) -> tuple[float, float, float]:
    """A share with its exact 95 % interval (Clopper & Pearson 1934): value, low, high; answers counted as independent.

    With nothing counted it is unknown: (0, 0, 1).
    """
    from scipy.stats import binomtest

    if not count:
        return 0.0, 0.0, 1.0
    interval = binomtest(hits, count).proportion_ci(SHARE, method="exact")
    return hits / count, float(interval.low), float(interval.high)


def _shown(found: _Round) -> tuple[Shown, ...]:
    told = zip(found.pixels, found.kinds, found.made, found.said, strict=True)
    return tuple(Shown(pixels, kind, bool(made), said) for pixels, kind, made, said in told)
