"""Guests -> what is seen of them: cards, pictures as they come out of the noise, and what to save (pure functions)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..images import open_pixels, ungrid
from ..runs.result import slug
from . import views
from .views import bar, left, note, png_uri, safe, sheet_uri, spoken_of
from .words import say, size

if TYPE_CHECKING:
    from ..guests import Drawing, GuestCard
    from ..library import Shelved

CRISP = 64  # pixels a side up to which a picture's own pixels are shown as squares
LARGE = 280  # pixels a side that a small picture is saved with, at least


# ---- cards


def guest_cards(guests: Sequence[GuestCard], chosen: str, language: str = "en") -> str:
    """Every pipeline that was pulled, with what it drew last."""
    cards = "".join(_guest_card(each, chosen) for each in guests)
    spoken = safe(say("Guests to draw with", language))
    return f'<div class="cards" role="group" data-choose aria-label="{spoken}">{cards}</div>' if cards else ""


def rebuilder_cards(models: Sequence[Shelved], guests: Sequence[GuestCard], chosen: str, language: str = "en") -> str:
    """Every model that can rebuild a picture: VAEs from the shelf, then autoencoders from the Hub."""
    ours = (_card(m.key, m.name, f"{m.family.upper()} · {m.picture.size} px", m.strip, chosen) for m in models)
    cards = "".join((*ours, *(_guest_card(each, chosen) for each in guests)))
    spoken = safe(say("Models that can rebuild a picture", language))
    return f'<div class="cards" role="group" data-choose aria-label="{spoken}">{cards}</div>' if cards else ""


def _guest_card(guest: GuestCard, chosen: str) -> str:
    strip = noise(guest.commit or guest.key) if guest.strip is None else guest.strip
    whole = strip[np.arange(8) % len(strip)]  # however few it drew, a card is full
    return _card(guest.key, guest.name, f"{guest.cls} · {guest.size} px", whole, chosen)


def _card(key: str, name: str, about: str, strip: np.ndarray, chosen: str) -> str:
    return (
        f'<button type="button" class="card" data-pick="model" data-model="{safe(key)}" '
        f'aria-pressed="{str(key == chosen).lower()}">{views.strip(strip)}'
        f'<span class="card-name">{safe(name)}</span><span class="card-about">{safe(about)}</span></button>'
    )


def noise(word: str) -> np.ndarray:
    """What a guest that drew nothing yet starts from: uint8 [8, 16, 16, 3], always the same for the same word."""
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
    return np.random.default_rng(seed).normal(128, 48, (8, 16, 16, 3)).clip(0, 255).astype(np.uint8)


def guest_facts(guest: GuestCard | None, language: str = "en") -> str:
    """What is known of a guest, in a few lines."""
    if guest is None:
        return ""
    rows = [
        (say("From", language), guest.repo),
        (say("Revision", language), guest.commit[:10]),
        (say("Kind", language), guest.cls),
        (say("Pictures", language), f"{guest.size} × {guest.size}"),
        (say("Licence", language), guest.licence or say("not stated", language)),
        (say("On the disk", language), size(guest.bytes, language)),
    ]
    return _facts(rows)


def _facts(rows: Sequence[tuple[str, object]]) -> str:
    return f'<dl class="recipe">{"".join(f"<dt>{safe(k)}</dt><dd>{safe(v)}</dd>" for k, v in rows if v)}</dl>'


def nobody(pixels: np.ndarray | None, language: str = "en") -> str:
    """The place before a guest was pulled: what a guest is, how to get one, and a sketch of what it will do."""
    title = say("Invite a model from the Hub", language)
    told = say(
        "No guest was pulled yet. In the Library, search the Hub for guests and pull one; it then draws here, "
        "from noise to picture, before your eyes.",
        language,
    )
    sketch = ""
    if pixels is not None:
        spoken = say("A sketch of it: noise becomes a picture, a little at a time.", language)
        frames = "".join(f'<img src="{png_uri(each)}" alt="">' for each in _veiled(pixels))
        sketch = f'<figure class="veils"><div>{frames}</div><figcaption>{safe(spoken)}</figcaption></figure>'
    return f'<div class="wall wall-empty nobody"><div><h3>{safe(title)}</h3><p>{safe(told)}</p>{sketch}</div></div>'


def _veiled(pixels: np.ndarray, steps: int = 6) -> list[np.ndarray]:
    """A picture, uint8 [h, w, c], under less and less noise."""
    veil = np.random.default_rng(0).normal(128, 60, pixels.shape)
    shares = np.cos(np.linspace(0.5 * np.pi, 0.0, steps))
    mixed = (share * (pixels - 128.0) + np.sqrt(1 - share**2) * (veil - 128.0) + 128.0 for share in shares)
    return [each.clip(0, 255).astype(np.uint8) for each in mixed]


# ---- a job as it goes


def status(drawing: Drawing | None, language: str = "en") -> str:
    """Where a job is, with how far and how long still; or how it ended, where that needs a word."""
    if drawing is None:
        return ""
    spoken, done = spoken_of(drawing, language), drawing.progress
    if drawing.alive:
        return bar(done.fraction if done else 0.0, spoken, left(done.remaining if done else None, language))
    return note(spoken, "good" if whole(drawing) else "warn")


def pixels_of(drawing: Drawing, sheet: bytes | None = None) -> np.ndarray:
    """The pictures of a job: uint8 [n, h, w, c]."""
    opened = open_pixels(drawing.sheet if sheet is None else sheet, drawing.channels)
    return ungrid(opened, drawing.size, drawing.count)


def denoising(drawing: Drawing | None, chosen: int = 0, language: str = "en") -> str:
    """The pictures as they come out of the noise; when they are done, a wall to choose from."""
    if drawing is None or not drawing.sheet:
        told = say("Press Draw, and watch the pictures come out of the noise.", language)
        if drawing is not None and drawing.alive:
            told = say("The first step is on its way.", language)
        return views.empty_wall(told)
    if not whole(drawing):
        shown = ((drawing.noisy, say("What it works on", language)), (drawing.sheet, say("What it expects", language)))
        figures = "".join(
            f'<figure><img src="{sheet_uri(content)}" alt=""><figcaption>{safe(word)}</figcaption></figure>'
            for content, word in shown
            if content
        )
        return f'<div class="denoising{smooth(drawing.size)}">{figures}</div>'
    hung = views.wall(pixels_of(drawing), drawing.columns, chosen=chosen, language=language)
    return f'<div class="guest-wall{smooth(drawing.size)}">{hung}</div>'


def whole(drawing: Drawing | None) -> bool:
    """Whether a job has come to its end, and well."""
    return drawing is not None and drawing.end is not None and drawing.end.kind == "finished"


def smooth(side: int) -> str:
    """The class of pictures too large to show their own pixels as squares."""
    return "" if side <= CRISP else " smooth"


def picked(drawing: Drawing | None, index: int, language: str = "en") -> str:
    """One picture of a guest, large, with the recipe that makes it again."""
    if not whole(drawing):
        return ""
    index = min(max(0, index), drawing.count - 1)
    pixels, recipe = pixels_of(drawing)[index], drawing.recipe
    place = say("{seed}, picture {n}", language, seed=recipe.get("seed", 0), n=index + 1)
    rows = [
        (say("Guest", language), recipe.get("name", drawing.name)),
        (say("Seed", language), place),
        (say("Steps", language), recipe.get("steps")),
        (say("Sampler", language), recipe.get("sampler")),
        (say("Revision", language), recipe.get("hub", {}).get("commit", "")[:10]),
    ]
    name = f"{slug(drawing.name, 60)}-{recipe.get('seed', 0)}-{index + 1}"
    links = saves(pixels, name, recipe | {"index": index}, language) + _film_link(drawing, language)
    return (
        f'<div class="picked{smooth(drawing.size)}"><img class="picked-picture" src="{png_uri(pixels)}" '
        f'alt="{safe(say("The chosen picture", language))}">'
        f'<div class="picked-side">{_facts(rows)}{links}</div></div>'
    )


def saves(pixels: np.ndarray, name: str, recipe: dict[str, Any], language: str) -> str:
    """Links that save one picture, uint8 [h, w, c], with its recipe: enlarged where it is small, and as it is."""
    text, side = {"recipe": json.dumps(recipe, ensure_ascii=False)}, pixels.shape[0]
    times = -(-LARGE // side) if side <= CRISP else 1
    links = (
        f'<a class="save" download="{safe(name)}.png" '
        f'href="{png_uri(pixels.repeat(times, axis=0).repeat(times, axis=1), text)}">'
        f"{safe(say('Save this picture', language))}</a>"
    )
    if times > 1:
        own = safe(say("in its own size, {n} px", language, n=side))
        uri = png_uri(pixels, text)
        links += f'<a class="save-small" download="{safe(name)}-{side}px.png" href="{uri}">{own}</a>'
    return links


def _film_link(drawing: Drawing, language: str) -> str:
    if not drawing.film:
        return ""
    told = safe(say("and the film of how it came about", language))
    name = f"{slug(drawing.name, 60)}-{drawing.recipe.get('seed', 0)}.webp"
    return f'<a class="save-small" download="{safe(name)}" href="{sheet_uri(drawing.film)}">{told}</a>'
