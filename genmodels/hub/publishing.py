"""Publishing: what a person chose, the card as it would be sent, and exactly which files would leave this machine."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import io
import json
import os
import pathlib
import re
import stat
import zipfile
from collections.abc import Generator

import numpy as np
import pydantic

from .. import card
from ..checkpoint import PUBLIC, Checkpoint
from ..data.imageset import ImageSet
from ..events import Event, Problem, Trouble
from ..files import write_whole
from ..images import png
from . import page
from .client import NAME
from .origin import Origin
from .upload import waited

CONFIG, ONNX, PICTURES = "config.json", "model.onnx", "pictures.zip"
GENERATED, PUBLISHED = "generated.md", "published.md"  # private: the last card as we wrote it, and as it went out
ONNX_MADE = "onnx.made"  # private: that model.onnx was made here, of these weights
REPO = re.compile(rf"(?:{NAME})?/?{NAME}", re.ASCII)
SAMPLED = 300  # pictures that are packed to learn how large all of them will be
MOST_LETTERS = {"message": 200, "consent": 500, "licence": 40}
LONG_AGO = (1980, 1, 1, 0, 0, 0)  # of every file in the ZIP: the same pictures are the same bytes


class Publishing(pydantic.BaseModel):
    """What a person chose to publish, and how. Raises Trouble for what cannot be."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    repo: str  # "user/name"; "name" or "/name" is one's own
    private: bool | None = True  # None: a new page is private, an existing one stays as it is
    licence: str = ""  # the Hub's word; "" as it was, or that of the pictures
    message: str = ""  # what is new, in a line
    consent: str = ""  # who agreed that their pictures are learned from, in a line
    card: str = ""  # the whole card as somebody edited it; "" as we write it
    pictures: pathlib.Path | None = None  # the folder of the set that it learned from, only where it shall go along

    @pydantic.model_validator(mode="after")
    def _checked(self) -> Publishing:
        if not REPO.fullmatch(self.repo) or ".." in self.repo or "--" in self.repo:
            raise Trouble("A name on the Hub has letters, digits, dots, - and _, for example digits-gan.")
        for field, most in MOST_LETTERS.items():
            object.__setattr__(self, field, " ".join(getattr(self, field).split())[:most])
        if self.licence and not card.HUB_WORD.fullmatch(self.licence):
            raise Trouble(
                "The Hub knows no licence {licence}. There are: {names}.",
                licence=self.licence,
                names=", ".join(card.OFFERED),
            )
        if len(self.card) > page.LARGEST:
            raise Trouble("The card is longer than the Hub takes.")
        page.values(page.split(self.card)[0])
        return self


@dataclasses.dataclass(frozen=True)
class Outgoing:
    """A file that would be uploaded. One that is `made` first is at most or about so large."""

    name: str
    bytes: int
    made: bool = False


def outgoing(folder: pathlib.Path, publishing: Publishing, text: str = "") -> tuple[Outgoing, ...]:
    """What would leave this machine, by name and size; nothing is sent or written. Raises Trouble.

    `text` is the card, where the caller has drafted it already.
    """
    Checkpoint.open(folder)
    found = []
    for name in PUBLIC:
        if name == card.CARD:
            found.append(Outgoing(name, len((text or draft(folder, publishing)).encode())))
        elif ordinary(folder / name):
            size = len(_read(folder, name)) if name == CONFIG else (folder / name).stat().st_size
            found.append(Outgoing(name, size))
        elif name == ONNX:
            found.append(Outgoing(name, (folder / "model.safetensors").stat().st_size, made=True))
    if publishing.pictures:
        found.append(Outgoing(PICTURES, _weight(publishing.pictures), made=True))
    return tuple(found)


def ordinary(file: pathlib.Path) -> bool:
    """Whether it is a file of the folder itself: no link to anything else."""
    try:
        return stat.S_ISREG(file.lstat().st_mode)
    except OSError:
        return False


def with_onnx(folder: pathlib.Path) -> Generator[Event, None, bool]:
    """Make model.onnx unless it was made here of these weights; returns whether there is one, and says why not.

    One that came with a model from elsewhere could draw anything, and never goes out in somebody's name.
    """
    from ..export import export

    found = Checkpoint.open(folder)
    if ordinary(folder / ONNX) and told(folder / ONNX_MADE) == _onnx_of(folder, found.identity):
        return True
    try:
        yield from waited(lambda: export(folder), local=True)
    except Trouble as trouble:
        facts = {"name": found.name, "reason": str(trouble)}
        yield Problem(name="onnx", template="{name} goes without its ONNX file: {reason}", facts=facts)
        return False
    write_whole(folder / ONNX_MADE, _onnx_of(folder, found.identity))
    return True


