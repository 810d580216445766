"""Real: what the judge sees in a set's own pictures, kept so that the next model need not wait for it."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Generator

import numpy as np

from ..data.imageset import ImageSet
from ..images import to_images
from ..judge import Judge
from ..metrics import copies

LEAST_HELD_OUT = 4  # with fewer, a set is too small to be judged by pictures it never showed
AT_ONCE, SEARCHED = 256, 128  # pictures seen, and pictures whose nearest is looked for, between two looks at the clock
SETS = 3  # kept in memory

Sharing = Generator[float, None, None]  # work that says now and then what share of it is done
SPACES = ("features", "pixels")


@dataclasses.dataclass(frozen=True)
class Real:
    """A set's pictures as the judge sees them. Rows are those of the set."""

    held_out: bool  # whether `against` are held-out pictures; else they are the training pictures themselves
    training: np.ndarray  # rows
    against: np.ndarray  # rows of the pictures that a model is compared with
    features: np.ndarray  # of `against`
    searched: dict[str, np.ndarray]  # of `training`, in each of SPACES
    near: dict[str, copies.Near]  # of `against`, to the training pictures (other than themselves)


_kept: OrderedDict[tuple[str, str], Real] = OrderedDict()


def rows_of(pictures: ImageSet) -> tuple[bool, np.ndarray, np.ndarray]:
    """Whether enough is held out, the rows learned from, and the rows to compare with."""
    held = np.flatnonzero(pictures.held_out)
    training = np.flatnonzero(~pictures.held_out)
    return (True, training, held) if len(held) >= LEAST_HELD_OUT else (False, training, training)


def look(pictures: ImageSet, fingerprint: str, judge: Judge) -> Generator[float, None, Real]:
    """Yield the share done; return the set as this judge sees it, from memory if it was seen before."""
    key = (fingerprint, judge.name)
    if key in _kept:
        _kept.move_to_end(key)
        return _kept[key]
    held_out, training, against = rows_of(pictures)
    parts: dict[str, list[np.ndarray]] = {space: [] for space in SPACES}
    for start in range(0, len(training), AT_ONCE):
        some = pictures.images[training[start : start + AT_ONCE]]
        parts["features"].append(judge.features(to_images(some)))
        parts["pixels"].append(copies.pixel_view(some))
        yield 0.6 * min(1.0, (start + AT_ONCE) / len(training))
    searched = {space: np.concatenate(parts[space]) for space in SPACES}
    seen, near = [], []
    for start in range(0, len(against), SEARCHED):
        features, found = search(
            judge, pictures.images[against[start : start + SEARCHED]], searched, None if held_out else start
        )
        seen.append(features)
        near.append(found)
        yield 0.6 + 0.4 * min(1.0, (start + SEARCHED) / len(against))
    joined = {space: copies.joined([part[space] for part in near]) for space in SPACES}
    _kept[key] = Real(held_out, training, against, np.concatenate(seen), searched, joined)
    while len(_kept) > SETS:
        _kept.popitem(last=False)
    return _kept[key]


def search(
    judge: Judge, pixels: np.ndarray, searched: dict[str, np.ndarray], first: int | None = None
) -> tuple[np.ndarray, dict[str, copies.Near]]:
    """Features of a few pictures, uint8 [n, h, w, c], and what they are near to in each space."""
    images = to_images(pixels)
    views = {"features": np.stack([judge.features(images), judge.features(images.flip(3))])}
    views["pixels"] = copies.pixel_views(pixels)
    return views["features"][0], {space: copies.nearest(views[space], searched[space], first=first) for space in SPACES}
