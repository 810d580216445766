"""Guests and one's own picture -> what is seen of them: cards, denoising, original beside rebuilt, films (pure)."""

from __future__ import annotations

import hashlib
import json
import re
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

GIVEN = re.compile(r"data:image/(png|jpeg|webp);base64,[A-Za-z0-9+/=]+")
CRISP = 64  # pixels a side up to which a picture's own pixels are shown as squares
LARGE = 280  # pixels a side that a saved picture has at least


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
    return _card(guest.key, guest.name, f"{guest.cls} · {guest.size} px", strip, chosen)


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
        "No guest was pulled yet. Open the Library, search the Hub for guests, and pull one; it then draws here, "
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
    kind = "good" if drawing.end.kind == "finished" else "warn"
    return note(spoken, kind)


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
    if drawing.alive:
        return (
            f'<figure class="live-wall{_smooth(drawing.size)}"><img src="{sheet_uri(drawing.sheet)}" '
            f'alt="{safe(spoken_of(drawing, language))}"></figure>'
        )
    hung = views.wall(pixels_of(drawing), drawing.columns, chosen=chosen, language=language)
    return f'<div class="guest-wall{_smooth(drawing.size)}">{hung}</div>'


def _smooth(side: int) -> str:
    return "" if side <= CRISP else " smooth"


def picked(drawing: Drawing | None, index: int, language: str = "en") -> str:
    """One picture of a guest, large, with the recipe that makes it again."""
    if drawing is None or drawing.alive or not drawing.sheet:
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
    links = _saves(pixels, name, recipe | {"index": index}, language) + _film_link(drawing, language)
    return (
        f'<div class="picked{_smooth(drawing.size)}"><img class="picked-picture" src="{png_uri(pixels)}" '
        f'alt="{safe(say("The chosen picture", language))}">'
        f'<div class="picked-side">{_facts(rows)}{links}</div></div>'
    )


def _saves(pixels: np.ndarray, name: str, recipe: dict[str, Any], language: str) -> str:
    """Links that save one picture, uint8 [h, w, c], with its recipe: enlarged where it is small, and as it is."""
    text, side = {"recipe": json.dumps(recipe, ensure_ascii=False)}, pixels.shape[0]
    times = -(-LARGE // side)
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


# ---- one's own picture


def slots(given: Sequence[str], active: int, language: str = "en") -> str:
    """The two places for pictures. The next picture goes to the one that is active."""
    words = (say("Your picture", language), say("A second one, to blend with", language))
    places = []
    for index, word in enumerate(words):
        uri = trusted(given[index])
        inside = f'<img src="{uri}" alt="">' if uri else '<span class="slot-empty" aria-hidden="true">+</span>'
        places.append(
            f'<button type="button" class="slot" data-pick="slot" data-index="{index}" '
            f'aria-pressed="{str(index == active).lower()}">{inside}<span>{safe(word)}</span></button>'
        )
    return f'<div class="slots" role="group" data-choose>{"".join(places)}</div>'


def trusted(uri: str) -> str:
    """A picture that this page gave, as a data-URI; "" for anything else."""
    return uri if isinstance(uri, str) and GIVEN.fullmatch(uri) else ""


def examples(strip: np.ndarray | None, language: str = "en") -> str:
    """Pictures of the model's own to begin with."""
    if strip is None:
        return ""
    tiles = "".join(
        f'<button type="button" class="tile" data-pick="own" data-index="{index}">'
        f'<img src="{png_uri(each)}" alt="{safe(say("Picture {n}", language, n=index + 1))}"></button>'
        for index, each in enumerate(strip)
    )
    told = safe(say("Or take one of its own:", language))
    return f'<div class="own-pictures"><span class="hint">{told}</span><div>{tiles}</div></div>'


def mirror(given: str, drawing: Drawing | None, language: str = "en") -> str:
    """A picture and how the model rebuilds it, side by side, with how alike they are in plain words."""
    uri, side, done = trusted(given), CRISP, drawing is not None and bool(drawing.sheet) and bool(drawing.before)
    if not uri and not done:
        return _empty_mirror(language)
    right = '<span class="mirror-wait" role="img"></span>'
    left_side, links, words = f'<img src="{uri}" alt="">', "", ""
    if done:
        side, rebuilt = drawing.size, pixels_of(drawing)[0]
        left_side = f'<img src="{png_uri(pixels_of(drawing, drawing.before)[0])}" alt="">'
        right = f'<img src="{png_uri(rebuilt)}" alt="">'
        words = likeness(float(drawing.numbers.get("psnr", 0.0)), language)
        links = _saves(rebuilt, f"{slug(drawing.name, 60)}-rebuilt", drawing.recipe, language)
    before = say("As the model sees it, {n} × {n} pixels", language, n=side) if done else say("Your picture", language)
    after = say("As it builds it again", language)
    return (
        f'<div class="mirror{_smooth(side)}"><figure>{left_side}<figcaption>{safe(before)}</figcaption></figure>'
        f"<figure>{right}<figcaption>{safe(after)}</figcaption></figure></div>"
        f'<div class="mirror-words"><div>{words}</div><div>{links}</div></div>'
    )


def _empty_mirror(language: str) -> str:
    """Before there is a picture: what will be done with it, as a drawing and in a sentence."""
    told = say(
        "Draw, choose a file or use the camera: the model takes your picture apart into a few numbers and "
        "builds it again from these alone.",
        language,
    )
    heights = np.random.default_rng(4).integers(15, 100, 24)
    bars = "".join(f'<i style="height:{height}%"></i>' for height in heights)
    sketch = f'<div class="code" aria-hidden="true"><b>+</b><span>{bars}</span><b>?</b></div>'
    return f'<div class="mirror-empty">{sketch}<p>{safe(told)}</p></div>'


def likeness(psnr: float, language: str = "en") -> str:
    """How alike a picture and its rebuilding are, in plain words. `psnr` in dB; 20 dB more is a tenth of the error."""
    if psnr >= 30:
        told = say("Almost the same: you would hardly tell the two apart.", language)
    elif psnr >= 24:
        told = say("Very close: only fine details are gone.", language)
    elif psnr >= 17:
        told = say("The shape is right; the details are the model's own.", language)
    else:
        told = say("It knows nothing like this, and builds the nearest that it can.", language)
    measured = safe(say("Likeness {n} dB (PSNR)", language, n=f"{psnr:.1f}"))
    return f'<p class="headline">{safe(told)}</p><p class="hint">{measured}</p>'


def film(drawing: Drawing | None, language: str = "en") -> str:
    """A blend or a walk: the film, its pictures one by one, and both to save."""
    if drawing is None or not (drawing.sheet or drawing.film):
        return ""
    blend = drawing.kind == "blend"
    title = say("From one to the other", language) if blend else say("A walk around your picture", language)
    parts, name = "", f"{slug(drawing.name, 60)}-{drawing.kind}"
    if drawing.film:
        uri = sheet_uri(drawing.film)
        save = safe(say("Save the film (WebP)", language))
        parts = (
            f'<img class="film-loop" src="{uri}" alt="{safe(title)}"><a class="save" id="save_film" '
            f'download="{safe(name)}.webp" href="{uri}">{save}</a>'
        )
    frames = ""
    if drawing.sheet:
        frames = f'<img class="film-frames" src="{sheet_uri(drawing.sheet)}" alt="">'
    return (
        f'<section class="film{_smooth(drawing.size)}"><h3>{safe(title)}</h3>'
        f'<div class="film-parts"><div>{parts}</div>{frames}</div></section>'
    )
