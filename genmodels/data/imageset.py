"""ImageSet: one uint8 array, labels, names, where it came from, what is held out."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import pathlib
from typing import Any

import numpy as np

from ..images import PictureFormat

HELD_SHARE, HELD_MOST, HELD_FROM = 0.10, 1000, 64  # 10 % a class, at most 1,000 in all, none under 64 pictures


@dataclasses.dataclass(frozen=True)
class Source:
    """Where pictures come from, and what may be done with them."""

    origin: str = "own pictures"
    licence: str = ""  # the word for it that its owners use, "" where nobody said
    dataset: dict[str, Any] = dataclasses.field(default_factory=dict)  # of the Hub: id, commit, split, label, most ...

    @classmethod
    def of(cls, file: pathlib.Path) -> Source:
        """What a file says that `hub.datasets.fetch` wrote; a person's own where there is none."""
        if not file.exists():
            return cls()
        told = json.loads(file.read_text(encoding="utf-8"))
        return cls(**{field.name: told[field.name] for field in dataclasses.fields(cls)})


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """Pictures of one size, ready to train on. `held_out` pictures are for judging and never trained on."""

    images: np.ndarray  # uint8 [n, h, w, c], memory-mapped where it lies on the disk
    labels: np.ndarray | None = None  # int64 [n]
    classes: tuple[str, ...] = ()
    name: str = ""
    origin: str = ""
    licence: str = ""
    held_out: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(0, bool))  # bool [n]
    names: tuple[str, ...] = ()  # where each picture came from, if known
    dataset: dict[str, Any] = dataclasses.field(default_factory=dict)  # the data set on the Hub that it is part of
    cleaned: dict[str, int] | None = None  # how many were left out, by the reasons of intake; None where nobody knows
    flip: bool = False  # a mirrored picture could be one of the set (augment's "auto")

    def __post_init__(self) -> None:
        if self.images.ndim != 4 or self.images.dtype != np.uint8 or self.images.shape[1] != self.images.shape[2]:
            raise ValueError("A set holds square uint8 pictures [n, h, w, c].")
        if len(self.held_out) != len(self.images):
            object.__setattr__(self, "held_out", hold_out(len(self.images), self.labels))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def format(self) -> PictureFormat:
        """The size, channels and classes that a model for this set needs."""
        return PictureFormat(self.images.shape[1], self.images.shape[3], self.classes)

    def training(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Pictures and labels to learn from: everything that is not held out."""
        return self._rows(~self.held_out)

    def held(self) -> tuple[np.ndarray, np.ndarray | None]:
        """Pictures and labels that no model has seen, for judging."""
        return self._rows(self.held_out)

    def _rows(self, keep: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        return self.images[keep], None if self.labels is None else self.labels[keep]

    def fingerprint(self) -> str:
        """A short hash of pixels, labels and what is held out: two sets with the same one teach the same.

        It is taken once: the pictures of a set do not change.
        """
        return self._hashed

    @functools.cached_property
    def _hashed(self) -> str:
        digest = hashlib.sha256(np.ascontiguousarray(self.images))
        digest.update(b"" if self.labels is None else np.ascontiguousarray(self.labels, np.int64))
        digest.update(np.ascontiguousarray(self.held_out))
        return digest.hexdigest()[:16]

    def save(self, folder: pathlib.Path) -> None:
        """Write the set into a folder: set.json and .npy arrays (never pickled)."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "images.npy", self.images, allow_pickle=False)
        np.save(folder / "held_out.npy", self.held_out, allow_pickle=False)
        if self.labels is not None:
            np.save(folder / "labels.npy", self.labels.astype(np.int64), allow_pickle=False)
        keys = ("name", "origin", "licence", "classes", "names", "dataset", "cleaned", "flip")
        about = {key: getattr(self, key) for key in keys}
        (folder / "set.json").write_text(json.dumps({"format": 1, **about}, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def open(cls, folder: pathlib.Path) -> ImageSet:
        """Read a saved set; pixels stay on the disk until they are used."""
        about = json.loads((folder / "set.json").read_text(encoding="utf-8"))
        labels = folder / "labels.npy"
        return cls(
            images=np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False),
            labels=np.load(labels, allow_pickle=False) if labels.exists() else None,
            classes=tuple(about["classes"]),
            name=about["name"],
            origin=about["origin"],
            licence=about["licence"],
            held_out=np.load(folder / "held_out.npy", allow_pickle=False),
            names=tuple(about["names"]),
            dataset=dict(about.get("dataset", {})),
            cleaned=about.get("cleaned"),
            flip=bool(about.get("flip", False)),
        )


def hold_out(count: int, labels: np.ndarray | None) -> np.ndarray:
    """bool [n]: which pictures are held out, 10 % of every class and the same ones each time."""
    held = np.zeros(count, bool)
    if count < HELD_FROM:
        return held
    share = min(HELD_SHARE, HELD_MOST / count)
    order = np.random.default_rng(0).permutation(count)
    for label in np.unique(labels) if labels is not None else [None]:
        rows = order if label is None else order[labels[order] == label]
        held[rows[: int(len(rows) * share)]] = True
    return held
