"""The report card in words: each aspect with its sentence and its bar; one model, or two in two columns."""

from __future__ import annotations

from collections.abc import Sequence

from ..evaluation import verdict
from ..evaluation.result import Evaluation
from ..evaluation.verdict import Verdict, headline, verdicts
from ..evaluations.evidence import Report
from ..images import grid
from ..markup import safe, webp_uri
from .base import Say, plain, title_of

SENTENCES = {  # what each aspect is called
    "realism": "Realism",
    "variety": "Variety",
    "both": "Both in one",
    "distance": "Distance to real pictures",
    "copies": "Did it copy?",
    "rebuilding": "Rebuilding",
    "right": "Draws what was asked",
}


def card(report: Report, say: Say = plain, wall: bool = False) -> str:
    """What was found, in words, each with its bar; with its wall beside the headline, if wanted."""
    rows = "".join(_row([each], None, say) for each in verdicts(report.evaluation))
    head = f"<div>{_head(report.evaluation, say)}{_legend(say)}</div>"
    if wall:
        head += f'<img class="report-wall" src="{webp_uri(grid(report.wall.pixels, report.wall.columns))}" alt="">'
    return f'<section class="report"><div class="report-top">{head}</div><div class="verdicts">{rows}</div></section>'


def two_cards(one: Report, other: Report, say: Say = plain) -> str:
    """Two models in two columns. Raises Trouble where their numbers may not stand side by side."""
    ahead = verdict.better(one.evaluation, other.evaluation)
    found = [{each.aspect: each for each in verdicts(report.evaluation)} for report in (one, other)]
    if all("copies" in each and each["copies"].level == "good" for each in found):
        ahead["copies"] = 0  # nobody copies less than not at all
    rows = [
        _row([each.get(aspect) for each in found], ahead.get(verdict.NUMBERS[aspect]), say)
        for aspect in verdict.NUMBERS
        if any(aspect in each for each in found)
    ]
    heads = "".join(f"<div><h3>{safe(each.name)}</h3>{_head(each.evaluation, say)}</div>" for each in (one, other))
    cards = f'<div class="report-heads">{heads}</div>{_legend(say)}<div class="verdicts">{"".join(rows)}</div>'
    return f'<section class="report report-two">{cards}</section>'


def _head(evaluation: Evaluation, say: Say) -> str:
    level, template = headline(evaluation)
    return (
        f'<p class="headline level-{level}">{safe(say(template))}</p><p class="against">{_against(evaluation, say)}</p>'
    )


def _against(evaluation: Evaluation, say: Say) -> str:
    asked = evaluation.protocol
    facts = {"made": f"{asked.made:,}", "real": f"{asked.real:,}", "set": say(title_of(asked.set))}
    if asked.against == "held-out":
        return safe(say("{made} of its pictures, judged beside {real} real ones that it never saw: {set}.", **facts))
    return safe(say("{made} of its pictures, judged beside all {real} that it learned from: {set}.", **facts))


def _legend(say: Say) -> str:
    dot = safe(say("this model, and how sure that is"))
    mark = safe(say("real pictures"))
    return (
        f'<p class="legend"><span class="legend-dot"></span>{dot} <span class="legend-mark"></span>{mark}'
        f" <span>{safe(say('further right is better'))}</span></p>"
    )


def _row(cells: Sequence[Verdict | None], ahead: int | None, say: Say) -> str:
    """One aspect of one model or two. `ahead`: which is better (1, 2), 0 too close to call, None not compared."""
    aspect = next(each.aspect for each in cells if each is not None)
    shown = "".join(_cell(each, ahead == place, say) for place, each in enumerate(cells, start=1))
    close = f'<span class="close-call">{safe(say("too close to call"))}</span>' if ahead == 0 else ""
    name = safe(say(SENTENCES[aspect]))
    return f'<div class="verdict"><h4 class="verdict-name">{name}{close}</h4>{shown}</div>'


def _cell(each: Verdict | None, ahead: bool, say: Say) -> str:
    if each is None:
        return f'<div class="verdict-cell"><p class="said quiet">{safe(say("Not measured."))}</p></div>'
    said = safe(say(each.template, **each.facts))
    if each.aside:
        said += f' <span class="aside">{safe(say(each.aside, **each.facts))}</span>'
    flag = f' <b class="ahead">{safe(say("clearly better"))}</b>' if ahead else ""
    return f'<div class="verdict-cell level-{each.level}"><p class="said">{said}{flag}</p>{_scale(each)}</div>'


def _scale(each: Verdict) -> str:
    """A bar with the band, the model's place on it, and the mark of real pictures. The sentence beside it says it."""
    left, right = 100 * min(each.low, each.place), 100 * max(each.high, each.place)
    mark = "" if each.mark is None else f'<i class="mark" style="left:{100 * each.mark:.1f}%"></i>'
    return (
        f'<span class="scale" aria-hidden="true"><i class="reach" style="width:{100 * each.place:.1f}%"></i>'
        f'<i class="band" style="left:{left:.1f}%;width:{max(0.8, right - left):.1f}%"></i>{mark}'
        f'<i class="dot" style="left:{100 * each.place:.1f}%"></i></span>'
    )
