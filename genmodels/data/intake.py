"""Files, ZIPs and folders -> ImageSet, with a reason for every picture refused; here or in a child process."""

from __future__ import annotations

import collections
import dataclasses
import functools
import json
import pathlib
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Literal

import filelock
import numpy as np
import pydantic
from PIL import Image

from .. import files, images
from ..device import be_nice, spawn
from ..events import Event, Failed, Finished, Preview, Progress, Trouble, parse
from ..settings import Settings, explain, setting
from .imageset import Source
from .selection import Selection
from .sources import Found, find

MEMORY = 900_000_000  # bytes of its own that the child may hold, where the platform has such a limit
REASONS = {  # why files are refused, counted: the reason of a Judged -> words; Finished has the numbers in its facts
    "duplicate": "{n} copies",
    "near": "{n} near copies",
    "small": "{n} too small",
    "blank": "{n} of one colour",
    "empty": "{n} empty",
    "truncated": "{n} cut off",
    "unreadable": "{n} unreadable",
    "huge": "{n} too large",
    "locked": "{n} behind a password",
    "nested": "{n} ZIPs inside of ZIPs",
    "bomb": "{n} that unpack without end",
    "unsafe": "{n} with unsafe names",
    "decided": "{n} that you left out",
}
STARTING = 30.0  # seconds that a child may need until it holds the lock


class Intake(Settings):
    """How pictures are made equal before a model sees them."""

    size: Literal["auto", "28", "32", "64"] = setting(
        "auto",
        "Picture size",
        "Pixels a side. By itself: as large as most of the pictures are. Larger ones take longer to learn.",
        names={"auto": "by itself", "28": "28 pixels", "32": "32 pixels", "64": "64 pixels"},
        expert=False,
    )
    fit: Literal["smart", "crop", "fit"] = setting(
        "smart",
        "Make it square",
        "Where a picture is not square: keep the part with most to see, keep the middle, or keep all of it with bars.",
        names={"smart": "the part with most to see", "crop": "the middle", "fit": "all of it, with bars"},
        expert=False,
    )
    colour: Literal["auto", "grey", "colour"] = setting(
        "auto",
        "Colours",
        "By itself: grey where the pictures are grey. A model of grey pictures learns faster.",
        names={"auto": "by itself", "grey": "grey", "colour": "in colour"},
    )
    background: Literal["white", "grey", "black"] = setting(
        "white",
        "Background",
        "What lies behind transparent pictures and in the bars beside pictures that are not square.",
        names={"white": "white", "grey": "grey", "black": "black"},
    )
    labels: Literal["auto", "on", "off"] = setting(
        "auto",
        "Kinds from folders",
        "Whether the folder that a picture lies in says what it is, so that you can ask the model for one kind. "
        "By itself: where every picture lies in one of 2 to 100 folders.",
        names={"auto": "by itself", "on": "always", "off": "never"},
    )
    near_duplicates: bool = setting(
        True, "Refuse near copies", "The same picture at another size, quality or brightness counts as a copy."
    )


def take(
    sources: Sequence[pathlib.Path],
    intake: Intake,
    into: pathlib.Path,
    *,
    name: str = "",
    decisions: dict[str, bool] | None = None,
    source: Source | None = None,
) -> Iterator[Event]:
    """Look at every file and write the set's folder at once when all are judged; the files themselves stay untouched.

    Yields Progress, a Judged for each file, Previews of what is kept, and Finished or Failed at the end. A Judged
    that refuses has facts `thumb` (its place in refused.webp) and `can_keep`. `decisions` says of a name what a
    person decided: True keeps it where that is possible, False leaves it out. Nothing is written outside `into`,
    but for a `.part` beside it that becomes `into` by a rename.
    """
    yield Progress(fraction=0.0)
    found = find([pathlib.Path(each) for each in sources])
    yield from Selection(found, intake, into, name, decisions or {}, source or Source()).events()


def from_arrays(
    pictures: Sequence[np.ndarray | Image.Image],
    labels: Sequence[str] | None,
    intake: Intake,
    into: pathlib.Path,
    *,
    name: str = "",
    decisions: dict[str, bool] | None = None,
) -> Iterator[Event]:
    """The same for pictures in memory (drawing pad, webcam): uint8 [h, w, c] or PIL, called 1, 2, 3 and so on."""

    def encoded(picture: np.ndarray | Image.Image) -> bytes:
        pixels = np.asarray(picture)
        return images.png(pixels[..., None] if pixels.ndim == 2 else pixels)

    reads = [functools.partial(encoded, picture) for picture in pictures]
    folders = labels if labels is not None else [""] * len(reads)
    found = [Found(str(n), folder, read) for n, (folder, read) in enumerate(zip(folders, reads, strict=True), start=1)]
    yield from Selection(found, intake, into, name, decisions or {}).events()


