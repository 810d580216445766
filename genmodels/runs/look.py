"""Look: what a run's folder says right now, as plain data; read without torch, a few new lines at a time."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import subprocess
import threading
import time
from typing import Any

from .. import events, files
from ..events import Problem, Progress, Segment
from . import points, queue
from .points import Point

LONGEST = 400  # values of a curve; a longer one is averaged by pairs
STARTING = 20.0  # seconds that a fresh process may take until it holds its lock
children: dict[pathlib.Path, subprocess.Popen] = {}  # started by this process
SENTENCES = {
    "ready": "Ready to start.",
    "waiting": "Waiting for its turn: number {place} in the queue.",
    "starting": "Getting ready.",
    "running": "Learning.",
    "pausing": "Saving, then pausing.",
    "stopping": "Finishing: what it has learned is being kept.",
    "interrupted": "It was cut short at {images} pictures. Continue goes on from the save at {saved} pictures.",
    "unsaved": "It was cut short before its first save. Continue begins again.",
    "stillborn": "Training could not start. The details say why.",
}


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A preview on the disk: the same seeds drawn again, one lossless WebP."""

    file: pathlib.Path
    images: int
    seconds: float
    columns: int


@dataclasses.dataclass(frozen=True)
class Look:
    """All that a screen needs to know about a run. `template` and `facts` say the state in words.

    States: ready (never started), waiting (in the queue, `place` counts from 1), starting, running, pausing, stopping,
    paused, finished, failed, interrupted (it ended without a word: killed, or the power went). Live ones: `alive`.
    """

    key: str  # the folder's name, for `Run.find`
    name: str  # what people call it
    owner: str
    order: dict[str, Any]  # family, size, options, plan, set, start_from
    created: float  # seconds since 1970
    state: str
    template: str  # the state as a sentence
    facts: dict[str, Any]
    details: str = ""  # for the engineer, behind a button
    place: int = 0
    progress: Progress | None = None
    curves: dict[str, list[tuple[float, float]]] = dataclasses.field(default_factory=dict)  # name -> (images, value)
    scores: dict[str, list[tuple[float, float]]] = dataclasses.field(default_factory=dict)  # Scored, the same way
    previews: tuple[Sheet, ...] = ()  # oldest first
    points: tuple[Point, ...] = ()  # oldest first
    problems: tuple[Problem, ...] = ()  # of the newest segment; oldest first
    segments: tuple[Segment, ...] = ()  # repairs and ways back, oldest first; none in a run that went straight on
    result: pathlib.Path | None = None  # the finished model's checkpoint folder

    @property
    def alive(self) -> bool:
        """Whether a process is at work on it (or waits for its turn)."""
        return self.state in ("waiting", "starting", "running", "pausing", "stopping")

    @property
    def best(self) -> Point | None:
        """The save point nearest to the real pictures, where any was scored."""
        return points.best(self.points)

    def nearest(self, at: int) -> Point:
        """The save point nearest to a preview."""
        return min(self.points, key=lambda point: abs(point.images - self.previews[at].images))


class Curve:
    """A curve that never holds more than LONGEST values: when it is full, neighbours are averaged."""

    def __init__(self) -> None:
        self.values: list[tuple[float, float]] = []
        self._new: list[tuple[float, float]] = []
        self._stride = 1

    def add(self, images: float, value: float) -> None:
        """One more value."""
        self._new.append((images, value))
        if len(self._new) == self._stride:
            self.values.append(_mean(self._new))
            self._new = []
        if len(self.values) == LONGEST:
            self.values = [_mean(self.values[i : i + 2]) for i in range(0, LONGEST, 2)]
            self._stride *= 2


class Reader:
    """Follows an event file. Only new lines are read; a file that was cut back (after a kill) is read again."""

    def __init__(self, file: pathlib.Path) -> None:
        self.file = file
        self._forget()

    def _forget(self) -> None:
        self.offset, self.tail = 0, b""
        self.progress: Progress | None = None
        self.curves: dict[str, Curve] = collections.defaultdict(Curve)
        self.scores: dict[str, Curve] = collections.defaultdict(Curve)
        self.previews: list[Sheet] = []
        self.problems: list[Problem] = []
        self.segments: list[Segment] = []

    def read(self) -> Reader:
        """Take in what is new; a torn last line waits until it is whole."""
        try:
            with open(self.file, "rb") as stream:
                stream.seek(max(0, self.offset - len(self.tail)))
                if stream.read(len(self.tail)) != self.tail:
                    self._forget()
                    stream.seek(0)
                whole, line_end, _ = stream.read().rpartition(b"\n")
        except FileNotFoundError:
            self._forget()
            return self
        for line in whole.splitlines():
            self._take(events.parse(line))
        if line_end:
            self.offset += len(whole) + 1
            self.tail = (self.tail + whole + line_end)[-256:]
        return self

    def _take(self, event: events.Event | None) -> None:
        if isinstance(event, Progress):
            self.progress = event
            for name, value in event.parts.items():
                if value is not None:
                    self.curves[name].add(event.images, value)
        elif isinstance(event, events.Scored) and event.value is not None:
            self.scores[event.name].add(event.images, event.value)
        elif isinstance(event, events.Preview):
            sheet = self.file.parent / "previews" / pathlib.PurePosixPath(event.file).name
            self.previews.append(Sheet(sheet, event.images, event.seconds, event.columns))
        elif isinstance(event, Problem):
            self.problems.append(event)
        elif isinstance(event, Segment):
            self.segments.append(event)
            self.problems = []


