"""What programs may ask of guests over HTTP: draw, rebuild, blend, walk, look, cancel (see api.py)."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable
from typing import Any

from ..events import Trouble
from ..images import png
from ..studio import Studio
from .page import told

PICTURES = "strip"  # these are for the screen


def calls(studio: Studio) -> tuple[Callable, ...]:
    """The calls. Pictures travel as data-URIs; work is begun, looked at by its key, and may be cancelled."""
    return (*_work(studio), *_looking(studio))


def _work(studio: Studio) -> tuple[Callable, ...]:
    @told
    def guests(visitor: str = "") -> list[dict[str, Any]]:
        """The guests from the Hub that are here: pipelines that draw, autoencoders that rebuild."""
        return [
            {field.name: getattr(guest, field.name) for field in dataclasses.fields(guest) if field.name != PICTURES}
            for guest in studio.guests.all(visitor)
        ]

    @told
    def draw_with_guest(
        guest: str, seed: int = 0, count: int = 4, steps: int = 0, sampler: str = "", visitor: str = ""
    ) -> str:
        """Begin to draw and return the key of the work; 0 steps and no sampler are the suggested ones."""
        return studio.guests.draw(visitor, guest, seed, count, steps, sampler)

    @told
    def rebuild(model: str, picture: str, visitor: str = "") -> str:
        """Begin to rebuild a picture (a data-URI) with a VAE or an autoencoder."""
        return studio.guests.rebuild(visitor, model, [picture])

    @told
    def blend(model: str, picture: str, other: str, frames: int = 25, visitor: str = "") -> str:
        """Begin a film from one picture to another and back."""
        return studio.guests.blend(visitor, model, picture, other, frames)

    @told
    def walk(model: str, picture: str, seed: int = 0, frames: int = 25, visitor: str = "") -> str:
        """Begin a film that walks away from a picture and home again; the seed chooses the way."""
        return studio.guests.walk(visitor, model, picture, seed, frames)

    return guests, draw_with_guest, rebuild, blend, walk


def _looking(studio: Studio) -> tuple[Callable, ...]:
    @told
    def look_at_drawing(work: str, visitor: str = "") -> dict[str, Any]:
        """How such work stands: its pictures as PNG in base64 when it is done, its film as animated WebP."""
        seen = studio.guests.look(visitor, work)
        if seen is None:
            raise Trouble("There is no such drawing.")
        done = seen.end is not None and seen.end.kind == "finished"
        pictures = [base64.b64encode(png(each)).decode() for each in seen.pixels] if done else []
        return {
            "state": seen.end.kind if seen.end else "running",
            "sentence": seen.template.format(**seen.facts),
            "fraction": 1.0 if done else seen.progress.fraction if seen.progress else 0.0,
            "remaining": seen.progress.remaining if seen.progress and seen.alive else None,
            "pictures": pictures,
            "film": base64.b64encode(seen.film).decode(),
            "numbers": seen.numbers,
            "recipe": seen.recipe,
        }

    @told
    def cancel_drawing(work: str, visitor: str = "") -> bool:
        """Stop it at once."""
        studio.guests.cancel(visitor, work)
        return True

    return look_at_drawing, cancel_drawing
