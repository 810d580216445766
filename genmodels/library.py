"""Library: the models on the disk, those that ship and those that visitors made; in and out as ZIP."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import re
import secrets
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator

import numpy as np

from . import files
from .checkpoint import PUBLIC, Checkpoint
from .data import starters
from .events import Trouble
from .hub.origin import FILE as ORIGIN
from .hub.origin import Origin
from .hub.strict import NEEDED, check
from .images import PictureFormat
from .runs.result import slug

LARGEST = 400 << 20  # bytes of all files of an uploaded model
LEFT_SECONDS = 3_600  # so long nothing takes to come in
KEPT = ("generated.md", "published.md")  # private files that stay when another version of a model takes its place
KEY = re.compile(r"(own/)?([a-z0-9][a-z0-9-]{0,80})")
OWN = "own/"  # before the folder's name in the key of a model that somebody made here
OWNER = "owner"  # a private file beside the public ones: whose model it is


@dataclasses.dataclass(frozen=True)
class Shelved:
    """What a screen needs to know of a model."""

    key: str  # the folder's name, for addressing it; "own/" before it where it does not ship
    name: str  # what people call it
    family: str
    size: str
    picture: PictureFormat
    trained: dict
    strip: np.ndarray  # uint8 [8, h, w, c]
    bytes: int
    ours: bool  # ships with the studio: cannot be renamed or deleted
    made: float  # when, seconds since 1970
    identity: str  # a short hash of its weights
    origin: Origin | None = None  # where it came from or went to on the Hub


class Library:
    """Folders of models: `shipped` is read only; what lies in `local` belongs to the visitor who made it."""

    def __init__(self, shipped: pathlib.Path, local: pathlib.Path) -> None:
        self.shipped, self.local = shipped, local
        self._cards: dict[pathlib.Path, tuple[tuple, Shelved]] = {}  # with when its files were changed

    def models(self, owner: str) -> list[Shelved]:
        """What this owner may use: their own, newest first, then those that ship."""
        own = [self._card(folder, False) for folder in _folders(self.local) if _owner(folder) == owner]
        ours = [self._card(folder, True) for folder in _folders(self.shipped)]
        return sorted((card for card in own if card), key=lambda card: -card.made) + [card for card in ours if card]

    def folder(self, owner: str, key: str) -> pathlib.Path:
        """Where a model lies that this owner may use; Trouble for any other."""
        if known := KEY.fullmatch(str(key)):
            folder = (self.local if known[1] else self.shipped) / known[2]
            if (folder / "config.json").exists() and (not known[1] or _owner(folder) == owner):
                return folder
        raise Trouble("This model is not here any more. Choose another one.")

    def find(self, owner: str, key: str) -> Shelved:
        """The card of one model."""
        folder = self.folder(owner, key)
        card = self._card(folder, folder.parent == self.shipped)
        if card is None:
            raise Trouble("This model is not here any more. Choose another one.")
        return card

    def rename(self, owner: str, key: str, name: str) -> None:
        """Call a model something else; its folder and its recipes keep their address."""
        folder = self._own(owner, key)
        _call(folder, name)
        if (folder / "README.md").exists():
            from . import card

            with contextlib.suppress(Trouble, OSError, TypeError, ValueError):  # the name is kept all the same
                card.write(folder)

    def delete(self, owner: str, key: str) -> None:
        """Remove a model for good. It leaves the shelf in one step, then its files go."""
        folder = self._own(owner, key)
        files.discard(folder)
        self._cards.pop(folder, None)

    def pack(self, owner: str, key: str, into: pathlib.Path) -> pathlib.Path:
        """The public files of a model as one ZIP in the folder `into`."""
        folder = self.folder(owner, key)
        target = into / f"{slug(self.find(owner, key).name, 60)}.zip"
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
            for name in PUBLIC:
                if (folder / name).exists():
                    packed.write(folder / name, f"{target.stem}/{name}")
        return target

    def unpack(self, owner: str, source: pathlib.Path) -> str:
        """Take in a ZIP that `pack` wrote, here or elsewhere. Everything is checked before it is on the shelf."""
        with self._incoming() as folder:
            _extract(source, folder)
            return self._shelve(folder, owner, _call(folder, check(folder).config.name or source.stem))

    def copy(self, owner: str, key: str) -> str:
        """A model of the owner's own that is the same as another; returns its key."""
        folder = self.folder(owner, key)
        with self._incoming() as fresh:
            for name in PUBLIC:
                if (folder / name).exists():
                    shutil.copyfile(folder / name, fresh / name)
            return self._shelve(fresh, owner, self.find(owner, key).name)

    def adopt(self, owner: str, folder: pathlib.Path, name: str = "") -> str:
        """Put a checkpoint folder that was pulled, and so checked, on the shelf; it moves there. Returns its key.

        `name` is what to call it where it has no name of its own.
        """
        with self._incoming() as room:
            fresh = room / "model"
            shutil.move(folder, fresh)
            return self._shelve(fresh, owner, _call(fresh, Checkpoint.open(fresh).config.name or name))

    def replace(self, owner: str, key: str, folder: pathlib.Path) -> None:
        """Put another version, pulled and so checked, in the place of a model; it keeps its key, owner and name."""
        old = self._own(owner, key)
        name = self.find(owner, key).name
        with self._incoming() as room:
            fresh, gone = room / "model", room / "gone"
            shutil.move(folder, fresh)
            for kept in KEPT:
                if (old / kept).exists():
                    shutil.copyfile(old / kept, fresh / kept)
            (fresh / OWNER).write_text(owner, encoding="utf-8")
            _call(fresh, name)
            fresh.chmod(0o755)
            old.rename(gone)
            try:
                fresh.rename(old)
            except OSError:
                gone.rename(old)
                raise

    @contextlib.contextmanager
    def _incoming(self) -> Iterator[pathlib.Path]:
        self.local.mkdir(parents=True, exist_ok=True)
        for left in self.local.glob(".incoming-*"):  # by a process that was killed
            if left.stat().st_mtime < time.time() - LEFT_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        folder = pathlib.Path(tempfile.mkdtemp(prefix=".incoming-", dir=self.local))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _shelve(self, folder: pathlib.Path, owner: str, name: str) -> str:
        (folder / OWNER).write_text(owner, encoding="utf-8")
        folder.chmod(0o755)
        key = f"{slug(name)}-{secrets.token_hex(3)}"
        folder.rename(self.local / key)
        return OWN + key

    def _own(self, owner: str, key: str) -> pathlib.Path:
        folder = self.folder(owner, key)
        if folder.parent != self.local:
            raise Trouble("This model ships with the studio and stays as it is.")
        return folder

    def _card(self, folder: pathlib.Path, ours: bool) -> Shelved | None:
        try:
            stamp = tuple(_changed(folder / name) for name in ("config.json", "model.safetensors", ORIGIN))
            known, card = self._cards.get(folder, (None, None))
            if known != stamp:
                found = Checkpoint.open(folder)
                card = Shelved(
                    key=folder.name if ours else OWN + folder.name,
                    name=found.name,
                    family=found.family,
                    size=found.size,
                    picture=found.picture,
                    trained=_told(found.trained),
                    strip=found.wall_pixels()[:8],
                    bytes=sum((folder / name).stat().st_size for name in PUBLIC if (folder / name).exists()),
                    ours=ours,
                    made=(folder / "model.safetensors").stat().st_mtime,
                    identity=found.identity,
                    origin=Origin.of(folder),
                )
                self._cards[folder] = stamp, card
            return card
        except (OSError, ValueError, KeyError, Trouble):  # a folder that is no model is not shown
            return None