_readers: collections.OrderedDict[pathlib.Path, Reader] = collections.OrderedDict()
_reading = threading.Lock()


def look_at(run: pathlib.Path) -> Look:
    """What a run's folder says right now. A dead process is never called running: only a lock that is held counts."""
    plan = files.read_json(run / "plan.json", {})
    with _reading:
        reader = _readers.setdefault(run, Reader(run / "events.jsonl")).read()
        _readers.move_to_end(run)
        while len(_readers) > 64:
            _readers.popitem(last=False)
        read: dict[str, Any] = {
            "progress": reader.progress,
            "curves": {name: list(curve.values) for name, curve in reader.curves.items()},
            "scores": {name: list(curve.values) for name, curve in reader.scores.items()},
            "previews": tuple(reader.previews),
            "problems": tuple(reader.problems),
            "segments": tuple(reader.segments),
        }
    read["points"] = points.all_points(run)
    state = state_of(run)
    place = queue.place(run) if state == "waiting" else 0
    ended = files.read_json(run / "ended.json", {}) if state in ("paused", "finished", "failed") else {}
    result = run.parent.parent / "models" / ended["result"] if ended.get("result") else None
    return Look(
        key=run.name,
        name=plan.get("name", run.name),
        owner=plan.get("owner", ""),
        order=plan.get("order", {}),
        created=plan.get("created", 0.0),
        state=state,
        details=ended.get("details", "") if state != "interrupted" else _last_words(run),
        place=place,
        result=result if result and result.is_dir() else None,
        **_sentence(state, ended, place, read),
        **read,
    )


def state_of(run: pathlib.Path) -> str:
    """The state in a word. The folder may change while it is read, so bad news must be true twice."""
    state = _state(run)
    if state in ("interrupted", "ready"):
        time.sleep(0.05)
        state = _state(run)
    return state


def _state(run: pathlib.Path) -> str:
    asked = (run / "asked").exists()  # first the ticket, then the lock, then the end: the order in which they change
    held = queue.held(run)
    if run in children:
        children[run].poll()  # so that a process of ours that ended does not linger
    ended = files.read_json(run / "ended.json", {}).get("state")
    if ended:
        return ended
    if held:
        wish = files.read_word(run / "ask")
        if wish in ("pause", "stop"):
            return "pausing" if wish == "pause" else "stopping"
        return "waiting" if asked else "starting" if (run / "taken").exists() else "running"
    if asked and _being_born(run):
        return "starting"
    return "interrupted" if asked or (run / "events.jsonl").exists() else "ready"


def _being_born(run: pathlib.Path) -> bool:
    child = children.get(run)
    if child is not None and child.poll() is not None:
        return False
    try:
        return time.time() - (run / "asked").stat().st_mtime < STARTING
    except FileNotFoundError:
        return True


def _sentence(state: str, ended: dict[str, Any], place: int, read: dict[str, Any]) -> dict[str, Any]:
    if ended:
        return {"template": ended["template"], "facts": ended["facts"]}
    if state == "interrupted":
        if read["points"] and read["progress"]:
            saved = read["points"][-1].images
            facts = {"images": max(saved, read["progress"].images), "saved": saved}
            return {"template": SENTENCES["interrupted"], "facts": facts}
        return {"template": SENTENCES["unsaved" if read["progress"] else "stillborn"], "facts": {}}
    return {"template": SENTENCES[state], "facts": {"place": place} if place else {}}


def _last_words(run: pathlib.Path) -> str:
    """The last line that a process left in its log."""
    try:
        lines = (run / "log.txt").read_text(encoding="utf-8", errors="replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1] if lines else ""


def _mean(values: list[tuple[float, float]]) -> tuple[float, float]:
    return tuple(sum(column) / len(values) for column in zip(*values, strict=True))  # type: ignore[return-value]
