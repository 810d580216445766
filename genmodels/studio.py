"""Studio: all that the screens ever ask. Every call names the visitor; nobody reaches what is another's."""

from __future__ import annotations

import hashlib
import os
import pathlib
import re
import secrets
import shutil
import tempfile
import time

from . import home
from .events import Trouble
from .library import Library, Shelved
from .walls import Ask, Made, Wall, Walls

SHIPPED = pathlib.Path(__file__).resolve().parents[1] / "checkpoints"
TOKEN = re.compile(r"[0-9a-f]{32}")
NOBODY = "nobody"  # owns nothing: who has no token yet sees what ships
PARCEL_SECONDS = 600  # what was packed for a download is kept so long; gradio has its own copy


class Studio:
    """Folders, sets, runs and open models. `visitor` is the secret token that a page keeps in its browser."""

    def __init__(self, shared: bool | None = None) -> None:
        on_a_host = bool(os.environ.get("SPACE_ID")) or os.environ.get("GENMODELS_SHARED") == "1"
        self.shared = on_a_host if shared is None else shared
        self.library = Library(SHIPPED, home() / "models")
        self.walls = Walls(self.library)
        self.parcels = pathlib.Path(tempfile.mkdtemp(prefix="genmodels-"))

    # ---- who

    def greet(self, visitor: str | None) -> str:
        """A visitor's token: the one they came with, or a fresh secret."""
        return visitor if isinstance(visitor, str) and TOKEN.fullmatch(visitor) else secrets.token_hex(16)

    def _reader(self, visitor: str | None) -> str:
        """Whose things a visitor sees. On a laptop there is one owner; on a shared host, one for each token."""
        if not self.shared:
            return ""
        if not (isinstance(visitor, str) and TOKEN.fullmatch(visitor)):
            return NOBODY
        return hashlib.sha256(visitor.encode()).hexdigest()[:24]

    def _owner(self, visitor: str | None) -> str:
        """The same for a call that makes or changes something."""
        if (owner := self._reader(visitor)) == NOBODY:
            raise Trouble("The studio does not know this page any more. Reload it, please.")
        return owner

    # ---- models

    def models(self, visitor: str | None) -> list[Shelved]:
        """What a visitor may make pictures with: their own, newest first, then those that ship."""
        return self.library.models(self._reader(visitor))

    def model(self, visitor: str | None, key: str | None = None) -> Shelved | None:
        """The model with this key, else the first that ships, else None when there is none at all."""
        models = self.models(visitor)
        first = next((model for model in models if model.ours), models[0] if models else None)
        return next((model for model in models if model.key == key), first)

    def rename(self, visitor: str, key: str, name: str) -> None:
        """Call a model something else."""
        self.library.rename(self._owner(visitor), key, name)

    def delete(self, visitor: str, key: str) -> None:
        """Remove a model for good."""
        self.library.delete(self._owner(visitor), key)

    def pack(self, visitor: str, key: str) -> pathlib.Path:
        """A model as a ZIP to take away."""
        return self.library.pack(self._reader(visitor), key, self._parcel())

    def unpack(self, visitor: str, file: str | os.PathLike) -> str:
        """Take in a model from a ZIP; returns its key."""
        return self.library.unpack(self._owner(visitor), pathlib.Path(file))

    # ---- pictures

    def stored(self, visitor: str | None, key: str, count: int = 64) -> Wall:
        """A model's own wall, on screen at once: it needs neither the model nor torch."""
        return self.walls.stored(self._reader(visitor), key, count)

    def draw(self, visitor: str | None, ask: Ask, view: str = "") -> Wall | None:
        """A wall of pictures; None when the same `view` (a page) asked for another one meanwhile."""
        return self.walls.draw(self._reader(visitor), ask, view)

    def picture(self, visitor: str | None, ask: Ask, index: int, label: int | None) -> Made:
        """One picture of a wall, with its recipe."""
        return self.walls.picture(self._reader(visitor), ask, index, label)

    def bundle(self, visitor: str | None, ask: Ask) -> pathlib.Path:
        """A wall as a ZIP to take away."""
        return self.walls.bundle(self._reader(visitor), ask, self._parcel())

    # ---- inside

    def _parcel(self) -> pathlib.Path:
        """A fresh folder for something to download; old ones go."""
        for old in self.parcels.iterdir():
            if old.stat().st_mtime < time.time() - PARCEL_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
        return pathlib.Path(tempfile.mkdtemp(dir=self.parcels))
