"""Report: an evaluation as a card in words, and as one page to print or forward: whole, and nothing from outside."""

from __future__ import annotations

import datetime
import pathlib
from collections.abc import Sequence

from .. import __version__
from ..evaluations.evidence import Report
from ..images import grid
from ..library import slug
from ..markup import safe, webp_uri
from .base import Say, plain
from .card import card, two_cards
from .numbers import numbers
from .pictures import kinds, pairs, rebuilt

__all__ = ["Report", "Say", "card", "kinds", "numbers", "page", "pairs", "plain", "rebuilt", "two_cards", "write"]
STYLE = pathlib.Path(__file__).with_name("report.css")
PAPER = STYLE.with_name("paper.css")  # what the screens have already: colours, type, the sheet of paper


def page(reports: Sequence[Report], say: Say = plain, language: str = "en") -> str:
    """One model, or two side by side, as one HTML page that opens from the disk and prints well."""
    names = " · ".join(report.name for report in reports)
    style = PAPER.read_text(encoding="utf-8") + STYLE.read_text(encoding="utf-8")
    title = safe(say("Report card: {name}", name=names))
    body = two_cards(*reports, say=say) if len(reports) > 1 else card(reports[0], say)
    parts = [f"<h1>{title}</h1>", f'<p class="made-with">{_made(say)}</p>', _walls(reports, say), body]
    parts += [_more(report, len(reports) > 1, say) for report in reports]
    return (
        f'<!DOCTYPE html>\n<html lang="{safe(language)}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title><style>{style}</style></head>'
        f"<body>{''.join(parts)}</body></html>\n"
    )


def write(reports: Sequence[Report], into: pathlib.Path, say: Say = plain) -> pathlib.Path:
    """The page as a file in the folder `into`, named after the models."""
    target = into / f"{slug(' '.join(['report', *(report.name for report in reports)]), 80)}.html"
    target.write_text(page(reports, say), encoding="utf-8")
    return target


def _made(say: Say) -> str:
    today = datetime.date.today().isoformat()
    return safe(say("Made with GenModels Studio {version} on {date}.", version=__version__, date=today))


def _walls(reports: Sequence[Report], say: Say) -> str:
    shown = []
    for report in reports:
        model, wall = report.wall.model, report.wall
        about = f"{model.name} · {model.family.upper()} · {model.picture.size} px"
        spoken = say("Pictures of seed {seed}, as they come: none was chosen.", seed=wall.ask.seed)
        shown.append(
            f'<figure><img src="{webp_uri(grid(wall.pixels, wall.columns))}" alt="{safe(about)}">'
            f"<figcaption>{safe(about)}. {safe(spoken)}</figcaption></figure>"
        )
    return f'<div class="walls">{"".join(shown)}</div>'


def _more(report: Report, named: bool, say: Say) -> str:
    sections = (
        (say("Beside what it learned from"), pairs(report, say)),
        (say("Rebuilding"), rebuilt(report, say)),
        (say("Kind by kind"), kinds(report.evaluation, say)),
        (say("The numbers"), numbers(report.evaluation, say)),
    )
    whose = f"{report.name}: " if named else ""
    return "".join(f"<section><h2>{safe(whose + title)}</h2>{shown}</section>" for title, shown in sections if shown)
