"""Judging: one model measured against pictures it never saw, streamed, under one protocol."""

from __future__ import annotations

import platform
import time
from collections.abc import Generator, Iterator
from typing import Any

import torch

from .. import __version__, device
from ..data import starters
from ..data.imageset import ImageSet
from ..events import Event, Finished, Progress, Scored, Trouble
from ..judge import Judge, named
from ..models.base import GenerativeModel
from ..settings import Settings, setting
from .measuring import Measuring
from .result import Evaluation, Protocol

LEAST = 8  # pictures to learn from; with fewer there is nothing to measure
KNOWN_AFTER = 0.4  # seconds after which the time left is worth saying


class Evaluating(Settings):
    """How a model is measured. Numbers may only be compared where all of this is the same."""

    count: int = setting(
        1000,
        "Pictures to judge",
        "How many it makes; at most as many as it learned from.",
        low=16,
        high=20_000,
        expert=False,
    )
    seed: int = setting(0, "Seed", "The same seed makes the same pictures.", low=0, high=2**31 - 1)
    neighbours: int = setting(5, "Neighbours", "k of precision, recall, density and coverage.", low=1, high=50)
    diversity: float = setting(1.0, "Diversity", "Of the pictures it makes; 1 is as it learned.", low=0.05, high=1.5)
    features: str = setting("studio", "Judge", "studio, inception (from the Hub), or the file of a digit judge.")


def evaluate(
    model: GenerativeModel,
    pictures: ImageSet,
    settings: Evaluating | None = None,
    *,
    name: str = "",
    identity: str = "",
) -> Generator[Event, None, Evaluation]:
    """Measure a settled model against the held-out pictures of a set; the generator's return value is the Evaluation.

    Yields Progress with the time left, each number as Scored when it is known, and Finished. Closing it stops at once.
    A set too small to hold pictures out is compared with what it learned from, and says so. Raises Trouble.
    """
    settings = settings or Evaluating()
    _check(model, pictures, name)
    eyes = named(settings.features)
    training = model.training
    model.eval()
    try:
        return (yield from _measured(model, pictures, settings, eyes, name, identity))
    finally:
        model.train(training)


def _measured(
    model: GenerativeModel, pictures: ImageSet, settings: Evaluating, eyes: Judge, name: str, identity: str
) -> Generator[Event, None, Evaluation]:
    start = time.monotonic()
    yield Progress(fraction=0.0)
    choices = {"count": settings.count, "seed": settings.seed, "k": settings.neighbours}
    found = Measuring(model, pictures, eyes, diversity=settings.diversity, **choices)
    steps, told = found.steps(), 0
    whole, before = sum(cost for _, cost in steps), 0.0
    for step, cost in steps:
        for share in step():
            done, seconds = (before + min(share, 1.0) * cost) / whole, time.monotonic() - start
            left = seconds * (1 - done) / done if done and seconds > KNOWN_AFTER else None
            yield Progress(fraction=min(done, 1.0), remaining=left, seconds=seconds)
        before += cost
        for number in found.numbers[told:]:
            yield Scored(name=number.name, value=number.value)
        told = len(found.numbers)
    seconds = time.monotonic() - start
    yield Progress(fraction=1.0, remaining=0.0, seconds=seconds)
    yield Finished(template="Judged on {n} pictures.", facts={"n": found.count}, images=found.count, seconds=seconds)
    return Evaluation(
        model=name,
        identity=identity,
        family=model.family,
        protocol=_protocol(found, settings),
        numbers=tuple(found.numbers),
        classes=found.classes,
        copying=found.copying,
        nearest=found.nearest,
        rebuilt=found.rebuilt,
        seconds=round(seconds, 2),
        hardware=f"{platform.machine()}, {device.cores()} cores",
        made_with=f"genmodels {__version__}, torch {torch.__version__}",
    )


def _protocol(found: Measuring, settings: Evaluating) -> Protocol:
    pictures = found.pictures
    starter = starters.RECIPES.get(pictures.name)
    known = starter is not None and starter.origin == pictures.origin
    return Protocol(
        features=found.judge.name,
        made=found.count,
        real=len(found.against),
        against="held-out" if found.held_out else "training",
        set=starter.title if known else pictures.name,
        fingerprint=found.fingerprint,
        seed=settings.seed,
        neighbours=found.neighbours,
        diversity=settings.diversity,
    )


def _check(model: GenerativeModel, pictures: ImageSet, name: str) -> None:
    """Refuse a set that this model's pictures cannot be compared with."""
    mine, theirs = model.picture, pictures.format
    facts: dict[str, Any] = {"name": name or model.family, "set": pictures.name or "the set"}
    if mine.size != theirs.size:
        raise Trouble(
            "{name} makes pictures of {one} pixels a side, and those of {set} have {other}. Choose a set of its size.",
            one=mine.size,
            other=theirs.size,
            **facts,
        )
    if mine.channels == 1 != theirs.channels:
        raise Trouble("{name} makes grey pictures, and {set} is in colour. Choose a grey set.", **facts)
    if theirs.channels == 1 != mine.channels:
        raise Trouble("{name} makes pictures in colour, and {set} is grey. Choose a set in colour.", **facts)
    if mine.classes and theirs.classes and mine.classes != theirs.classes:
        raise Trouble("{name} knows other kinds than {set} has. Choose the pictures that it learned from.", **facts)
    learned = int((~pictures.held_out).sum())
    if learned < LEAST:
        raise Trouble("{n} pictures are too few to judge by; it takes at least {least}.", n=learned, least=LEAST)


def run(events: Iterator[Event]) -> Evaluation:
    """Go through an evaluation in silence and return what it found."""
    while True:
        try:
            next(events)
        except StopIteration as end:
            return end.value