def _onnx_of(folder: pathlib.Path, identity: str) -> str:
    """What is noted of a model.onnx: a hash of it, and of the weights that it was made of."""
    return f"{hashlib.sha256((folder / ONNX).read_bytes()).hexdigest()} {identity}\n"


def gathered(folder: pathlib.Path, publishing: Publishing, onnx: bool) -> dict[str, bytes]:
    """The content of all that will leave but the card, as it is at this moment; links are not followed."""
    found = {}
    for name in PUBLIC:
        if name != card.CARD and (onnx or name != ONNX) and ordinary(folder / name):
            found[name] = _read(folder, name)
    if publishing.pictures:
        found[PICTURES] = packed(_set(publishing.pictures))
    return found


def _read(folder: pathlib.Path, name: str) -> bytes:
    """The content of a file as it goes out: of a data set that is private, config.json does not say the name."""
    with open(os.open(folder / name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
        content = file.read()
    told_of = Checkpoint.open(folder).trained.get("dataset")
    if name != CONFIG or not isinstance(told_of, dict) or not told_of.get("private"):
        return content
    config = json.loads(content)
    config["trained"] |= {"dataset": {}, "origin": ""}
    return (json.dumps(config, ensure_ascii=False, indent=1) + "\n").encode()


def generated(
    folder: pathlib.Path, publishing: Publishing, licence: str = "", consent: str = "", onnx: bool = True
) -> str:
    """The card as we write it; `licence` and `consent` hold where the person said nothing this time."""
    name = publishing.repo.strip("/")
    return card.card(
        *card.known(folder),
        repo=name if "/" in name else f"your-name/{name}",
        licence=publishing.licence or licence,
        consent=publishing.consent or consent,
        pictures=publishing.pictures is not None,
        onnx=onnx,
    )


def draft(folder: pathlib.Path, publishing: Publishing) -> str:
    """The card as it would be sent, with what was written into it before as far as this machine knows."""
    if publishing.card:
        return publishing.card
    origin = Origin.of(folder)
    again = origin is not None and origin.repo == publishing.repo
    base, before = (told(folder / GENERATED), told(folder / PUBLISHED)) if again else ("", "")
    return page.merge(base, before, generated(folder, publishing, *page.chosen(before)))


def told(file: pathlib.Path) -> str:
    """The text of a private note; "" where there is none."""
    try:
        return file.read_text(encoding="utf-8") if ordinary(file) else ""
    except (OSError, UnicodeDecodeError):
        return ""


def packed(pictures: ImageSet, rows: np.ndarray | None = None) -> bytes:
    """Pictures to learn from as a ZIP of PNGs, those of a kind in a folder; the same set gives the same bytes."""
    learned = np.flatnonzero(~pictures.held_out) if rows is None else rows
    folders = [""] if pictures.labels is None else _folders(pictures.classes)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for row in learned:
            place = folders[0 if pictures.labels is None else int(pictures.labels[row])]
            archive.writestr(zipfile.ZipInfo(f"{place}{row:06}.png", LONG_AGO), png(pictures.images[row]))
    return buffer.getvalue()


def _folders(classes: tuple[str, ...]) -> list[str]:
    """A folder for each kind, by its name as far as that can be the name of a folder anywhere."""
    names: list[str] = []
    for number, name in enumerate(classes):
        plain = re.sub(r'[\\/:*?"<>|]|[^\S ]', "-", "".join(c for c in name if c.isprintable())).strip(" .")[:80]
        names.append(plain if plain and plain not in names else f"{plain or 'kind'}-{number}")
    return [f"{name}/" for name in names]


def _set(folder: pathlib.Path) -> ImageSet:
    try:
        return ImageSet.open(folder)
    except (OSError, ValueError, KeyError) as error:
        raise Trouble("The pictures that it learned from are not here any more, so they cannot go along.") from error


def _weight(folder: pathlib.Path) -> int:
    """About how many bytes the ZIP of a set will have."""
    try:
        return _weighed(folder, (folder / "images.npy").stat().st_mtime_ns)
    except OSError as error:
        raise Trouble("The pictures that it learned from are not here any more, so they cannot go along.") from error


@functools.lru_cache(maxsize=8)
def _weighed(folder: pathlib.Path, changed: int) -> int:
    pictures = _set(folder)
    rows = np.flatnonzero(~pictures.held_out)
    few = rows[:: max(1, len(rows) // SAMPLED)]
    return round(len(packed(pictures, few)) * len(rows) / max(1, len(few)))
