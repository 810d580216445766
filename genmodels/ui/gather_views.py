"""The drawing pad, the camera and the place for a file, as HTML; what they do is in gather.js."""

from __future__ import annotations

from ..markup import safe
from .words import say


def pad(language: str = "en", live: bool = False) -> str:
    """A square to draw on; a live one sends the drawing after each stroke."""
    spoken, ink = safe(say("Drawing pad", language)), safe(say("Ink", language))
    wipe, add = safe(say("Wipe", language)), safe(say("Add this drawing", language))
    adds = "" if live else f'<button type="button" class="small add">{add}</button>'
    return (
        f'<div class="gather"><canvas class="pad" width="256" height="256" role="img" aria-label="{spoken}"'
        f"{' data-live=yes' if live else ''}></canvas>"
        f'<div class="gather-row"><label>{ink} <input type="color" class="ink" value="#1e1a17"></label>'
        f'<button type="button" class="small wipe">{wipe}</button>{adds}</div></div>'
    )


def camera(language: str = "en", once: bool = False) -> str:
    """What the camera sees, and a button: to hold for many pictures, or to press for one."""
    refused = say("The camera cannot be used here: it is missing, or the browser was told not to.", language)
    start = say("What it sees goes to this studio and nowhere else.", language)
    hold = say("Photograph", language) if once else say("Hold to photograph", language)
    return (
        f'<div class="gather"><video class="camera" muted playsinline{" data-once" if once else ""}></video>'
        f'<p class="camera-words" data-refused="{safe(refused)}">{safe(start)}</p><div class="gather-row">'
        f'<button type="button" class="small open">{safe(say("Open the camera", language))}</button>'
        f'<button type="button" class="small hold" disabled>{safe(hold)}</button>'
        "</div></div>"
    )


def giver(language: str = "en") -> str:
    """Three ways to give one picture: draw it, choose a file, use the camera."""
    words = (("draw", say("Draw", language)), ("file", say("File", language)), ("camera", say("Camera", language)))
    ways = "".join(
        f'<button type="button" class="small" data-way="{way}" aria-pressed="{str(way == "draw").lower()}">'
        f"{safe(word)}</button>"
        for way, word in words
    )
    asked = safe(say("Choose a picture, drop it here, or paste it", language))
    refused = safe(say("This file cannot be opened as a picture. Choose a PNG, JPEG or WebP.", language))
    file = (
        '<label class="drop"><input type="file" class="choose" accept="image/*">'
        f'<span class="choose-words" data-refused="{refused}">{asked}</span></label>'
    )
    panels = (("draw", pad(language, live=True)), ("file", file), ("camera", camera(language, once=True)))
    shown = "".join(
        f'<div data-panel="{way}"{"" if way == "draw" else " hidden"}>{panel}</div>' for way, panel in panels
    )
    swap = safe(say("Swap light and dark", language))
    return (
        f'<div class="give"><div class="ways" role="group">{ways}</div>{shown}'
        f'<label class="swap"><input type="checkbox" class="negative"> {swap}</label></div>'
    )


def pile(count: int, least: int, language: str = "en") -> str:
    """How many drawings and photographs there are, and how many it takes."""
    if not count:
        return ""
    if count < least:
        sentence = say("{n} so far; it takes at least {least}.", language, n=count, least=least)
    else:
        sentence = say("{n} so far. More make a better model.", language, n=count)
    return f'<p class="note">{safe(sentence)}</p>'
