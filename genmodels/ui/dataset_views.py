"""Plain data of a data set on the Hub -> what is seen: what it holds, and what getting some of it costs (pure)."""

from __future__ import annotations

from ..hub.dataset_about import DatasetAbout
from ..hub.dataset_rows import cost, evenly
from ..markup import safe
from .views import hint, note, sheet_uri
from .words import number, say, size

SHOWN = 12  # names of kinds, and parts


def about(found: DatasetAbout, language: str = "en") -> str:
    """What a data set holds: licence, parts, kinds; every word of its owners shown as text."""
    rows = [(say("Licence", language), _licence(found, language))]
    for labels in found.label_columns:
        if labels.kinds:
            title = say("Kinds", language) if len(found.label_columns) == 1 else labels.name
            rows.append((title, _kinds(labels.kinds, language)))
    facts = "".join(f"<dt>{safe(key)}</dt><dd>{safe(value)}</dd>" for key, value in rows)
    tags = [say("private", language)] if found.private else []
    tags += [say("with conditions", language)] if found.gated else []
    marks = "".join(f' <span class="tag">{safe(tag)}</span>' for tag in tags)
    parts = "".join(_part(split, language) for split in found.splits[:SHOWN])
    notes = ""
    if found.converted:
        notes += hint(say("Read from the copy that the Hub keeps of it as tables.", language))
    if not found.licence:
        notes += note(
            say(
                "It does not say what may be done with its pictures. Ask its owners before you publish what you make.",
                language,
            ),
            "warn",
        )
    return (
        f'<section class="dataset"><h3 class="run-name">{safe(found.repo)}{marks}</h3>'
        f'<dl class="recipe">{facts}</dl><ul class="parts">{parts}</ul>{notes}</section>'
    )


def glimpse(sheet: bytes, language: str = "en") -> str:
    """Some of its pictures, where there are any to show."""
    if not sheet:
        return ""
    told = safe(say("Some of its pictures", language))
    return f'<figure class="seen"><img src="{sheet_uri(sheet)}" alt="{told}"></figure>'


def _licence(found: DatasetAbout, language: str) -> str:
    return found.licence or say("not said", language)


def _kinds(kinds: tuple[str, ...], language: str) -> str:
    named = ", ".join(evenly(list(kinds), SHOWN))
    return named if len(kinds) <= SHOWN else say("{n} kinds: {names} ...", language, n=number(len(kinds)), names=named)


def _part(split, language: str) -> str:
    count = say("{n} pictures", language, n=number(split.pictures)) if split.pictures is not None else ""
    told = " · ".join(filter(None, (count, size(split.bytes, language))))
    return f"<li><b>{safe(split.name)}</b> <span>{safe(told)}</span></li>"


def costs(found: DatasetAbout, part: str, most: int, megabytes: int, language: str = "en") -> str:
    """How many pictures that will be, and about how much is downloaded for them."""
    split = found.split(part)
    needed = cost(found, split, most, megabytes * 1e6) if split else None
    if needed is None:
        return hint(
            say("Up to {n} pictures, and at most {mb} MB of downloads.", language, n=number(most), mb=megabytes)
        )
    told = {"n": number(min(most, split.pictures)), "all": number(split.pictures)}
    told["size"] = size(min(needed, megabytes * 1_000_000), language)
    return hint(say("{n} of {all} pictures, from all over it: about {size} to download.", language, **told))
