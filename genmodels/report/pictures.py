"""The pictures behind a report card: nearest pairs, originals over rebuilds, and how well each kind is hit."""

from __future__ import annotations

import numpy as np

from ..evaluation.result import Evaluation, Nearest
from ..evaluations.evidence import Report
from ..images import grid
from ..markup import safe, webp_uri
from .base import Say, plain

COLUMNS = 8  # of rebuilt pictures


def pairs(report: Report, say: Say = plain) -> str:
    """Made pictures beside those they are most like, the most suspicious first.

    One in a hundred new real pictures is nearer than "suspicious" allows, so a pair is called that only where the
    test over all pictures found copies.
    """
    if report.evidence is None or not len(report.evidence.pairs):
        return ""
    shown = zip(report.evaluation.nearest, report.evidence.pairs, strict=False)
    copied = report.evaluation.copying == "copied"
    tiles = "".join(_pair(each, pair, copied and each.suspicious, say) for each, pair in shown)
    told = say("Left: made. Right: the picture it learned from that is most like it.") + " "
    if copied:
        told += say("The most suspicious come first.")
    elif report.evaluation.copying:
        told += say("The nearest come first; new real pictures come as near.")
    else:
        told += say("The nearest come first; none were held out to compare with.")
    return f'<p class="told">{safe(told)}</p><div class="pairs">{tiles}</div>'


def _pair(each: Nearest, pair: np.ndarray, suspicious: bool, say: Say) -> str:
    times = each.distance / each.typical if each.typical else 0.0
    spoken = say("Made picture {n} and the nearest one it learned from", n=each.index + 1)
    said = say("{times} of the usual distance", times=f"{times:.1f}")
    words = [say("suspicious"), said] if suspicious else [said]
    words += [say("chosen at random")] if each.chosen == "random" else []
    flag = " pair-suspicious" if suspicious else ""
    return (
        f'<figure class="pair{flag}"><img src="{webp_uri(grid(pair, 2))}" alt="{safe(spoken)}">'
        f"<figcaption>{safe(', '.join(words))}</figcaption></figure>"
    )


def rebuilt(report: Report, say: Say = plain) -> str:
    """Held-out pictures where there are any, and below each what came back."""
    if report.evidence is None or not len(report.evidence.rebuilt):
        return ""
    rows, both = [], report.evidence.rebuilt
    for start in range(0, len(both), COLUMNS):
        part = both[start : start + COLUMNS]
        sheet = grid(np.concatenate([part[:, 0], part[:, 1]]), len(part))
        rows.append(f'<img src="{webp_uri(sheet)}" style="--columns:{len(part)}" alt="">')
    told = say("Above: pictures it never saw. Below each: what came back after squeezing it into a few numbers.")
    if report.evaluation.protocol.against == "training":
        told = say("Above: pictures it learned from. Below each: what came back after squeezing it into a few numbers.")
    return f'<p class="told">{safe(told)}</p><div class="rebuilt">{"".join(rows)}</div>'


def kinds(evaluation: Evaluation, say: Say = plain) -> str:
    """How well each kind is hit, the weakest first."""
    if not evaluation.classes:
        return ""
    told = say("How many came out as the kind that was asked for, the weakest first.")
    rows = "".join(
        f'<li><span class="kind-name">{safe(each.name)}</span><span class="kind-bar"><i style="width:'
        f'{100 * each.recall:.0f}%"></i></span><span class="kind-share">{100 * each.recall:.0f} %</span></li>'
        for each in sorted(evaluation.classes, key=lambda each: each.recall)
    )
    longest = min(11, max(len(each.name) for each in evaluation.classes))
    return f'<p class="told">{safe(told)}</p><ul class="kinds" style="--name:{longest + 1}ch">{rows}</ul>'
