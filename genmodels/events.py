"""What long work says: Progress, Preview, Scored, Saved, Problem, Finished, Failed, and a few more."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pydantic

Facts = dict[str, str | int | float | bool | None]


class Trouble(Exception):
    """Something a person can act on: a sentence template in English and its facts, so that any language can say it."""

    def __init__(self, template: str, **facts: str | int | float) -> None:
        super().__init__(template.format(**facts))
        self.template, self.facts = template, facts


class Event(pydantic.BaseModel):
    """Frozen plain data; `line` writes it as one JSON line and `parse` reads it back."""

    model_config = pydantic.ConfigDict(frozen=True, extra="ignore", arbitrary_types_allowed=True)

    def line(self) -> str:
        """One JSON line with no line break in it; what lives only in memory (pixels) stays out."""
        return self.model_dump_json()


class Sentence(Event):
    """An event for people: an English template and its facts, so that any language can say it."""

    template: str
    facts: Facts = {}


class Progress(Event):
    """How far the work is. `parts` are the curves: plain names to the latest value."""

    kind: Literal["progress"] = "progress"
    fraction: float  # 0 to 1
    remaining: float | None = None  # seconds, None while nobody knows
    seconds: float = 0.0  # of work so far, pauses left out
    step: int = 0
    images: int = 0  # pictures seen so far, never going back within a run
    parts: dict[str, float | None] = {}


class Preview(Event):
    """The same seeds drawn again. In memory it holds `pixels`; its line holds the name of the WebP."""

    kind: Literal["preview"] = "preview"
    images: int
    seconds: float = 0.0
    file: str = ""
    columns: int = 8
    pixels: Any = pydantic.Field(default=None, exclude=True, repr=False)  # uint8 [n, h, w, c]


class Scored(Event):
    """One honest number, by name; for example `variety`."""

    kind: Literal["scored"] = "scored"
    name: str
    value: float | None
    images: int = 0


class Saved(Event):
    """A save point is on the disk, whole, under this name."""

    kind: Literal["saved"] = "saved"
    point: str
    images: int
    seconds: float = 0.0


class Judged(Sentence):
    """A picture was kept or refused by intake, and why."""

    kind: Literal["judged"] = "judged"
    name: str
    kept: bool
    reason: str = ""  # short word for counting: duplicate, unreadable, small, blank ...
    index: int | None = None  # its row in the set, where it was kept


class Segment(Sentence):
    """Training goes on from another point or with other settings (continued, repaired, gone back)."""

    kind: Literal["segment"] = "segment"
    number: int
    images: int
    point: str = ""  # the save point it starts from


class Problem(Sentence):
    """Something is going wrong, in words; `repair` names what a button can do about it, if anything."""

    kind: Literal["problem"] = "problem"
    name: str
    repair: str = ""
    images: int = 0


class Finished(Sentence):
    """The work is done; `result` names what came out of it."""

    kind: Literal["finished"] = "finished"
    result: str = ""
    images: int = 0
    seconds: float = 0.0


class Failed(Sentence):
    """The work cannot go on. The sentence says what to do; `details` are for the engineer."""

    kind: Literal["failed"] = "failed"
    details: str = ""


Known = Annotated[
    Progress | Preview | Scored | Saved | Judged | Segment | Problem | Finished | Failed,
    pydantic.Field(discriminator="kind"),
]
_known = pydantic.TypeAdapter(Known)


def parse(line: str | bytes) -> Event | None:
    """The event in a line; None for a torn line or a kind that only a newer version knows."""
    try:
        return _known.validate_json(line)
    except pydantic.ValidationError:
        return None
