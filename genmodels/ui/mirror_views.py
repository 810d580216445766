"""One's own picture -> what is seen of it: given, as a model sees it, as it builds it again, and films (pure)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..runs.result import slug
from .guest_views import CRISP, pixels_of, saves, smooth, whole
from .views import png_uri, safe, sheet_uri
from .words import say

if TYPE_CHECKING:
    from ..guests import Drawing

GIVEN = re.compile(r"data:image/(png|jpeg|webp);base64,[A-Za-z0-9+/=]+")


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
    uri, side, done = trusted(given), CRISP, whole(drawing)
    if not uri and not done:
        return _empty_mirror(language)
    right = '<span class="mirror-wait" aria-hidden="true"></span>'
    left_side, links, words = f'<img src="{uri}" alt="">', "", ""
    if done:
        side, rebuilt = drawing.size, pixels_of(drawing)[0]
        left_side = f'<img src="{png_uri(pixels_of(drawing, drawing.before)[0])}" alt="">'
        right = f'<img src="{png_uri(rebuilt)}" alt="">'
        words = likeness(float(drawing.numbers.get("psnr", 0.0)), language)
        links = saves(rebuilt, f"{slug(drawing.name, 60)}-rebuilt", drawing.recipe, language)
    before = say("As the model sees it, {n} × {n} pixels", language, n=side) if done else say("Your picture", language)
    after = say("As it builds it again", language)
    return (
        f'<div class="mirror{smooth(side)}"><figure>{left_side}<figcaption>{safe(before)}</figcaption></figure>'
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
        told = say("Close: some details are its own.", language)
    elif psnr >= 17:
        told = say("The shape is right; the details are the model's own.", language)
    else:
        told = say("It knows nothing like this, and builds what it knows instead.", language)
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
        f'<section class="film{smooth(drawing.size)}"><h3>{safe(title)}</h3>'
        f'<div class="film-parts"><div>{parts}</div>{frames}</div></section>'
    )
