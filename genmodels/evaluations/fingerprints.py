"""Fingerprints of sets, remembered as long as their pictures stay the same: taking one means reading all of them."""

from __future__ import annotations

import pathlib

from .. import files
from ..data import starters
from ..data.imageset import ImageSet
from ..evaluation.result import Protocol
from ..sets import Sets


class Fingerprints:
    """Those of the sets that ship are kept in a file as well."""

    def __init__(self, file: pathlib.Path, pictures: Sets) -> None:
        self._file, self._pictures = file, pictures
        self._known: dict[str, str] = {}

    def of(self, owner: str, key: str) -> str:
        """The fingerprint of one set."""
        ships = key in starters.NAMES
        pixels = starters.atlas(key) if ships else self._pictures.folder(owner, key) / "set" / "images.npy"
        facts = pixels.stat()
        stamp = f"{key} {facts.st_size} {facts.st_mtime_ns}"
        kept = files.read_json(self._file, {}) if ships and stamp not in self._known else {}
        if stamp in kept:
            self._known[stamp] = kept[stamp]
        if stamp not in self._known:
            self._known[stamp] = self._pictures.open(owner, key).fingerprint()
            if ships:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                files.write_json(self._file, {**kept, stamp: self._known[stamp]})
        return self._known[stamp]

    def find(self, owner: str, asked: Protocol) -> ImageSet | None:
        """The set that was judged against, if it is here; the one of its name is looked at first."""
        likely = sorted(self._pictures.all(owner), key=lambda each: asked.set not in (each.title, each.key))
        key = next((each.key for each in likely if self.of(owner, each.key) == asked.fingerprint), None)
        return self._pictures.open(owner, key) if key else None
