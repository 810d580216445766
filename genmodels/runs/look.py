"""Look: what a run's folder says right now, as plain data; read without torch, a few new lines at a time."""

from __future__ import annotations

import dataclasses
import pathlib
from typing import Any

from ..events import Problem, Progress, Segment


@dataclasses.dataclass(frozen=True)
class Point:
    """A save point: a whole checkpoint folder that can be drawn from, gone back to, or kept as a model."""

    name: str  # its folder's name, for `Run.go_back` and `Run.keep`
    folder: pathlib.Path
    images: int  # pictures seen so far in the run
    seconds: float
    segment: int
    exact: bool  # it holds the state to go on exactly; the others go on from their weights


@dataclasses.dataclass(frozen=True)
class Sheet:
    """A preview on the disk: the same seeds drawn again, one lossless WebP."""

    file: pathlib.Path
    images: int
    seconds: float
    columns: int


@dataclasses.dataclass(frozen=True)
class Look:
    """All that a screen needs to know about a run. `sentence` and `facts` say the state in words.

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
    segments: tuple[Segment, ...] = ()  # oldest first
    result: pathlib.Path | None = None  # the finished model's checkpoint folder

    @property
    def alive(self) -> bool:
        """Whether a process is at work on it (or waits for its turn)."""
        return self.state in ("waiting", "starting", "running", "pausing", "stopping")
