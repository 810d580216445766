"""Plain data of the pictures to learn from -> what is seen: set cards, cleaning reports (pure functions)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..data.cleaning import Cleaning, counted
from ..data.intake import REASONS
from ..events import Judged
from ..images import grid
from ..markup import png_uri, safe, sheet_uri, webp_uri
from ..sets import PictureSet
from .views import bar, left, note, spoken_of
from .words import number, say

SHOWN = 60  # pictures of each kind in a cleaning report
ONE_REASON = {  # where one is said otherwise than several
    "duplicate": "1 copy",
    "near": "1 near copy",
    "nested": "1 ZIP inside of a ZIP",
    "bomb": "1 that unpacks without end",
    "unsafe": "1 with an unsafe name",
}
OTHER_REASON = "{n} for another reason"


def sets(all_sets: Sequence[PictureSet], chosen: str, language: str = "en") -> str:
    """Every set as a card with its pictures on it."""
    cards = "".join(_set_card(each, each.key == chosen, language) for each in all_sets)
    return (
        f'<div class="sets" role="group" data-choose aria-label="{safe(say("Picture sets", language))}">{cards}</div>'
    )


def _set_card(each: PictureSet, chosen: bool, language: str) -> str:
    facts = [say("{n} pictures", language, n=number(each.count))]
    if each.classes:
        facts.append(say("{n} kinds", language, n=len(each.classes)))
    told = " ".join(f"<span>{safe(fact)}</span>" for fact in facts)
    hint = f"{each.origin} · {each.licence}" if each.licence else each.origin
    return (
        f'<button type="button" class="card set" data-pick="set" data-set="{safe(each.key)}" '
        f'aria-pressed="{str(chosen).lower()}" title="{safe(hint)}">'
        f'<span class="sheet-frame"><img class="sheet" src="{sheet_uri(each.sheet)}" alt=""></span>'
        f'<span class="card-name">{safe(say(each.title, language))}</span>'
        f'<span class="card-about">{told}</span></button>'
    )


def seen(pixels: np.ndarray, language: str = "en") -> str:
    """What the model will see, exactly."""
    return (
        f'<figure class="seen"><img src="{webp_uri(grid(pixels, 12))}" alt="">'
        f"<figcaption>{safe(say('This is what the model will see.', language))}</figcaption></figure>"
    )


def cleaning(report: Cleaning, language: str = "en") -> str:
    """How looking through uploaded pictures stands, or what came of it, each decision with its button."""
    if report.alive:
        share = report.progress.fraction if report.progress else 0.0
        remaining = report.progress.remaining if report.progress else None
        spoken = say("Looking through your pictures: {n} kept so far", language, n=len(report.kept))
        moving = f'<img class="seen-now" src="{sheet_uri(report.preview)}" alt="">' if report.preview else ""
        return f'<div class="report">{bar(share, spoken, left(remaining, language))}{moving}</div>'
    end = report.end
    kind = "good" if end.kind == "finished" else "warn"
    spoken = spoken_of(end, language)
    reasons = [
        say(
            ONE_REASON.get(reason, REASONS.get(reason, OTHER_REASON)) if n == 1 else REASONS.get(reason, OTHER_REASON),
            language,
            n=n,
        )
        for reason, n in counted(report.refused).items()
    ]
    told = f"{spoken} {'; '.join(reasons)}." if reasons else spoken
    notes = "".join(note(spoken_of(each, language), "warn") for each in report.notes)
    if "least" in end.facts:
        notes += note(say("What you add next joins these; nothing has to be added twice.", language))
    parts = (note(told, kind), notes, _refused(report, language), _kept(report, language), _gone(report, language))
    return f'<div class="report">{"".join(parts)}</div>'


def _refused(report: Cleaning, language: str) -> str:
    if not report.refused:
        return ""
    rows = "".join(_refusal(event, report.key, report.thumbs, language) for event in report.refused[:SHOWN])
    title = safe(say("Left out: {n}", language, n=len(report.refused)))
    return f'<details class="judged" open><summary>{title}</summary><ul>{rows}</ul></details>'


def _refusal(event: Judged, key: str, thumbs: np.ndarray | None, language: str) -> str:
    facts = event.facts
    place = facts.get("thumb")
    shown = thumbs is not None and isinstance(place, int) and place < len(thumbs)
    picture = f'<img class="thumb" src="{png_uri(thumbs[place])}" alt="">' if shown else '<span class="thumb"></span>'
    words = {key: value for key, value in facts.items() if key not in ("thumb", "can_keep")}
    button = ""
    if facts.get("can_keep"):
        label = safe(say("Keep it", language))
        button = (
            f'<button type="button" class="small" data-pick="keep" data-name="{safe(event.name)}" '
            f'data-set="{safe(key)}">{label}</button>'
        )
    return (
        f'<li>{picture}<span><b class="file">{safe(event.name)}</b><br>'
        f"{safe(say(event.template, language, **words))}</span>{button}</li>"
    )


def _kept(report: Cleaning, language: str) -> str:
    if report.pictures is None or report.end.kind != "finished":
        return ""
    hint = safe(say("Leave it out", language))
    shown = zip(report.kept[:SHOWN], report.pictures, strict=False)
    tiles = "".join(_kept_tile(report.key, event.name, picture, hint) for event, picture in shown)
    title = safe(say("Kept: {n}. Click one to leave it out", language, n=len(report.kept)))
    return f'<details class="judged"><summary>{title}</summary><div class="kept">{tiles}</div></details>'


def _kept_tile(key: str, name: str, picture: np.ndarray, hint: str) -> str:
    spoken = f"{hint}: {safe(name)}"
    return (
        f'<button type="button" class="tile" data-pick="drop" data-set="{safe(key)}" data-name="{safe(name)}" '
        f'title="{spoken}"><img class="thumb" src="{png_uri(picture)}" alt="{spoken}"></button>'
    )


def _gone(report: Cleaning, language: str) -> str:
    """Deleting asks first: the button lies folded up."""
    made = report.end is not None and report.end.kind == "finished"
    title = safe(say("Delete this set" if made else "Begin again without these", language))
    button = safe(say("Delete for good", language))
    return (
        f'<details class="judged"><summary>{title}</summary><button type="button" class="small" data-pick="delete" '
        f'data-set="{safe(report.key)}">{button}</button></details>'
    )
