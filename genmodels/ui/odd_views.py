"""A ranking of odd pictures -> what is seen of it: each picture, where it differs, and how far (pure functions)."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Sequence

import numpy as np

from ..events import Judged
from ..oddities import Item, Ranking
from .views import bar, hint, left, note, png_uri, safe, spoken_of
from .words import number, say

SHOWN = 40  # pictures on the screen; the others are in the list to save
COLD, HOT = 1.5, 7.0  # spreads from which a place glows, and at which it glows most ...
MOST = 97  # ... unless more than 3 % of the places differ more: then those glow most
EMBER, FLAME = np.array([214, 69, 26.0]), np.array([255, 214, 84.0])


def about(language: str = "en") -> str:
    """What this can do and what it cannot, before anybody trusts it."""
    return hint(
        say(
            "Give pictures, and the model says which of them are least like what it learned, and where. Odd is not "
            "wrong: of ordinary pictures, 5 in 100 are marked as well. It sees shapes at the size it learned, so fine "
            "details escape it. It is no diagnosis.",
            language,
        )
    )


def status(ranking: Ranking | None, language: str = "en") -> str:
    """How it stands, or what came of it, with a sentence for each file that could not be read."""
    if ranking is None:
        return ""
    told = say(ranking.template, language, **ranking.facts)
    if ranking.alive:
        done = ranking.progress
        parts = bar(done.fraction if done else 0.0, told, left(done.remaining if done else None, language))
    elif ranking.items:
        odd = sum(item.score > 1 for item in ranking.items)
        facts = {"n": number(len(ranking.items)), "odd": number(odd), "name": ranking.name}
        told = say("{name} ranked {n} pictures; {odd} are odder than 95 of 100 ordinary ones.", language, **facts)
        parts = note(told, "good")
    else:
        parts = note(spoken_of(ranking.end, language), "warn")
    notes = "".join(note(spoken_of(each, language), "warn") for each in ranking.notes)
    return f'<div class="report">{parts}{notes}{_refused(ranking.refused, language)}</div>'


def _refused(refused: Sequence[Judged], language: str) -> str:
    if not refused:
        return ""
    rows = "".join(
        f'<li><span class="thumb"></span><span><b class="file">{safe(each.name)}</b><br>'
        f"{safe(spoken_of(each, language))}</span></li>"
        for each in refused[:SHOWN]
    )
    title = safe(say("Left out: {n}", language, n=len(refused)))
    return f'<details class="judged" open><summary>{title}</summary><ul>{rows}</ul></details>'


def ranked(ranking: Ranking | None, odd: str = "", language: str = "en") -> str:
    """The pictures, the oddest first; those of the kind `odd` are named as such."""
    if ranking is None or not ranking.items:
        return ""
    legend = say("Of each: as given, where it differs, and the nearest that the model makes.", language)
    if ranking.rebuilds:
        legend = say("Of each: as given, where it differs, and how the model rebuilds it.", language)
    shown, kinds = enumerate(ranking.items[:SHOWN], start=1), bool(ranking.kinds)
    rows = "".join(_row(place, item, odd, kinds, language) for place, item in shown)
    rest = len(ranking.items) - SHOWN
    more = hint(say("And {n} more, less odd than these.", language, n=rest)) if rest > 0 else ""
    ordinary = say(
        "Ordinary is what {n} pictures of the set are like that the model never saw.", language, n=ranking.ordinary
    )
    if ranking.seen:
        ordinary = say(
            "Ordinary is what {n} pictures of the set are like. The model learned from these, so others look odder "
            "than they are.",
            language,
            n=ranking.ordinary,
        )
    return (
        f'<div class="odd-list">{hint(legend)}'
        f'<ol class="odd-rows">{rows}</ol>{more}{_save(ranking, language)}{hint(ordinary)}</div>'
    )


def _row(place: int, item: Item, odd: str, kinds: bool, language: str) -> str:
    less = min(99, int(100 * item.beyond))
    told = say("odder than {n} of 100 ordinary ones", language, n=less)
    mark = f'<b class="tag tag-live">{safe(say("odd", language))}</b>' if item.score > 1 else ""
    kind = f'<span class="tag{" odd-kind" if item.kind == odd else ""}">{safe(item.kind)}</span>'
    kind = kind if item.kind and kinds else ""  # one kind, or very many, tell nothing
    pictures = (item.pixels, glow(item.pixels, item.heat), item.answer)
    shown = "".join(f'<img src="{png_uri(np.asarray(each))}" alt="">' for each in pictures)
    name = item.name.rpartition("/")[2]
    return (
        f'<li><span class="odd-place">{place}</span><span class="odd-pictures">{shown}</span>'
        f'<span class="odd-words"><b class="file" title="{safe(item.name)}">{safe(name)}</b>'
        f"<span>{safe(told)}</span><span>{mark}{kind}</span></span></li>"
    )


def _save(ranking: Ranking, language: str) -> str:
    text = safe(say("Save the list", language))
    uri = "data:text/csv;charset=utf-8;base64," + base64.b64encode(listed(ranking).encode("utf-8-sig")).decode()
    return f'<a class="save" download="odd-pictures.csv" href="{uri}">{text}</a>'


def listed(ranking: Ranking) -> str:
    """The ranking as CSV. A name that a spreadsheet would take for a formula gets a quote before it."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(("place", "name", "kind", "score", "odder than this share of ordinary pictures"))
    for place, item in enumerate(ranking.items, start=1):
        names = [f"'{word}" if word[:1] in ("=", "+", "-", "@", "\t") else word for word in (item.name, item.kind)]
        rows.writerow((place, *names, f"{item.score:.3f}", f"{item.beyond:.3f}"))
    return text.getvalue()


def glow(pixels: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """The picture in grey, glowing where it differs: uint8 [h, w, c], float [h, w] -> uint8 [h, w, 3]."""
    grey = np.asarray(pixels, np.float64).mean(2)[..., None] * 0.6 + 30
    heat = np.asarray(heat, np.float64)
    most = max(HOT, np.percentile(heat, MOST))
    share = ((heat - COLD) / (most - COLD)).clip(0, 1)[..., None]
    colour = EMBER + (FLAME - EMBER) * share
    opaque = np.sqrt(share)
    return (grey * (1 - opaque) + colour * opaque).round().clip(0, 255).astype(np.uint8)


def told_apart(found: tuple[float, float, float] | None, kind: str, ranking: Ranking, language: str = "en") -> str:
    """How well the ranking finds the kind that a person says is odd."""
    if found is None:
        return ""
    value, low, high = found
    odd = sum(item.kind == kind for item in ranking.items)
    pairs = say("An odd picture ranks above an ordinary one in {n} of 100 pairs.", language, n=round(100 * value))
    facts = {"value": f"{value:.3f}", "low": f"{low:.3f}", "high": f"{high:.3f}", "odd": odd}
    band = say(
        "AUROC {value}, 95 % band {low} to {high}, from {odd} odd and {rest} other pictures. By chance it is 0.5.",
        language,
        rest=len(ranking.items) - odd,
        **facts,
    )
    return note(pairs, "good" if low > 0.5 else "plain") + hint(band)