def _told(trained: dict) -> dict:
    """The facts of a training, with the title of a starter set instead of its name."""
    name = starters.learned(trained)
    return {**trained, "set": starters.about(name)["title"]} if name else trained


def clean_name(name: str) -> str:
    """What a person typed as a name: one line, no control characters, at most 60 characters."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in str(name)).split())[:60]
    if not plain:
        raise Trouble("Give it a name first.")
    return plain


def _call(folder: pathlib.Path, name: str) -> str:
    """Give a checkpoint folder a name that a screen can show; returns it."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    name = clean_name(name)
    if config.get("name") != name:
        files.write_json(folder / "config.json", config | {"name": name})
    return name


def _changed(file: pathlib.Path) -> tuple[int, int]:
    """When a file was changed, and which file it is; zeros where there is none."""
    try:
        told = file.stat()
        return told.st_mtime_ns, told.st_ino
    except OSError:
        return 0, 0


def _folders(shelf: pathlib.Path) -> list[pathlib.Path]:
    if not shelf.is_dir():
        return []
    return sorted(f for f in shelf.iterdir() if not f.name.startswith(".") and (f / "config.json").exists())


def _owner(folder: pathlib.Path) -> str:
    file = folder / OWNER
    return file.read_text(encoding="utf-8").strip() if file.exists() else ""


def _extract(source: pathlib.Path, into: pathlib.Path) -> None:
    """Only the known names, flat or in one folder, and never more bytes than allowed."""
    try:
        with zipfile.ZipFile(source) as packed:
            members = [member for member in packed.infolist() if not member.is_dir()]
            parts = [member.filename.split("/") for member in members]
            names = [path[-1] for path in parts]
            tidy = all(len(path) <= 2 for path in parts) and len({tuple(path[:-1]) for path in parts}) == 1
            if not tidy or len(set(names)) != len(names) or not set(names) <= set(PUBLIC):
                raise Trouble("This ZIP holds other things than a model of this studio, so it was left closed.")
            if not set(NEEDED) <= set(names):
                raise Trouble("This ZIP is not a whole model: it needs {names}.", names=", ".join(NEEDED))
            left = LARGEST
            for member, name in zip(members, names, strict=True):
                with packed.open(member) as stream, open(into / name, "wb") as file:
                    while block := stream.read(min(1 << 20, left + 1)):
                        left -= len(block)
                        if left < 0:
                            raise Trouble(
                                "This model is larger than {n} MB, which is more than is taken in.", n=LARGEST >> 20
                            )
                        file.write(block)
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, OSError) as problem:
        raise Trouble("This file cannot be opened as a ZIP. Download the model again and try once more.") from problem
