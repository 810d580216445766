"""Sets: the pictures a visitor can learn from: those that ship, and their own as intake took them in."""

from __future__ import annotations

import base64
import dataclasses
import json
import pathlib
import re
import secrets
import shutil
from collections.abc import Sequence
from typing import Any

import numpy as np

from .data import cleaning, intake, starters
from .data.cleaning import Cleaning
from .data.imageset import ImageSet, Source
from .data.selection import LEAST
from .events import Failed, Trouble
from .images import grid, webp
from .library import OWNER, clean_name, slug

KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,80}")
MOST_BYTES = 1 << 30  # of all uploads of one owner
URI = re.compile(r"data:image/(png|jpeg);base64,([A-Za-z0-9+/=]+)")
MOST_URI, MOST_PILED = 1 << 20, 2000
SOURCE = "source.json"  # beside the pictures: where they come from, if it is not the person themselves
SHEET = (8, 4)  # columns and rows of the sheet on a set's card


@dataclasses.dataclass(frozen=True)
class PictureSet:
    """What a screen needs to know of a set."""

    key: str
    title: str
    count: int
    size: int
    channels: int
    classes: tuple[str, ...]
    licence: str
    origin: str
    sheet: bytes  # WebP, 8 columns
    ours: bool  # ships with the studio


