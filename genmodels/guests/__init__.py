"""Guests: diffusers models that draw, and autoencoders (VAEs of our own too) that rebuild, in a niced process."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import __version__, files
from ..events import Event, Finished, Progress, Trouble
from ..images import open_pixels, png, ungrid
from ..library import Library
from ..runs import jobs
from ..runs.result import slug
from ..walls import checked_seed
from .orders import Orders
from .shelf import GuestCard, Shelf
from .work import columns_of, frames_of

__all__ = ["Drawing", "GuestCard", "Guests"]

MOST_PICTURES = 16  # to rebuild at a time
SENTENCES = {
    "waiting": "Waiting for its turn: number {place} in the queue.",
    "waking": "Waking {name} up. The first time takes some seconds.",
    "draw": "Step {step} of {steps}: what {name} expects the pictures to become.",
    "rebuild": "{name} rebuilds: {step} of {steps}.",
    "blend": "{name} blends: {step} of {steps}.",
    "walk": "{name} goes for a walk: {step} of {steps}.",
    "cut short": "Drawing was cut short. Start it again.",
}


@dataclasses.dataclass(frozen=True)
class Drawing:
    """How a job stands, or what came of it. While it is at work, `sheet` is its newest state."""

    key: str
    kind: str  # "draw", "rebuild", "blend" or "walk"
    guest: str  # key of the guest, or of the model in the library
    name: str
    template: str
    facts: dict[str, Any]
    size: int  # pixels a side of a tile
    channels: int
    count: int  # tiles
    columns: int
    progress: Progress | None = None
    sheet: bytes = b""  # lossless WebP
    noisy: bytes = b""  # while it denoises: what it works on, like the sheet
    before: bytes = b""  # the pictures given, as the model sees them, hung in a square
    film: bytes = b""  # animated WebP
    numbers: dict[str, Any] = dataclasses.field(default_factory=dict)  # psnr: mean in decibels; each: of every picture
    recipe: dict[str, Any] = dataclasses.field(default_factory=dict)
    end: Event | None = None  # Finished or Failed

    @property
    def alive(self) -> bool:
        """Whether there is more to come."""
        return self.end is None

    @property
    def pixels(self) -> np.ndarray:
        """The tiles of the sheet, uint8 [n, h, w, c]."""
        return ungrid(open_pixels(self.sheet, self.channels), self.size, self.count)


class Guests:
    """What the screens ask about guests; all lies in `root`. `own` turns a visitor's token into an owner."""

    def __init__(self, root: pathlib.Path, own: Callable[[str | None], str], library: Library) -> None:
        self.own, self.library = own, library
        self.shelf, self.orders = Shelf(root), Orders(root / "jobs")
        self._packed = tempfile.TemporaryDirectory(prefix="genmodels-guests-")

    # ---- who is there

    def all(self, visitor: str | None) -> list[GuestCard]:
        """A visitor's guests, newest first."""
        return self.shelf.all(self.own(visitor))

    def find(self, visitor: str | None, key: str) -> GuestCard:
        """One guest. Raises Trouble."""
        return self.shelf.find(self.own(visitor), key)

    def delete(self, visitor: str | None, key: str) -> None:
        """Remove a guest for good, and what it is at work on."""
        owner = self.own(visitor)
        for folder, order in self.orders.of(owner):
            if order["guest"] == key:
                self.orders.forget(folder)
        self.shelf.delete(owner, key)

    # ---- what they do; each call returns a job's key at once

    def draw(self, visitor: str | None, key: str, seed: int, count: int, steps: int = 0, sampler: str = "") -> str:
        """Draw pictures of a seed; 0 steps and no sampler are the suggested ones. Raises Trouble."""
        card = self.find(visitor, key)
        if card.kind != "pipeline":
            raise Trouble("{name} draws nothing by itself: give it a picture.", name=card.name)
        sampler, steps = sampler or card.samplers[0], _whole(steps or card.steps)
        if sampler not in card.samplers:
            raise Trouble("Pictures can be sampled by {names}.", names=" or ".join(card.samplers))
        if not 1 <= steps <= card.most_steps:
            raise Trouble("Steps go from {low} to {high}.", low=1, high=card.most_steps)
        if not 1 <= (count := _whole(count)) <= card.most:
            raise Trouble("At most {most} pictures at a time.", most=card.most)
        chosen = {"seed": checked_seed(seed), "count": count, "steps": steps, "sampler": sampler}
        return self._start(visitor, "draw", key, chosen)

    def rebuild(self, visitor: str | None, key: str, pictures: Sequence[str | pathlib.Path]) -> str:
        """Squeeze pictures (data-URIs, or paths of uploads) into codes and back."""
        if not 1 <= len(pictures) <= MOST_PICTURES:
            raise Trouble("Give it 1 to {most} pictures.", most=MOST_PICTURES)
        return self._start(visitor, "rebuild", key, {"count": len(pictures)}, pictures)

    def blend(
        self, visitor: str | None, key: str, a: str | pathlib.Path, b: str | pathlib.Path, frames: int = 16
    ) -> str:
        """From one picture to another and back, as a film."""
        return self._start(visitor, "blend", key, {"count": frames_of(frames), "frames": frames}, [a, b])

    def walk(self, visitor: str | None, key: str, picture: str | pathlib.Path, seed: int = 0, frames: int = 24) -> str:
        """Away from a picture and home again, as a film; the seed chooses the way."""
        chosen = {"count": frames_of(frames), "frames": frames, "seed": checked_seed(seed)}
        return self._start(visitor, "walk", key, chosen, [picture])

    def look(self, visitor: str | None, job: str) -> Drawing | None:
        """How a job stands; None where there is no such job (any more)."""
        found = self.orders.find(self.own(visitor), job)
        return self._look(*found) if found else None

    def again(self, visitor: str | None, kinds: Sequence[str]) -> str:
        """A visitor's newest job of these kinds, "" where there is none: for a page that comes back."""
        mine = self.orders.of(self.own(visitor))
        return next((folder.name for folder, order in mine if order["kind"] in kinds), "")

    def cancel(self, visitor: str | None, job: str) -> None:
        """End it at once and forget it."""
        if found := self.orders.find(self.own(visitor), job):
            self.orders.forget(found[0])

    def bundle(self, visitor: str | None, job: str) -> pathlib.Path:
        """What came of a job as a ZIP: each picture with its recipe, the sheet, the film."""
        found = self.look(visitor, job)
        if found is None or not isinstance(found.end, Finished):
            raise Trouble("There is nothing to save yet.")
        target = files.parcel(pathlib.Path(self._packed.name)) / f"{slug(found.name, 60)}-{found.kind}.zip"
        with zipfile.ZipFile(target, "w") as packed:
            for index, pixels in enumerate(found.pixels):
                text = {"recipe": json.dumps({**found.recipe, "index": index}, ensure_ascii=False)}
                packed.writestr(f"{target.stem}/{index + 1:03}.png", png(pixels, text))
            for name, content in (("all.webp", found.sheet), ("film.webp", found.film), ("given.webp", found.before)):
                if content:
                    packed.writestr(f"{target.stem}/{name}", content)
            packed.writestr(f"{target.stem}/recipe.json", json.dumps(found.recipe, ensure_ascii=False, indent=1))
        return target

    def close(self) -> None:
        """Let the process go."""
        self.orders.close()

    # ---- inside

    def _start(
        self,
        visitor: str | None,
        kind: str,
        key: str,
        chosen: dict[str, Any],
        pictures: Sequence[str | pathlib.Path] = (),
    ) -> str:
        owner = self.own(visitor)
        known = self._known(owner, kind, key)
        recipe = {"format": 1, "studio": __version__, "kind": kind, **known.pop("recipe"), **chosen}
        return self.orders.add({**known, **chosen, "kind": kind, "owner": owner, "recipe": recipe}, pictures)

    def _known(self, owner: str, kind: str, key: str) -> dict[str, Any]:
        """What an order says of the model: a guest, or where something is rebuilt, a VAE of the library."""
        try:
            card = self.shelf.find(owner, key)
        except Trouble:
            if kind == "draw":
                raise
            own = self.library.find(owner, key)
            recipe = {"model": own.key, "name": own.name, "identity": own.identity}
            about = {"guest": key, "name": own.name, "size": own.picture.size, "channels": own.picture.channels}
            return {**about, "own": True, "model": str(self.library.folder(owner, key).resolve()), "recipe": recipe}
        if (card.kind == "pipeline") != (kind == "draw"):
            raise Trouble("{name} cannot rebuild pictures: choose an autoencoder.", name=card.name)
        recipe = {"name": card.name, "class": card.cls, "hub": {"repo": card.repo, "commit": card.commit}}
        about = {"guest": key, "name": card.name, "size": card.size, "channels": card.channels}
        return {**about, "own": False, "model": str(self.shelf.folder(owner, key).resolve()), "recipe": recipe}

    def _look(self, folder: pathlib.Path, order: jobs.Order) -> Drawing:
        waits = (folder / "asked").exists()
        if waits:
            self.orders.wake()
        story = self.orders.story(folder, order, SENTENCES["cut short"])
        progress, end = story.progress, story.end
        place = self.orders.place(folder) if waits else 0
        step, steps = (progress.step, order.get("steps", order["count"])) if progress else (0, 0)
        state = "waiting" if place else order["kind"] if progress else "waking"
        facts = {"place": place, "name": order["name"], "step": step, "steps": steps}
        return Drawing(
            **{name: order[name] for name in ("kind", "guest", "name", "size", "channels", "count", "recipe")},
            key=folder.name,
            template=end.template if end else SENTENCES[state],
            facts=end.facts if end else facts,
            columns=columns_of(order["count"]),
            progress=progress,
            **{name: _content(folder / f"{name}.webp") for name in ("sheet", "noisy", "before", "film")},
            numbers=files.read_json(folder / "found.json", {}).get("numbers", {}),
            end=end,
        )


def _content(file: pathlib.Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _whole(number: object) -> int:
    """A whole number, as it comes from a screen or the HTTP API. Raises Trouble."""
    try:
        return int(number)
    except (TypeError, ValueError, OverflowError) as problem:
        raise Trouble("This has to be a whole number.") from problem
