"""Oddity: how little each picture belongs with what a model knows, and where; any model, with an encoder or without."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Sequence

import numpy as np
import torch
from torch import Tensor

from ..data.imageset import ImageSet
from ..events import Event, Finished, Progress, Trouble
from ..images import to_images, to_pixels
from ..models.base import GenerativeModel
from .eyes import Eye, Grain, batches, lost, opened, smooth

FITTED, ORDINARY = 6_000, 1_000  # training pictures fitted to, and ordinary ones measured beside
FEW = 40  # held-out pictures that "ordinary" can be measured on
ODD_FROM = 0.95  # where the oddest of ordinary pictures begin
OPENING = 0.4  # share of the time until the first picture is looked at
ALL = ("structure", "place", "grain")
BY = ("structure", "place")  # what the score goes by: the most unusual of them counts


@dataclasses.dataclass(frozen=True)
class Oddity:
    """What was found of n pictures. Scores and readings are 0 for the middle one of ordinary pictures, and 1 where the
    oddest 5 % of these begin, so that readings of any kind can be compared."""

    scores: np.ndarray  # float64 [n]: the higher, the odder
    beyond: np.ndarray  # float64 [n]: the share of ordinary pictures that are less odd, 0 to 1
    readings: dict[str, np.ndarray]  # each of ALL, float64 [n]
    heat: np.ndarray  # float32 [n, h, w]: by how many spreads each place differs more than in ordinary pictures
    answers: np.ndarray  # uint8 [n, h, w, c]: what the model makes of each picture
    ordinary: int  # pictures that "ordinary" was measured on
    seen: bool  # the model learned from these, as the set is too small to hold enough out


def score(
    model: GenerativeModel, images: Tensor, labels: Tensor | None, reference: ImageSet, by: Sequence[str] = BY
) -> Oddity:
    """Look at float images [n, c, h, w] in [-1, 1] beside the set `reference`. Labels: None where nobody knows them."""
    looking = scoring(model, images, labels, reference, by)
    while True:
        try:
            next(looking)
        except StopIteration as done:
            return done.value


def scoring(
    model: GenerativeModel, images: Tensor, labels: Tensor | None, reference: ImageSet, by: Sequence[str] = BY
) -> Generator[Event, None, Oddity]:
    """The same, saying how far it is; closing it cancels. Raises Trouble where the set is of another format.

    Three readings. Structure: 1 - the contrast and structure of SSIM (Wang et al. 2004) between a picture and the
    model's answer. Place: with an encoder, -log p of the latent under a mixture fitted to the latents of training
    pictures; without, the distance to the nearest made pictures. Grain: Mahalanobis distance of the contrast at four
    scales, as a blurred picture is easy to rebuild and nothing else sees that something is missing.
    """
    picture, start = reference.format, time.monotonic()
    if (picture.size, picture.channels) != (model.picture.size, model.picture.channels):
        raise Trouble("The pictures are of another size or colour than those that this model makes.")
    seen = int(reference.held_out.sum()) < FEW
    known, known_labels = _some(model, reference, ~reference.held_out, FITTED)
    ordinary, ordinary_labels = _some(model, reference, reference.held_out | seen, ORDINARY)
    opening = opened(model, known, known_labels)
    while True:
        try:
            event = next(opening)
        except StopIteration as done:
            eye = done.value
            break
        yield _progress(OPENING * event.fraction, start)
    grain, found, whole = Grain(known), [], len(ordinary) + len(images)
    for some, given, before in ((ordinary, ordinary_labels, 0), (images, labels, len(ordinary))):
        parts = []
        for rows in batches(len(some)):
            parts.append(_look(eye, grain, some[rows], None if given is None else given[rows]))
            yield _progress(OPENING + (1 - OPENING) * (before + min(rows.stop, len(some))) / whole, start)
        found.append(_joined(parts))
    oddity = _compared(*found, by, seen)
    yield Finished(template="Ranked {n} pictures.", facts={"n": len(images)}, images=len(images))
    return oddity


def auroc(scores: np.ndarray, odd: np.ndarray, draws: int = 1_000, seed: int = 0) -> tuple[float, float, float]:
    """The chance that an odd picture scores higher than an ordinary one, with its 95 % band: value, low, high.

    `odd` is bool [n]; Trouble where it holds only one kind. The band is a bootstrap within each kind (Efron 1979).
    """
    scores, random = np.asarray(scores, np.float64), np.random.default_rng(seed)
    kinds = scores[np.asarray(odd, bool)], scores[~np.asarray(odd, bool)]
    if not all(map(len, kinds)):
        raise Trouble("It takes odd and ordinary pictures to say how well they are told apart.")
    drawn = [_in_order(*(random.choice(kind, len(kind)) for kind in kinds)) for _ in range(draws)]
    return _in_order(*kinds), *map(float, np.quantile(drawn, (0.025, 0.975)))


# ---- inside


@dataclasses.dataclass(frozen=True)
class _Look:
    readings: dict[str, np.ndarray]  # each of ALL, [n]
    maps: np.ndarray  # [2, n, h, w]: squared difference, and lost structure
    answers: np.ndarray  # uint8 [n, h, w, c]


def _progress(fraction: float, start: float) -> Progress:
    spent = time.monotonic() - start
    return Progress(fraction=fraction, remaining=spent * (1 - fraction) / max(fraction, 0.01), seconds=spent)


def _some(model: GenerativeModel, reference: ImageSet, rows: np.ndarray, most: int) -> tuple[Tensor, Tensor | None]:
    """Images of a set, and their labels where they are the model's own."""
    chosen = np.random.default_rng(0).permutation(np.flatnonzero(rows))[:most]
    fits = bool(model.picture.classes) and reference.labels is not None and reference.classes == model.picture.classes
    return to_images(reference.images[chosen]), torch.from_numpy(reference.labels[chosen]) if fits else None


