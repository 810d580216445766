"""What can go wrong while a model learns: found in its own numbers, and said in words with a repair."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from .data.imageset import ImageSet
from .events import Problem

COLLAPSED = 0.3  # made pairs closer than this share of real pairs' distance, within a class
PATIENCE = 3  # previews in a row before anybody is worried
NARROW, RIGHT = 0.1, 0.5  # recall under this beside precision over that: few drawings, each of them fine
WORSE, AGAIN = 1.5, 2  # so many times the best distance, in so many scores one after the other
CRITIC_WON = 0.98  # the critic is so sure which of two pictures is real...
READINGS = 60  # ...over this many readings (a quarter of a second each)


class Doctor:
    """Listens to a run's scores and curves; says each kind of problem once until it is over."""

    def __init__(self) -> None:
        self.low, self.seen, self.sure = 0, 0, 0.5
        self.said: set[str] = set()
        self.readings = self.narrow = self.worse = 0
        self.adversarial = False  # whether there is a critic: what a repair can strengthen

    def scored(self, variety: float, images: int, fraction: float) -> Iterator[Problem]:
        """After each preview: mode collapse is low variety that stays low once drawing has begun.

        `fraction` is the share of the run that is over, 1 for a run without an end.
        """
        self.seen += 1
        self.low = self.low + 1 if variety < COLLAPSED else 0
        if not self.low:
            self.said.discard("collapse")
        young = self.seen <= 2 * PATIENCE or fraction < 0.1
        if self.low >= PATIENCE and not young and "collapse" not in self.said:
            self.said.add("collapse")
            yield Problem(
                template="It is drawing the same picture again and again: its pictures differ {share} % as much as "
                "the real ones.",
                facts={"share": round(100 * variety)},
                name="collapse",
                repair="collapse",
                images=images,
            )

    def judged(self, found: dict[str, float], best: float, images: int, fraction: float) -> Iterator[Problem]:
        """After each score: pictures that look right and yet cover little of what there is; a model past its best.

        `found` as `metrics.quick` gives it; `best` is the smallest distance before this one, negative for none;
        `fraction` as for `scored`.
        """
        narrow = found["recall"] < NARROW and found["precision"] > RIGHT and fraction > 0.2
        self.narrow = self.narrow + 1 if narrow else 0
        if self.narrow >= AGAIN and not {"collapse", "narrow"} & self.said:
            self.said.add("narrow")
            yield Problem(
                template="Its pictures look right, but they cover only {share} % of what the real ones show.",
                facts={"share": round(100 * found["recall"])},
                name="narrow",
                repair="collapse" if self.adversarial else "",
                images=images,
            )
        self.worse = self.worse + 1 if 0 < best * WORSE < found["frechet"] else 0
        if not self.worse:
            self.said.discard("worse")
        elif self.worse >= AGAIN and "worse" not in self.said:
            self.said.add("worse")
            yield Problem(
                template="It was better before: the best moment was {times} times as close to the real pictures. "
                "You can take that one.",
                facts={"times": round(found["frechet"] / best, 1)},
                name="worse",
                images=images,
            )

    def reading(self, parts: dict[str, float], images: int) -> Iterator[Problem]:
        """After each reading: a critic that is quite sure of every picture teaches nothing any more."""
        self.adversarial = "critic sure" in parts
        if not self.adversarial:
            return
        self.readings += 1
        self.sure += (parts["critic sure"] - self.sure) * min(1.0, 3 / READINGS)
        if self.sure < CRITIC_WON:
            self.said.discard("critic")
        elif self.readings >= READINGS and "critic" not in self.said:
            self.said.add("critic")
            yield Problem(
                template="The critic sees through every picture ({share} % sure), so the generator learns little "
                "from it.",
                facts={"share": round(100 * self.sure)},
                name="critic",
                repair="critic",
                images=images,
            )


def variety(pixels: np.ndarray, labels: Sequence[int] | None) -> float:
    """Mean distance between two pictures of the same class: root mean square of grey levels, over all pairs.

    `pixels` uint8 [n, h, w, c], `labels` [n] or None.
    """
    flat = pixels.reshape(len(pixels), -1).astype(np.float32)
    groups = [flat] if labels is None else [flat[np.asarray(labels) == label] for label in np.unique(labels)]
    distances = [_distances(group) for group in groups if len(group) > 1]
    return float(np.concatenate(distances).mean()) if distances else 0.0


def _distances(rows: np.ndarray) -> np.ndarray:
    """Of every pair, through one matrix product: |a - b|^2 = |a|^2 + |b|^2 - 2 a.b."""
    first, second = np.triu_indices(len(rows), k=1)
    products = rows @ rows.T
    squares = np.diag(products)
    apart = squares[first] + squares[second] - 2 * products[first, second]
    return np.sqrt(np.maximum(apart, 0) / rows.shape[1])


def like_real(pictures: ImageSet) -> float:
    """The variety of the real pictures, from at most 128 of them or 24 of each class; 0 where all are alike."""
    rows = np.flatnonzero(~pictures.held_out)
    if pictures.labels is None:
        rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), 128)).astype(int)]
        return variety(pictures.images[rows], None)
    labels = pictures.labels[rows]
    rows = np.sort(np.concatenate([rows[labels == label][:24] for label in np.unique(labels)]))
    return variety(pictures.images[rows], pictures.labels[rows])