class Sets:
    """Folders of uploaded sets, each with one owner, and the starters beside them."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.local = folder

    def all(self, owner: str) -> list[PictureSet]:
        """Those that ship, then the owner's, newest first."""
        mine = [self._own_card(folder) for folder in self._folders(owner)]
        return [_starter(name) for name in starters.NAMES] + [card for card in mine if card]

    def find(self, owner: str, key: str) -> PictureSet:
        """The card of one set."""
        if key in starters.NAMES:
            return _starter(key)
        card = self._own_card(self.folder(owner, key))
        if card is None:
            raise Trouble("These pictures are not ready to learn from yet.")
        return card

    def folder(self, owner: str, key: str) -> pathlib.Path:
        """Where an uploaded set of this owner lies."""
        folder = self.local / str(key)
        if not KEY.fullmatch(str(key)) or not folder.is_dir() or _owner(folder) != owner:
            raise Trouble("These pictures are not here any more. Choose others.")
        return folder

    def address(self, owner: str, key: str) -> str:
        """How a run's order names the set: a starter's name, or the full path of the set's folder."""
        return key if key in starters.NAMES else str((self.folder(owner, key) / "set").resolve())

    def open(self, owner: str, key: str) -> ImageSet:
        """The pictures themselves."""
        return starters.opened(self.address(owner, key))

    def seen(self, owner: str, key: str, count: int, augmentation: dict[str, Any]) -> np.ndarray:
        """What a model will see of it, through the code that feeds it: uint8 [count, h, w, c] (imports torch)."""
        from .data.augment import Augmentation, seen

        return seen(self.open(owner, key), Augmentation(**augmentation), count)

    # ---- taking in

    def take(self, owner: str, files: Sequence[str], name: str, settings: dict[str, Any]) -> str:
        """Have uploaded files looked through, with those that were too few just before; returns the key at once."""
        sources = [pathlib.Path(file) for file in files]
        if not sources:
            raise Trouble("Choose some pictures or a ZIP first.")
        self._check_room(owner, sum(source.stat().st_size for source in sources))
        folder = self._unfinished(owner, "uploaded")
        if folder and not name:
            name = json.loads((folder / "order.json").read_text(encoding="utf-8"))["name"]
        alone = len(sources) == 1 and sources[0].suffix.lower() == ".zip"
        name = name or (sources[0].stem if alone else "My pictures")
        folder = folder or self._new(owner, name)
        for number, source in enumerate(sources, sum(1 for _ in folder.glob("uploaded/*"))):
            place = folder / "uploaded" / f"{number:05}"
            place.mkdir(parents=True)
            shutil.copyfile(source, place / source.name)
        self._start(folder, name, settings, {})
        return folder.name

    def take_hub(self, owner: str, given: pathlib.Path, name: str, settings: dict[str, Any]) -> str:
        """The same for pictures of the Hub: the folder that `hub.datasets.fetch` made is moved here."""
        told = json.loads((given / SOURCE).read_text(encoding="utf-8"))
        self._check_room(owner, sum(file.stat().st_size for file in given.iterdir()))
        name = clean_name(name or told["name"])
        folder = self._new(owner, name)
        (folder / "uploaded").mkdir()
        shutil.move(given, folder / "uploaded" / "00000")
        (folder / "uploaded" / "00000" / SOURCE).rename(folder / SOURCE)
        self._start(folder, name, settings, {})
        return folder.name

    def decide(self, owner: str, key: str, names: dict[str, bool]) -> None:
        """Keep or leave out pictures against what cleaning said; the set is made again."""
        folder = self.folder(owner, key)
        order = json.loads((folder / "order.json").read_text(encoding="utf-8"))
        self._start(folder, order["name"], order["intake"], {**order["decisions"], **names})

    def cleaning(self, owner: str, key: str) -> Cleaning:
        """Where looking through a set stands."""
        return cleaning.stands(self.folder(owner, key))

    def delete(self, owner: str, key: str) -> None:
        """Remove an uploaded set and its copies for good; runs that learn from it must be over."""
        folder = self.folder(owner, key)
        intake.stop(folder)
        gone = folder.with_name(f".gone-{secrets.token_hex(4)}")
        folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    # ---- drawn or photographed, one by one

    def add(self, owner: str, picture: str, label: str) -> int:
        """Put a drawing or photograph (a PNG or JPEG data-URI) on the pile, under a label or none; returns how many."""
        found = URI.fullmatch(picture) if isinstance(picture, str) and len(picture) < MOST_URI else None
        if found is None:
            raise Trouble("This picture cannot be read.")
        if self.piled(owner) >= MOST_PILED:
            raise Trouble("That is enough: {most} pictures. Make a set of them.", most=MOST_PILED)
        folder = slug(label, 60) if label.strip().isascii() else clean_name(label).replace("/", " ").lstrip(".")
        pile = self._pile(owner) / (folder if label.strip() else "")
        pile.mkdir(parents=True, exist_ok=True)
        self._recover(owner)
        (pile / f"{secrets.token_hex(6)}.{found[1]}").write_bytes(base64.b64decode(found[2]))
        return self.piled(owner)

    def piled(self, owner: str) -> int:
        """How many drawings and photographs lie on the pile."""
        pile = self._pile(owner)
        return sum(1 for file in pile.rglob("*.*")) if pile.is_dir() else 0

    def take_pile(self, owner: str, name: str, settings: dict[str, Any]) -> str:
        """Make a set of the pile, which is empty afterwards; returns its key."""
        piled = self.piled(owner)
        if not piled:
            raise Trouble("Draw or photograph something first.")
        if piled < LEAST:
            raise Trouble("{n} so far; it takes at least {least}.", n=piled, least=LEAST)
        name = name.strip() or "My pictures"
        folder = self._new(owner, name)
        self._pile(owner).rename(folder / "drawn")
        self._start(folder, name, {**settings, "near_duplicates": False}, {})  # frames of a camera are alike
        return folder.name

    # ---- inside

    def _pile(self, owner: str) -> pathlib.Path:
        return self.local / f".pile-{owner}"

    def _unfinished(self, owner: str, part: str) -> pathlib.Path | None:
        """The newest folder of which no set came because its pictures were too few: more can join them."""
        for folder in self._folders(owner):
            others = (folder / SOURCE, folder / "set" / "set.json")  # of the Hub, or made already
            if (folder / part).is_dir() and not any(each.exists() for each in others):
                events, _ = intake.read(folder)
                if events and isinstance(events[-1], Failed) and "least" in events[-1].facts:
                    return folder
        return None

    def _recover(self, owner: str) -> None:
        """What was drawn for a set that then was refused lies on the pile again."""
        while folder := self._unfinished(owner, "drawn"):
            shutil.copytree(folder / "drawn", self._pile(owner), dirs_exist_ok=True)
            self.delete(owner, folder.name)

    def _folders(self, owner: str) -> list[pathlib.Path]:
        if not self.local.is_dir():
            return []
        mine = [f for f in self.local.iterdir() if not f.name.startswith(".") and f.is_dir() and _owner(f) == owner]
        return sorted(mine, key=lambda folder: -(folder / OWNER).stat().st_mtime)

    def _new(self, owner: str, name: str) -> pathlib.Path:
        folder = self.local / f"{slug(clean_name(name), 40)}-{secrets.token_hex(3)}"
        folder.mkdir(parents=True)
        (folder / OWNER).write_text(owner, encoding="utf-8")
        return folder

    def _start(self, folder: pathlib.Path, name: str, settings: dict[str, Any], decisions: dict[str, bool]) -> None:
        drawn, uploaded = folder / "drawn", folder / "uploaded"
        sources = (
            [drawn] if drawn.is_dir() else sorted(file for place in uploaded.iterdir() for file in place.iterdir())
        )
        chosen = intake.Intake(**settings)
        source = Source.of(folder / SOURCE)
        intake.start(folder, sources, chosen, name=clean_name(name), decisions=decisions, source=source)

    def _check_room(self, owner: str, more: int) -> None:
        taken = sum(f.stat().st_size for folder in self._folders(owner) for f in folder.rglob("*") if f.is_file())
        if taken + more > MOST_BYTES:
            raise Trouble(
                "There is room for {n} MB of pictures. Delete a set that you need no more.", n=MOST_BYTES >> 20
            )

    def _own_card(self, folder: pathlib.Path) -> PictureSet | None:
        if not (folder / "set" / "set.json").exists():
            return None
        pictures = ImageSet.open(folder / "set")
        sheet, fresh = folder / "sheet.webp", (folder / "set" / "images.npy").stat().st_mtime
        if not sheet.exists() or sheet.stat().st_mtime < fresh:
            first = pictures.images[:: max(1, len(pictures) // (SHEET[0] * SHEET[1]))][: SHEET[0] * SHEET[1]]
            sheet.write_bytes(webp(grid(np.asarray(first), SHEET[0])))
        picture = pictures.format
        return PictureSet(
            key=folder.name,
            title=pictures.name,
            count=len(pictures),
            size=picture.size,
            channels=picture.channels,
            classes=picture.classes,
            licence=pictures.licence,
            origin=pictures.origin,
            sheet=_bytes(sheet),
            ours=False,
        )


def _starter(name: str) -> PictureSet:
    facts = starters.about(name)
    told = {key: facts[key] for key in ("title", "count", "size", "channels", "licence", "origin")}
    return PictureSet(key=name, classes=tuple(facts["classes"]), sheet=_bytes(starters.sheet(name)), ours=True, **told)


def _owner(folder: pathlib.Path) -> str | None:
    file = folder / OWNER
    return file.read_text(encoding="utf-8").strip() if file.exists() else None


def _bytes(file: pathlib.Path) -> bytes:
    return file.read_bytes() if file.exists() else b""
