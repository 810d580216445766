"""Did it copy? How near made pictures are to training pictures, beside how near pictures are that were never seen."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import torch
from scipy import stats
from torch.nn import functional

from ..images import to_images
from .neighbours import squared_distances

AROUND = 20  # training pictures that say how close together they lie around a picture
LEVELS = (0.01, 0.02, 0.05, 0.1, 0.25)  # share of held-out pictures that count as suspiciously near: the first ...
APART = 0.25  # ... at which they are so far away that a copy with a little noise is nearer
CHANCE = 0.001  # copied: that unlikely to be chance, and clearly more than expected


@dataclasses.dataclass(frozen=True)
class Near:
    """Of each of n pictures, the training picture most like it."""

    distance: np.ndarray  # float [n]
    relative: np.ndarray  # float [n]: the distance over the mean distance of the nearest AROUND training pictures
    row: np.ndarray  # int [n], of the training pictures
    mirrored: np.ndarray  # bool [n]: its mirror image is nearer than itself


@dataclasses.dataclass(frozen=True)
class Copying:
    """What the nearest training pictures say."""

    share: float  # of made pictures that are nearer than `threshold`
    expected: float  # share of new real pictures that would be
    threshold: float  # relative distance
    chance: float  # that so many or more are nearer although nothing was copied
    suspicious: np.ndarray  # bool [n], the made pictures nearer than the threshold

    @property
    def copied(self) -> bool:
        """Clearly more made pictures than unseen real ones lie beside a training picture."""
        return self.chance < CHANCE and self.share > 1.5 * self.expected + 0.01


def nearest(views: np.ndarray, training: np.ndarray, *, first: int | None = None) -> Near:
    """The nearest of `training` [m, d] to n pictures, each seen in several ways: `views` [v, n, d], every second
    one mirrored.

    With `first` the pictures are training's own, from this row on, and each one's own row does not count.
    """
    squares = squared_distances(views[0], training)
    for view in views[1:]:
        np.minimum(squares, squared_distances(view, training), out=squares)
    if first is not None:
        squares[np.arange(len(squares)), first + np.arange(len(squares))] = np.inf
    row = squares.argmin(1)
    mirrored = np.square(views - training[row]).sum(2).argmin(0) % 2 == 1
    around = min(AROUND, training.shape[0] - (first is not None))
    few = np.sqrt(np.partition(squares, around - 1, axis=1)[:, :around])
    distance, level = few.min(1), few.mean(1)
    return Near(distance, np.divide(distance, level, out=np.ones_like(level), where=level > 0), row, mirrored)


def joined(parts: list[Near]) -> Near:
    """Several batches as one."""
    return Near(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in dataclasses.fields(Near)))


def compare(made: Near, held_out: Near) -> Copying:
    """Whether made pictures lie nearer to training pictures than held-out ones do.

    Distances are relative to how close together training pictures lie around a picture (Carlini et al. 2023, section
    4.2, which found copies among diffusion samples so): a soft or plain picture is near to many and no copy, a copy is
    near to one. The threshold is the 1 % quantile of the held-out pictures, or a higher one in a set with so many twins
    that held-out pictures are themselves as near as copies. By chance as many made ones lie below. How likely more are
    is exact: held-out and honest pictures then come in any order (a precedence test).
    """
    held, count = np.sort(held_out.relative), len(made.relative)
    ranks = [max(1, int(level * len(held))) for level in LEVELS]
    rank = next((rank for rank in ranks if held[rank - 1] >= APART), ranks[-1])
    suspicious = made.relative < held[rank - 1]
    below = int(suspicious.sum())
    chance = float(stats.hypergeom.cdf(rank - 1, count + len(held), len(held), below + rank - 1)) if below else 1.0
    return Copying(below / count, rank / (len(held) + 1), float(held[rank - 1]), chance, suspicious)


def copies(made: np.ndarray, training: np.ndarray, held_out: np.ndarray) -> Copying:
    """The copy test in one call: `made` and `held_out` [views, n, d], as for `nearest`, and `training` [m, d]."""
    return compare(nearest(made, training), nearest(held_out, training))


def pixel_view(pixels: np.ndarray) -> np.ndarray:
    """uint8 [n, h, w, c] -> float32 [n, d]: small, without brightness and contrast, so that these hide no copy."""
    size = min(16, pixels.shape[1] // 2)
    rows = functional.adaptive_avg_pool2d(to_images(pixels), size).flatten(1)
    rows = rows - rows.mean(1, keepdim=True)
    return (rows / rows.norm(dim=1, keepdim=True).clamp_min(torch.finfo(rows.dtype).eps)).numpy()


def pixel_views(pixels: np.ndarray) -> np.ndarray:
    """uint8 [n, h, w, c] -> float32 [18, n, d]: as it is and a pixel further to every side, each also mirrored."""
    wide, (height, width) = np.pad(pixels, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge"), pixels.shape[1:3]
    places = sorted(itertools.product(range(3), repeat=2), key=lambda place: place != (1, 1))  # unmoved first
    moved = (wide[:, top : top + height, left : left + width] for top, left in places)
    return np.stack([pixel_view(seen) for one in moved for seen in (one, one[:, :, ::-1])])
