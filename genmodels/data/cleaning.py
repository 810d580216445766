"""How looking through pictures stands, or how it ended: what the events of an intake's folder say together."""

from __future__ import annotations

import collections
import dataclasses
import json
import pathlib
from collections.abc import Sequence

import numpy as np

from ..events import Failed, Finished, Judged, Preview, Problem, Progress, Sentence
from ..images import open_pixels, ungrid
from . import intake
from .imageset import ImageSet
from .selection import THUMB, THUMB_COLUMNS

FIRST = 60  # kept pictures shown in a report


@dataclasses.dataclass(frozen=True)
class Cleaning:
    """How looking through uploaded pictures stands, or how it ended."""

    key: str
    name: str
    progress: Progress | None
    kept: tuple[Judged, ...]
    refused: tuple[Judged, ...]
    notes: tuple[Problem, ...]
    end: Sentence | None  # Finished or Failed; None while it is at work
    preview: bytes = b""  # WebP of pictures just kept
    thumbs: np.ndarray | None = None  # uint8 [n, 48, 48, 3] of the refused
    pictures: np.ndarray | None = None  # uint8 [n, h, w, c], the first that were kept

    @property
    def alive(self) -> bool:
        """Whether it is still at work."""
        return self.end is None


def stands(folder: pathlib.Path) -> Cleaning:
    """Where the work in a folder that `intake.start` was given stands."""
    events, _ = intake.read(folder)
    judged = [event for event in events if isinstance(event, Judged)]
    refused, shown = folder / "set" / "refused.webp", folder / "preview.webp"
    done = bool(events) and isinstance(events[-1], (Finished, Failed))
    previewed = any(isinstance(event, Preview) for event in events) and shown.exists()
    return Cleaning(
        key=folder.name,
        name=json.loads((folder / "order.json").read_text(encoding="utf-8"))["name"],
        progress=next((event for event in reversed(events) if isinstance(event, Progress)), None),
        kept=tuple(event for event in judged if event.kept),
        refused=tuple(event for event in judged if not event.kept),
        notes=tuple(event for event in events if isinstance(event, Problem)),
        end=events[-1] if done else None,
        preview=shown.read_bytes() if previewed else b"",
        thumbs=_thumbs(refused) if done and refused.exists() else None,
        pictures=_first(folder / "set") if done and isinstance(events[-1], Finished) else None,
    )


def counted(judged: Sequence[Judged]) -> dict[str, int]:
    """How many were refused for each reason, the most frequent first."""
    return dict(collections.Counter(event.reason for event in judged).most_common())


def _first(folder: pathlib.Path) -> np.ndarray:
    return np.asarray(ImageSet.open(folder).images[:FIRST])


def _thumbs(file: pathlib.Path) -> np.ndarray:
    sheet = open_pixels(file, 3)
    return ungrid(sheet, THUMB, (sheet.shape[0] // THUMB) * THUMB_COLUMNS)
