"""Plain data of training -> what is seen: promises, runs, a run as it goes (pure functions)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..runs import Look
from .views import bar, left, live, note, safe, sheet_uri, spoken_of, strip
from .words import number, say, seconds, size

CURVES = {  # what the numbers of a run are called, and which stand on one chart
    "critic": "Critic's loss",
    "generator": "Generator's loss",
    "rebuilding": "Error of rebuilding",
    "squeezing": "Cost of the code",
    "critic sure": "How sure the critic is",
    "frechet": "Distance to the real pictures",
    "precision": "Realism, at a quick look",
    "recall": "Variety, at a quick look",
    "variety": "Difference between pictures, of the real ones'",
}
SHARES = ("critic sure", "variety", "precision", "recall")  # curves between 0 and 1, shown in percent
REPAIRS = {
    "collapse": "Repair: back to the last varied moment",
    "critic": "Repair: slow the critic down",
}
STATES = {
    "ready": "not started",
    "waiting": "waiting",
    "starting": "starting",
    "running": "learning",
    "pausing": "pausing",
    "stopping": "finishing",
    "paused": "paused",
    "finished": "finished",
    "failed": "stopped",
    "interrupted": "interrupted",
}
GOING = ("starting", "running", "pausing", "stopping")


# ---- the model


def promise(facts: dict[str, Any] | None, like: Any = None, language: str = "en") -> str:
    """What an order will take, before it is started. `like` is a model that ships, of the same kind."""
    if facts is None:
        return note(say("Finding out what this machine can do …", language))
    rows = [(say("Time", language), _time(facts, language))]
    if facts.get("images"):
        rows.append((say("It looks at", language), say("{n} pictures", language, n=_rounded(facts["images"]))))
    else:
        speed = say("{n} pictures a second", language, n=_rounded(facts["images_per_second"]))
        rows.append((say("It looks at", language), speed))
    rows.append((say("Memory", language), size(facts["memory"], language)))
    shown = "".join(f"<dt>{safe(key)}</dt><dd>{safe(value)}</dd>" for key, value in rows)
    example = ""
    if like is not None:
        taken = seconds(like.trained.get("seconds", 0), language)
        spoken = say(
            "For comparison: {name}, which ships, after {time} of learning", language, name=like.name, time=taken
        )
        example = f'<figure class="example">{strip(like.strip)}<figcaption>{safe(spoken)}</figcaption></figure>'
    return f'<div class="promise"><dl class="recipe">{shown}</dl>{example}</div>'


def _time(facts: dict[str, Any], language: str) -> str:
    return seconds(facts["seconds"], language) if facts.get("seconds") else say("until you stop it", language)


def _rounded(value: float) -> str:
    """Two figures are all that a promise can hold."""
    digits = max(0, len(str(int(value))) - 2)
    return number(round(value, -digits))


# ---- runs


def runs(looks: Sequence[Look], chosen: str, language: str = "en") -> str:
    """Every run with its state; the newest first."""
    if not looks:
        return note(say("No runs yet. The Train room begins one.", language))
    cards = "".join(_run_card(look, look.key == chosen, language) for look in looks)
    return f'<div class="runs" role="group" data-choose aria-label="{safe(say("Runs", language))}">{cards}</div>'


def _run_card(look: Look, chosen: bool, language: str) -> str:
    picture = '<span class="thumb"></span>'
    if look.previews and look.previews[-1].file.exists():
        picture = f'<img class="thumb" src="{sheet_uri(look.previews[-1].file.read_bytes())}" alt="">'
    tag = "tag tag-live" if look.alive else "tag"
    state = safe(say(STATES.get(look.state, look.state), language))
    return (
        f'<button type="button" class="card run-card" data-pick="run" data-run="{safe(look.key)}" '
        f'aria-pressed="{str(chosen).lower()}">{picture}<span class="card-name">{safe(look.name)} '
        f'<span class="{tag}">{state}</span></span>'
        f'<span class="card-about">{safe(spoken_of(look, language))}</span></button>'
    )


# ---- a run as it goes


def ready(language: str = "en") -> str:
    """The word between Start and the first news of a run."""
    return f'<div class="status">{bar(0.0, say("Getting ready.", language))}</div>'


def status(look: Look | None, language: str = "en") -> str:
    """Where a run is, in a sentence, with how far and how long still."""
    if look is None:
        return note(say("Press Start, and watch the same pictures get better.", language))
    spoken, done = spoken_of(look, language), look.progress
    name = f'<p class="run-name">{safe(look.name)}</p>'
    if look.state in GOING and done:
        aside = left(done.remaining, language)
        if done.remaining is None:
            aside = say("{time} so far", language, time=seconds(done.seconds, language))
        seen_so_far = say("{n} pictures seen", language, n=number(done.images))
        return f'<div class="status">{name}{bar(done.fraction, f"{spoken} {seen_so_far}.", aside)}</div>'
    kind = {"finished": "good", "failed": "warn", "interrupted": "warn"}.get(look.state, "plain")
    details = ""
    if look.details:
        title = safe(say("Details", language))
        details = f'<details class="details"><summary>{title}</summary><pre>{safe(look.details)}</pre></details>'
    return f'<div class="status">{name}{note(spoken, kind)}{details}</div>'


def moment(sheet: bytes, look: Look | None, at: int, language: str = "en") -> str:
    """The pictures of one moment of a run, and which moment it is."""
    if look is None or not sheet:
        told = say("Here your model draws the same pictures again and again, better each time.", language)
        if look is not None and look.alive:
            told = say("The first pictures are on their way.", language)
        return f'<div class="live-wall wall wall-empty"><p>{safe(told)}</p></div>'
    shown = look.previews[at]
    told = say("After {n} pictures, {time}", language, n=number(shown.images), time=seconds(shown.seconds, language))
    return live(sheet_uri(sheet), told)


def keeps(look: Look | None, at: int, language: str = "en") -> str:
    """What the button under the time machine makes a model of: the saved moment nearest to the one shown."""
    if look is None or not look.points or not look.previews:
        return say("Make this moment the model", language)
    point, shown = look.nearest(at), look.previews[at]
    if abs(point.seconds - shown.seconds) < 1:
        return say("Make this moment the model", language)
    facts = {"n": number(point.images), "time": seconds(point.seconds, language)}
    return say("Make the nearest saved moment the model: {n} pictures, {time}", language, **facts)


def best(look: Look | None, language: str = "en") -> str:
    """What the button for the best moment says; "" where the last moment is the best, or nothing was scored."""
    if look is None or look.best is None or look.best == look.points[-1]:
        return ""
    facts = {"n": number(look.best.images), "time": seconds(look.best.seconds, language)}
    return say("Take the best moment: {n} pictures, {time}", language, **facts)


def doctor(look: Look | None, language: str = "en") -> str:
    """What goes wrong, and what was done about it."""
    if look is None:
        return ""
    notes = [note(spoken_of(look.segments[-1], language))] if look.segments else []
    if look.problems:
        problem = look.problems[-1]
        title = safe(say("Doctor's note", language))
        sentence = safe(spoken_of(problem, language))
        notes.append(f'<p class="note note-warn" role="alert"><b>{title}</b><br>{sentence}</p>')
    return "".join(notes)


def curves(look: Look | None, language: str = "en") -> str:
    """The numbers of a run as small charts with plain names."""
    if look is None:
        return ""
    known = {**look.curves, **look.scores}
    charts = [_chart(name, known[name], language) for name in CURVES if len(known.get(name, ())) > 1]
    charts += [
        _chart(name, values, language) for name, values in known.items() if name not in CURVES and len(values) > 1
    ]
    return f'<div class="curves">{"".join(charts)}</div>' if charts else ""


def _chart(name: str, values: list[tuple[float, float]], language: str, width: int = 240, height: int = 64) -> str:
    points = values[:: max(1, len(values) // 120)]
    if points[-1] != values[-1]:
        points = [*points, values[-1]]
    across = max(point[0] for point in points) or 1
    low, high = _limits(name, [point[1] for point in points])
    path = " ".join(
        f"{width * x / across:.1f},{height - 4 - (height - 8) * (min(max(y, low), high) - low) / (high - low):.1f}"
        for x, y in points
    )
    newest = _figure(name, values[-1][1])
    title = safe(say(CURVES.get(name, name), language))
    return (
        f'<figure class="curve"><figcaption><span>{title}</span><b>{newest}</b></figcaption>'
        f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" role="img" aria-label="{title}: {newest}">'
        f'<polyline points="{path}"/></svg></figure>'
    )


def _figure(name: str, value: float) -> str:
    if name in SHARES:
        return f"{100 * value:.0f} %"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _limits(name: str, values: list[float]) -> tuple[float, float]:
    """What a chart spans: shares from 0 to 1, others without their outliers."""
    if name in SHARES:
        return 0.0, max(1.0, *values)
    low, high = np.percentile(values, [1, 99])
    return (float(low), float(high)) if high > low else (float(low) - 1, float(high) + 1)