def _look(eye: Eye, grain: Grain, images: Tensor, labels: Tensor | None) -> _Look:
    answers, place = eye.look(images, labels)
    one, other = images.numpy(), answers.numpy()
    maps = np.stack([smooth((one - other) ** 2, 1.0).mean(1), lost(one, other)])
    readings = {"structure": np.log(maps[1].mean((1, 2)) + 1e-6), "place": place, "grain": grain.far(images)}
    return _Look(readings, maps, to_pixels(answers))


def _joined(parts: list[_Look]) -> _Look:
    return _Look(
        {name: np.concatenate([each.readings[name] for each in parts]) for name in ALL},
        np.concatenate([each.maps for each in parts], axis=1),
        np.concatenate([each.answers for each in parts]),
    )


def _compared(ordinary: _Look, given: _Look, by: Sequence[str], seen: bool) -> Oddity:
    """Everything in units of how the ordinary pictures scatter."""
    readings = {name: _scaled(given.readings[name], ordinary.readings[name]) for name in ALL}
    typical = np.max([_scaled(ordinary.readings[name], ordinary.readings[name]) for name in by], axis=0)
    highest = np.max([readings[name] for name in by], axis=0)
    scores, others = _scaled(highest, typical), _scaled(typical, typical)
    beyond = np.searchsorted(np.sort(others), scores) / len(others)
    mean, spread = (smooth(part, 1.0) for part in (ordinary.maps.mean(1), ordinary.maps.std(1)))  # [2, h, w]
    spread = np.maximum(spread, 0.25 * spread.mean((1, 2), keepdims=True)) + 1e-6  # corners may always be empty
    heat = ((given.maps - mean[:, None]) / spread[:, None]).max(0).clip(0)
    return Oddity(scores, beyond, readings, heat.astype(np.float32), given.answers, len(others), seen)


def _in_order(higher: np.ndarray, lower: np.ndarray) -> float:
    """The share of pairs in which the first is the larger; ties count half (Mann & Whitney 1947)."""
    lower = np.sort(lower)
    below = np.searchsorted(lower, higher, "left") + np.searchsorted(lower, higher, "right")
    return float(below.mean() / (2 * len(lower)))


def _scaled(values: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """0 is the middle of the usual values, and 1 where the highest 5 % of them begin."""
    middle, far = np.quantile(usual, (0.5, ODD_FROM))
    return (values - middle) / (far - middle + 1e-9)
