"""Evaluations -> what is seen on the Evaluate tab: progress, the card, what is missing (pure functions)."""

from __future__ import annotations

from collections.abc import Sequence

from .. import report
from ..evaluations import Judging
from ..evaluations.desk import Desk
from ..evaluations.evidence import Report
from ..images import grid
from ..markup import safe, webp_uri
from ..walls import Wall
from . import views
from .words import number, say, seconds


def _say(language: str) -> report.Say:
    """The reader's language, for a report."""
    return lambda template, **facts: say(template, language, **facts)


def shown(desk: Desk, language: str = "en") -> str:
    """What lies on the desk: a report card, two in two columns, or why there is none."""
    if desk.model is None:
        return views.note(say("There is no model yet. Train one, and judge it here.", language))
    if desk.other is None:
        return _card(next(iter(desk.reports), None), desk, language)
    if len(desk.reports) == 2:
        return _both(*desk.reports, language)
    walls = f'<div class="two-walls">{"".join(_wall(wall, language) for wall in desk.walls)}</div>'
    if desk.refusal is None:
        why = views.note(
            say("Judge {name} first, then the two can stand side by side.", language, name=desk.model.name)
        )
    else:
        why = views.note(say(desk.refusal.template, language, **desk.refusal.facts), "warn")
        if not desk.alike:
            told = safe(say("These two cannot be compared like this.", language))
            why = f'<div class="no-report"><p class="headline">{told}</p>{why}</div>'
    alone = "".join(report.card(found, _say(language)) + _folded(found, "", language) for found in desk.reports)
    return walls + why + alone


def alike(desk: Desk, language: str = "en") -> str:
    """The button that makes two models comparable; "" where none would."""
    if not desk.alike or desk.other is None:
        return ""
    return say("Judge {name} the same way", language, name=desk.other.name)


def _card(found: Report | None, desk: Desk, language: str) -> str:
    if found is None:
        told = safe(say("{name} has not been judged against these pictures yet.", language, name=desk.model.name))
        hint = safe(say("Judge it, and its report card appears here, in words and numbers.", language))
        hint = f"<p>{hint}</p>"
        if desk.misfit:  # the reason stands beside the choice
            told, hint = safe(say("{name} cannot be judged beside these pictures.", language, name=desk.model.name)), ""
        walls = "".join(_wall(wall, language) for wall in desk.walls)
        return f'<div class="no-report"><p class="headline">{told}</p>{hint}{walls}</div>'
    return report.card(found, _say(language), wall=True) + _folded(found, "", language)


def _both(one: Report, other: Report, language: str) -> str:
    """Two walls of the same seeds, and a card in two columns."""
    walls = "".join(_wall(each.wall, language) for each in (one, other))
    folded = "".join(_folded(each, each.name, language) for each in (one, other))
    return f'<div class="two-walls">{walls}</div>{report.two_cards(one, other, _say(language))}{folded}'


def _wall(wall: Wall, language: str) -> str:
    spoken = say("{name}, seed {seed}", language, name=wall.model.name, seed=wall.ask.seed)
    return views.live(webp_uri(grid(wall.pixels, wall.columns)), spoken)


def _folded(found: Report, name: str, language: str) -> str:
    title = say("The numbers of {name}", language, name=name) if name else say("The numbers", language)
    shown = report.numbers(found.evaluation, _say(language))
    return f'<details class="details"><summary>{safe(title)}</summary>{shown}</details>'


def proof(reports: Sequence[Report], language: str = "en") -> str:
    """The pictures behind one model's card: nearest pairs, originals over rebuilds, kind by kind."""
    if len(reports) != 1:
        return ""
    found, spoken = reports[0], _say(language)
    parts = (
        (say("Beside what it learned from", language), report.pairs(found, spoken)),
        (say("Rebuilding", language), report.rebuilt(found, spoken)),
        (say("Kind by kind", language), report.kinds(found.evaluation, spoken)),
    )
    shown = [f'<section class="proof">{views.title(title)}{part}</section>' for title, part in parts if part]
    return "".join(shown)


def proof_to_come(desk: Desk, language: str = "en") -> str:
    """The word in their place while they are being drawn."""
    if len(desk.reports) != 1 or not (desk.reports[0].evaluation.nearest or desk.reports[0].evaluation.rebuilt):
        return ""
    return views.hint(say("The pictures behind it are being drawn …", language))


def progress(judging: Judging | None, language: str = "en") -> str:
    """Where judging is: its place in the queue, how far and how long still, or how it ended."""
    if judging is None:
        return ""
    spoken = views.spoken_of(judging, language)
    if judging.alive:
        done = judging.progress
        share, remaining = (done.fraction, done.remaining) if done else (0.0, None)
        return f'<div class="status">{views.bar(share, spoken, views.left(remaining, language))}</div>'
    if judging.state == "finished":
        found = judging.evaluation
        facts = {"name": found.model, "time": seconds(found.seconds, language)} if found else {}
        return views.note(say("{name} was judged in {time}.", language, **facts), "good") if found else ""
    details = ""
    if judging.details:
        title = safe(say("Details", language))
        details = f'<details class="details"><summary>{title}</summary><pre>{safe(judging.details)}</pre></details>'
    return f'<div class="status">{views.note(spoken, "warn")}{details}</div>'


def sets(desk: Desk, language: str = "en") -> list[tuple[str, str]]:
    """Every set by its title, and its key; the one that the model learned from comes first and says so."""
    choices = []
    for each in sorted(desk.sets, key=lambda each: each.key != desk.home):
        told = f"{say(each.title, language)} ({number(each.count)})"
        if each.key == desk.home:
            told = say("{set}: it learned from these", language, set=say(each.title, language))
        choices.append((told, each.key))
    return choices


def others(desk: Desk, language: str = "en") -> list[tuple[str, str]]:
    """Every other model by its name, and its key; those that draw the same kind of picture first."""
    mine = desk.model.picture if desk.model else None
    rest = [each for each in desk.models if desk.model is None or each.key != desk.model.key]
    rest.sort(key=lambda each: each.picture != mine)
    return [(say("Nothing: one model alone", language), ""), *((each.name, each.key) for each in rest)]
