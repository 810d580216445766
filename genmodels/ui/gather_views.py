"""The drawing pad and the camera, as HTML; what they do is in gather.js."""

from __future__ import annotations

from ..markup import safe
from .words import say


def pad(language: str = "en") -> str:
    """A white square to draw on."""
    spoken, ink = safe(say("Drawing pad", language)), safe(say("Ink", language))
    wipe, add = safe(say("Wipe", language)), safe(say("Add this drawing", language))
    return (
        f'<div class="gather"><canvas class="pad" width="256" height="256" role="img" aria-label="{spoken}"></canvas>'
        f'<div class="gather-row"><label>{ink} <input type="color" class="ink" value="#1e1a17"></label>'
        f'<button type="button" class="small wipe">{wipe}</button>'
        f'<button type="button" class="small add">{add}</button></div></div>'
    )


def camera(language: str = "en") -> str:
    """What the camera sees, and a button to hold."""
    refused = say("The camera cannot be used here: it is missing, or the browser was told not to.", language)
    start = say("What it sees goes to this studio and nowhere else.", language)
    return (
        '<div class="gather"><video class="camera" muted playsinline></video>'
        f'<p class="camera-words" data-refused="{safe(refused)}">{safe(start)}</p><div class="gather-row">'
        f'<button type="button" class="small open">{safe(say("Open the camera", language))}</button>'
        f'<button type="button" class="small hold" disabled>{safe(say("Hold to photograph", language))}</button>'
        "</div></div>"
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
