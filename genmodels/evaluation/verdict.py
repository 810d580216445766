"""Verdict: what the numbers of an evaluation mean, in words a lay person reads, beside what real pictures get."""

from __future__ import annotations

import dataclasses
from typing import Literal

from ..events import Facts
from .result import Evaluation, Number, Protocol, side_by_side

Level = Literal["good", "fair", "poor"]
GOOD, FAIR = 0.95, 0.75  # shares of what real pictures get
CLOSE, NEAR = 1.5, 4.0  # times the distance that real pictures have
CLEAR, SOFT = 0.90, 0.70  # structural similarity of a rebuilt picture
NUMBERS = {  # the aspects of a report card in their order, and the number behind each
    "realism": "precision",
    "variety": "recall",
    "both": "f1",
    "distance": "frechet",
    "copies": "copies",
    "rebuilding": "ssim",
    "right": "right",
}
SENTENCES = {
    "realism good": "Convincing: the judge finds {n} in 100 of its pictures among real ones.",
    "realism fair": "Mostly convincing: the judge finds {n} in 100 of its pictures among real ones.",
    "realism poor": "Often off: the judge finds {n} in 100 of its pictures among real ones.",
    "realism real": "Of real pictures, it finds {real}.",
    "variety good": "Varied: it makes something like {n} in 100 of the real pictures.",
    "variety fair": "Fairly varied: it makes something like {n} in 100 of the real pictures.",
    "variety poor": "Little variety: it makes something like {n} in 100 of the real pictures.",
    "variety real": "Other real pictures reach {real}.",
    "both good": "Realistic and varied at once: {n} points of 100.",
    "both fair": "Nearly there: {n} points of 100.",
    "both poor": "Not there yet: {n} points of 100.",
    "both real": "Real pictures get {real}.",
    "distance best": "As close as other real pictures are.",
    "distance good": "Very close: {times} times what real pictures get.",
    "distance fair": "Close: {times} times what real pictures get.",
    "distance poor": "Far: {times} times what real pictures get.",
    "distance alone": "{value}, with nothing to compare it with.",
    "copies good": "No: its pictures are no nearer to those it learned from than new real pictures are.",
    "copies fair": "Perhaps a few: {n} in 100 are nearer to a picture it learned from than one would expect.",
    "copies poor": "Yes: {n} in 100 are nearly the same as a picture that it learned from.",
    "copies real": "Of new real pictures, {real} in 100 are.",
    "rebuilding good": "What is put in comes out nearly the same: {n} points of 100.",
    "rebuilding fair": "What is put in comes out a little changed: {n} points of 100.",
    "rebuilding poor": "What is put in comes out much changed: {n} points of 100.",
    "right good": "It draws what it is asked for: {n} in 100 are recognised as that.",
    "right fair": "Mostly it draws what it is asked for: {n} in 100 are recognised as that.",
    "right poor": "Often it draws something else: {n} in 100 are recognised as what was asked for.",
    "right real": "Of real pictures, {real} in 100 are.",
    "all good": "Realistic and varied: as good as this measure can tell.",
    "all fair": "Nearly as realistic and varied as real pictures.",
    "all copied": "It copies pictures that it learned from.",
    "all repeats": "Realistic, but less varied than real pictures.",
    "all repeats fair": "Mostly realistic, but less varied than real pictures.",
    "all off": "Varied, but its pictures are often off.",
    "all poor": "Neither realistic nor varied yet.",
    "all unknown": "Measured, but not for realism and variety.",
}
ASKED = {  # what each aspect is called where only words can be shown
    "realism": "Realism",
    "variety": "Variety",
    "copies": "Did it copy?",
    "rebuilding": "Rebuilding",
    "right": "Draws what was asked",
}


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One aspect of a model in words. Places on its bar go from 0 to 1; further right is always better."""

    aspect: str
    level: Level
    template: str
    aside: str  # about real pictures, with the same facts; "" where nothing is known of them
    facts: Facts
    number: Number
    place: float
    low: float
    high: float
    mark: float | None = None  # where real pictures stand


def verdicts(evaluation: Evaluation) -> list[Verdict]:
    """What can be said of each aspect that was measured, in the order of a report card."""
    taken = [(aspect, evaluation.number(name)) for aspect, name in NUMBERS.items()]
    return [_verdict(aspect, number, evaluation.copying) for aspect, number in taken if number is not None]


def headline(evaluation: Evaluation) -> tuple[Level, str]:
    """All of it in one sentence: how good it is, and the template."""
    level = {each.aspect: each.level for each in verdicts(evaluation)}
    realism, variety = level.get("realism"), level.get("variety")
    if level.get("copies") == "poor":
        return "poor", SENTENCES["all copied"]
    if realism is None or variety is None:
        return "fair", SENTENCES["all unknown"]
    if realism == "poor" or variety == "poor":
        repeats = "all repeats" if realism == "good" else "all repeats fair"
        both = "all poor" if realism == variety else "all off" if realism == "poor" else repeats
        return "poor", SENTENCES[both]
    best = realism == variety == "good" and level.get("distance", "good") == "good"
    return ("good", SENTENCES["all good"]) if best else ("fair", SENTENCES["all fair"])


def better(one: Evaluation, other: Evaluation) -> dict[str, int]:
    """Which of two is better in each number that both have: 1 the one, 2 the other, 0 where their bands overlap.

    Raises Trouble where they were measured under different protocols.
    """
    found = {}
    for first, second in side_by_side(one, other):
        overlap = first.low <= second.high and second.low <= first.high
        higher = 1 if first.value > second.value else 2
        found[first.name] = 0 if overlap else higher if first.better == "higher" else 3 - higher
    return found


def _verdict(aspect: str, number: Number, copying: str) -> Verdict:
    if aspect == "copies":
        return _copies(aspect, number, copying)
    return {"distance": _distance, "rebuilding": _rebuilding}.get(aspect, _share)(aspect, number)


def _share(aspect: str, number: Number) -> Verdict:
    """A share of pictures, where the best is what real pictures get."""
    real = number.reference
    reached = number.value / real if real else number.value
    as_good = real is not None and number.high >= real and reached > FAIR
    level: Level = "good" if as_good or reached >= GOOD else "fair" if reached >= FAIR else "poor"
    aside = SENTENCES[f"{aspect} real"] if real is not None else ""
    places = {"place": number.value, "low": number.low, "high": number.high, "mark": real}
    return _placed(aspect, level, SENTENCES[f"{aspect} {level}"], aside, _hundred(number), number, places)


def _distance(aspect: str, number: Number) -> Verdict:
    """A distance, where real pictures have one of their own; its bar shows how near, theirs is the right end."""
    real = number.reference
    if not real or real <= 0 or number.value <= 0:
        places = {"place": 0.5, "low": 0.5, "high": 0.5}
        facts = {"value": f"{number.value:.3g}"}
        return _placed(aspect, "fair", SENTENCES["distance alone"], "", facts, number, places)
    times = number.value / real
    level: Level = "good" if times <= CLOSE else "fair" if times <= NEAR else "poor"
    said = SENTENCES["distance best" if times < 1.05 else f"distance {level}"]
    facts = {"times": f"{times:.1f}" if times < 10 else f"{times:.0f}"}
    places = {"place": 1 / times, "low": real / max(number.high, 1e-9), "high": real / max(number.low, 1e-9)}
    return _placed(aspect, level, said, "", facts, number, {**places, "mark": 1.0})


def _copies(aspect: str, number: Number, copying: str) -> Verdict:
    """The share of made pictures that are too near to a training picture (some real ones always are), and the test.

    Only the test says "copied": with few held-out pictures, where they lie is chance, and a share alone would accuse
    one in five honest models of a hundred pictures.
    """
    real = number.reference or 0.0
    level: Level = "poor" if copying == "copied" else "good" if number.low <= real else "fair"
    aside = SENTENCES["copies real"] if level != "good" and number.reference is not None else ""
    places = {"place": 1 - number.value, "low": 1 - number.high, "high": 1 - number.low, "mark": 1 - real}
    return _placed(aspect, level, SENTENCES[f"copies {level}"], aside, _hundred(number), number, places)


def _rebuilding(aspect: str, number: Number) -> Verdict:
    """How like the original a rebuilt picture is (structural similarity)."""
    level: Level = "good" if number.value >= CLEAR else "fair" if number.value >= SOFT else "poor"
    places = {"place": number.value, "low": number.low, "high": number.high}
    return _placed(aspect, level, SENTENCES[f"rebuilding {level}"], "", _hundred(number), number, places)


def _hundred(number: Number) -> Facts:
    real = number.reference
    return {"n": round(100 * number.value)} | ({} if real is None else {"real": round(100 * real)})


def _placed(
    aspect: str, level: Level, template: str, aside: str, facts: Facts, number: Number, places: dict[str, float | None]
) -> Verdict:
    inside = {name: None if at is None else min(1.0, max(0.0, at)) for name, at in places.items()}
    return Verdict(aspect, level, template, aside, facts, number, **inside)


def same_way(protocol: Protocol) -> dict[str, int | float]:
    """The settings that judge another model under the same protocol."""
    return {
        "count": max(16, protocol.made),  # the least that may be asked for; a smaller set gives what it has
        "seed": protocol.seed,
        "neighbours": protocol.neighbours,
        "diversity": protocol.diversity,
    }


def in_words(evaluation: Evaluation) -> tuple[str, list[str]]:
    """A headline, and a line for each aspect that a lay person asks about, in English."""
    lines = []
    for each in verdicts(evaluation):
        if name := ASKED.get(each.aspect):
            said = f"{each.template} {each.aside}".strip().format(**each.facts)
            lines.append(f"{name}{'' if name.endswith('?') else ':'} {said}")
    return headline(evaluation)[1], lines
