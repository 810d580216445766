"""Shelf: the guests on the disk, each with what people need to know of it; whoever pulled one owns it."""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import secrets

import numpy as np

from .. import files, home
from ..events import Trouble
from ..hub.guest import ABOUT
from ..hub.origin import Origin
from ..images import open_pixels, ungrid
from ..models.guest_config import opened
from ..runs.result import slug

OWNER, STRIP = "owner", "strip.webp"  # private files beside the model's own
SENTENCES = {"gone": "This guest is not here any more. Pull it again, or choose another one."}
SUGGESTED = {"DDIM": 50, "DDPM": 1000}  # steps
SHEET = 512  # pixels a side, at most, of all pictures drawn at a time
IN_STRIP = 8


@dataclasses.dataclass(frozen=True)
class GuestCard:
    """What a screen needs to know of a guest."""

    key: str
    name: str
    repo: str  # on the Hub, "" where it came from elsewhere
    commit: str
    kind: str  # "pipeline" or "autoencoder"
    cls: str  # its class in diffusers
    size: int  # pixels a side
    channels: int
    licence: str  # "" where nobody said
    bytes: int
    strip: np.ndarray | None  # uint8 [n, h, w, c], once it has drawn something
    samplers: tuple[str, ...]  # the ways it can be sampled, the suggested one first; () for an autoencoder
    steps: int  # suggested
    most_steps: int
    most: int  # pictures at a time


def folder_of(given: pathlib.Path) -> pathlib.Path | None:
    """The folder of the guest that somebody names: a folder, or a name on the shelf; None for anything else."""
    for folder in (given, home() / "guests" / "shelf" / given):
        said = files.read_json(folder / "model_index.json") or files.read_json(folder / "config.json")
        if isinstance(said, dict) and "_class_name" in said:
            return folder
    return None


def shelve(root: pathlib.Path, folder: pathlib.Path, owner: str) -> str:
    """Put a guest that was pulled and checked onto the shelf of its owner; returns its key."""
    origin = Origin.of(folder)
    key = f"{slug(origin.repo.split('/')[-1] if origin else folder.name)}-{secrets.token_hex(3)}"
    files.write_whole(folder / OWNER, owner)
    folder.chmod(0o755)
    (root / "shelf").mkdir(parents=True, exist_ok=True)
    folder.rename(root / "shelf" / key)
    return key


class Shelf:
    """Folders of guests in `root`/shelf."""

    def __init__(self, root: pathlib.Path) -> None:
        self.place = root / "shelf"
        self._cards: dict[str, tuple[tuple[int, int], GuestCard]] = {}  # by key, with when its files were changed
        files.sweep(self.place)

    def all(self, owner: str) -> list[GuestCard]:
        """An owner's guests, newest first."""
        mine = [folder for folder in files.folders(self.place) if files.read_word(folder / OWNER) == owner]
        mine.sort(key=lambda folder: -(folder / OWNER).stat().st_mtime)
        return [card for card in map(self._card, mine) if card]

    def folder(self, owner: str, key: str) -> pathlib.Path:
        """Where a guest lies; Trouble for one that is another's or gone."""
        found = next((folder for folder in files.folders(self.place) if folder.name == key), None)
        if found is None or files.read_word(found / OWNER) != owner:
            raise Trouble(SENTENCES["gone"])
        return found

    def find(self, owner: str, key: str) -> GuestCard:
        """The card of one guest. Raises Trouble."""
        if card := self._card(self.folder(owner, key)):
            return card
        raise Trouble(SENTENCES["gone"])

    def delete(self, owner: str, key: str) -> None:
        """Remove a guest for good."""
        files.discard(self.folder(owner, key))
        self._cards.pop(key, None)

    def _card(self, folder: pathlib.Path) -> GuestCard | None:
        try:
            strip = (folder / STRIP).stat().st_mtime_ns if (folder / STRIP).exists() else 0
            stamp = ((folder / OWNER).stat().st_mtime_ns, strip)
            known, card = self._cards.get(folder.name, (None, None))
            if known != stamp:
                card = card_of(folder)
                self._cards[folder.name] = stamp, card
            return card
        except (OSError, ValueError, Trouble):  # a folder that is no guest is not shown
            return None


def card_of(folder: pathlib.Path) -> GuestCard:
    """The card of the guest in a folder, on the shelf or elsewhere. Raises Trouble."""
    origin, about = Origin.of(folder), files.read_json(folder / ABOUT, {})
    found = opened(folder, origin.repo.split("/")[-1] if origin else "")
    strip = None
    with contextlib.suppress(OSError, ValueError):
        sheet = open_pixels(folder / STRIP, found.channels)
        strip = ungrid(sheet, found.size, sheet.shape[1] // found.size)
    return GuestCard(
        key=folder.name,
        name=found.name,
        repo=origin.repo if origin else "",
        commit=origin.commit if origin else "",
        kind=found.kind,
        cls=found.cls,
        size=found.size,
        channels=found.channels,
        licence=str(about.get("licence", ""))[:100],
        bytes=sum((folder / file).stat().st_size for file in found.files),
        strip=strip,
        samplers=found.samplers,
        steps=min(SUGGESTED["DDIM"], found.most_steps),
        most_steps=found.most_steps,
        most=max(1, min(64, (SHEET // found.size) ** 2)),
    )