def start(
    folder: pathlib.Path,
    sources: Sequence[pathlib.Path],
    intake: Intake,
    *,
    name: str = "",
    decisions: dict[str, bool] | None = None,
    source: Source | None = None,
) -> None:
    """Look at the pictures in a niced child with a memory limit; the set will be `folder`/set. Then `read`."""
    if alive(folder):
        raise Trouble("The pictures are still being looked at. Wait, or stop that first.")
    folder.mkdir(parents=True, exist_ok=True)
    for file in ("events.jsonl", "stop"):
        (folder / file).unlink(missing_ok=True)
    paths = [str(pathlib.Path(each).resolve()) for each in sources]
    order = {"sources": paths, "intake": intake.model_dump(), "name": name, "decisions": decisions or {}}
    order["source"] = dataclasses.asdict(source or Source())
    files.write_json(folder / "order.json", order)
    spawn("genmodels.data.intake", folder, log="intake.log", OMP_NUM_THREADS="1")


def stop(folder: pathlib.Path) -> None:
    """Ask the child to stop; it leaves no half set."""
    (folder / "stop").touch()


def alive(folder: pathlib.Path) -> bool:
    """Whether a child holds the folder's lock."""
    if not (folder / "intake.lock").exists():
        return False
    try:
        with filelock.FileLock(folder / "intake.lock", timeout=0):
            return False
    except filelock.Timeout:
        return True


def read(folder: pathlib.Path, offset: int = 0) -> tuple[list[Event], int]:
    """The events after a byte offset, and the offset to go on from. The last is always Finished or Failed.

    A child that died without a word (out of memory, a crash in a decoder, kill) is told as Failed.
    """
    at_work = alive(folder) or _starting(folder)  # asked first: what is written after it is read next time
    data = b""
    if (folder / "events.jsonl").exists():
        with (folder / "events.jsonl").open("rb") as file:
            file.seek(offset)
            data = file.read()
    whole = data[: data.rfind(b"\n") + 1]
    events = [event for event in map(parse, whole.splitlines()) if event is not None]
    if not at_work and not _ended(folder):
        log = folder / "intake.log"
        details = log.read_text(encoding="utf-8", errors="replace")[-4000:] if log.exists() else ""
        template = "Looking at the pictures was cut short. Nothing was changed; start it again."
        events.append(Failed(template=template, details=details))
    return events, offset + len(whole)


def _ended(folder: pathlib.Path) -> bool:
    """Whether the last event written is one that ends the work."""
    try:
        with (folder / "events.jsonl").open("rb") as file:
            last = collections.deque(file, maxlen=1)
    except FileNotFoundError:
        return False
    return bool(last) and isinstance(parse(last[0]), (Finished, Failed))


def _starting(folder: pathlib.Path) -> bool:
    """Whether a child was just launched and has not had the time to take the lock."""
    try:
        age = time.time() - (folder / "order.json").stat().st_mtime
    except FileNotFoundError:
        return False
    return age < STARTING and not (folder / "events.jsonl").exists()


def work(folder: pathlib.Path) -> None:
    """Carry out `folder`/order.json: what the child does. Writes events.jsonl, preview.webp and set/ there, no more."""
    with filelock.FileLock(folder / "intake.lock", timeout=10), (folder / "events.jsonl").open("wb", 0) as file:
        for event in _ordered(folder):
            if isinstance(event, Preview):
                sheet = images.webp(images.grid(event.pixels, event.columns))
                files.write_whole(folder / "preview.webp", sheet, durable=False)
                event = event.model_copy(update={"file": "preview.webp"})
            file.write(event.line().encode() + b"\n")


def _ordered(folder: pathlib.Path) -> Iterator[Event]:
    """The events of an order; what a person can act on is the last of them."""
    try:
        order = json.loads((folder / "order.json").read_text(encoding="utf-8"))
        told = {"name": order["name"], "decisions": order["decisions"], "source": Source(**order.get("source", {}))}
        sources = [pathlib.Path(each) for each in order["sources"]]
        taking = take(sources, Intake(**order["intake"]), folder / "set", **told)
        for event in taking:
            yield event
            if (folder / "stop").exists() and not isinstance(event, (Finished, Failed)):
                taking.close()
                yield Failed(template="You stopped it. The set is as it was before.")
                return
    except pydantic.ValidationError as error:
        template, facts = explain(error, Intake)
        yield Failed(template=template, facts=facts)
    except Trouble as error:
        yield Failed(template=error.template, facts=error.facts)


def _yield_to_others() -> None:
    """Lowest share of the processor that is polite, and a limit on memory, where the platform has them."""
    be_nice()
    try:
        import resource
    except ImportError:
        return
    limit = getattr(resource, "RLIMIT_DATA", None)
    if limit is not None and sys.platform == "linux":
        resource.setrlimit(limit, (MEMORY, MEMORY))


if __name__ == "__main__":
    _yield_to_others()
    work(pathlib.Path(sys.argv[1]))
