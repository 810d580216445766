"""Segments: the stretches of a run. A repair or a way back begins a new one, and what came before stays."""

from __future__ import annotations

import pathlib
import secrets
from typing import Any

from .. import files
from .points import Point

Segment = dict[str, Any]  # number, point, options, share, offset, events, template, facts
FIRST: Segment = {"number": 0, "point": "", "options": {}, "share": 1.0, "offset": 0, "events": 0}


def every(run: pathlib.Path) -> list[Segment]:
    """All segments of a run, oldest first; a new run is in its first."""
    return files.read_json(run / "segments.json") or [FIRST]


def ask(run: pathlib.Path, point: str, options: dict[str, Any], template: str, **facts: Any) -> None:
    """Ask for a new segment: the worker begins it as soon as it sees this file. `point` "" means the newest."""
    wish = {"id": secrets.token_hex(8), "point": point, "options": options, "template": template, "facts": facts}
    files.write_json(run / "next.json", wish)


def asked(run: pathlib.Path) -> bool:
    """Whether a new segment is wanted."""
    return (run / "next.json").exists()


def begin(run: pathlib.Path, point: Point | None, images: int, length: int) -> Segment:
    """Write the wish down as the newest segment. `images`: seen by the run; `length`: of its event file [bytes]."""
    wish, known = files.read_json(run / "next.json"), every(run)
    if wish.get("id") != known[-1].get("id"):  # else it was written down before the process was killed
        counted = _counted(point)
        share = 1.0 if point is None or counted is not None else max(0.05, 1.0 - point.fraction)
        fresh = {"number": len(known), "share": share, "offset": images - (counted or 0), "events": length}
        known.append({**wish, **fresh, "point": point.name if point else ""})
        files.write_json(run / "segments.json", known)
    (run / "next.json").unlink()
    return known[-1]


def wished_point(run: pathlib.Path) -> str:
    """The point that the wanted segment starts from; "" for the newest."""
    return files.read_json(run / "next.json", {}).get("point", "")


def _counted(point: Point | None) -> int | None:
    """How many pictures the trainer had counted at a point that it can go on from exactly."""
    if point is None or not point.exact:
        return None
    return files.read_json(point.folder / "state.json")["training"]["images"]
