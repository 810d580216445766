"""Looking: files made equal with a model's pictures, and ranked; a sentence for each that cannot be read."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import time
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .. import files
from ..checkpoint import Checkpoint
from ..data.decode import decode
from ..data.intake import MEMORY
from ..data.sources import Found as File
from ..data.sources import Refused, find, let_go
from ..device import limited
from ..events import Event, Judged, Problem, Progress, Trouble
from ..images import PictureFormat, square, to_images
from ..runs.order import pictures_of

if TYPE_CHECKING:
    from ..oddity import Oddity

MOST = 1_000  # pictures in one go
READING = 0.3  # share of the time that the files take


@dataclasses.dataclass(frozen=True)
class Found:
    """Pictures and what is odd about them, in the order in which they were given."""

    names: list[str]
    kinds: list[str]
    pixels: np.ndarray  # uint8 [n, h, w, c]
    oddity: Oddity
    rebuilds: bool  # whether the model has an encoder


def looked_at(model: pathlib.Path, address: str, sources: Sequence[pathlib.Path]) -> Generator[Event, None, Found]:
    """Look at files, folders and ZIPs with the model in a folder, beside a set (a starter's name, or a folder).

    Yields Judged for each that is refused, Progress, and Finished at the end. Raises Trouble where nothing is left.
    """
    checkpoint, reference = Checkpoint.open(model), pictures_of({"set": address})
    files_found = find(list(sources))
    if len(files_found) > MOST:
        yield Problem(template="Only the first {most} pictures were looked at.", facts={"most": MOST}, name="many")
    names, kinds, pixels = yield from _read(files_found[:MOST], checkpoint.picture)
    if not names:
        raise Trouble("None of these files is a picture that can be read.")
    from ..oddity import scoring

    loaded = checkpoint.load()
    looking = scoring(loaded, to_images(pixels), None, reference)
    while True:
        try:
            event = next(looking)
        except StopIteration as done:
            return Found(names, kinds, pixels, done.value, loaded.can_encode)
        if isinstance(event, Progress):
            event = event.model_copy(update={"fraction": READING + (1 - READING) * event.fraction})
        yield event


def _read(found: list[File], picture: PictureFormat) -> Generator[Event, None, tuple[list[str], list[str], np.ndarray]]:
    """Every file as the model sees it: names, kinds and uint8 [n, h, w, c]."""
    names, folders, rows, start = [], [], [], time.monotonic()
    with limited(MEMORY):
        for number, item in enumerate(found, start=1):
            try:
                decoded = square(decode(item.read(), item.name).picture, picture.size, "smart")
                decoded = decoded.convert("L" if picture.channels == 1 else "RGB")
                rows.append(np.asarray(decoded).reshape(picture.size, picture.size, picture.channels))
                names.append(item.name)
                folders.append(item.folder)
            except Refused as error:
                told = {"template": error.template, "facts": error.facts, "reason": error.reason}
                yield Judged(name=item.name, kept=False, **told)
            spent = time.monotonic() - start
            yield Progress(fraction=READING * number / len(found), seconds=spent, images=number)
        let_go()
    return names, kinds_of(names, folders), np.stack(rows) if rows else np.zeros((0,), np.uint8)


def kinds_of(names: Sequence[str], folders: Sequence[str]) -> list[str]:
    """What may be of one kind: what lies in one folder, else what has a name that begins with the same letters."""
    if len(set(folders)) > 1:
        return [folder or "other" for folder in folders]
    stems = (pathlib.PurePosixPath(name).stem for name in names)
    return [(re.match(r"[^\W\d_]+", stem) or [""])[0].casefold() for stem in stems]


def written(folder: pathlib.Path, found: Found) -> None:
    """Put a ranking into a folder: arrays and found.json, which is the last."""
    oddity = found.oddity
    arrays = {"pixels": found.pixels, "answers": oddity.answers, "heat": oddity.heat.astype(np.float16)}
    for name, array in {**arrays, "scores": oddity.scores, "beyond": oddity.beyond}.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    facts = {"names": found.names, "kinds": found.kinds, "rebuilds": found.rebuilds}
    facts |= {"ordinary": oddity.ordinary, "seen": oddity.seen}
    files.write_whole(folder / "found.json", json.dumps(facts, ensure_ascii=False))
