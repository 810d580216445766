"""A quick score now and then while a model learns: how far from pictures it never saw, at a small share of the time."""

from __future__ import annotations

import time

import numpy as np

from .data.imageset import ImageSet
from .images import to_images
from .models.base import GenerativeModel
from .training import Training

COUNT = 500  # pictures made for a score, always the same latents; at most as many real ones
FIRST_GUESS = 0.3  # seconds that the first score may take, before one was measured
FEW = 20  # real pictures; with fewer the numbers say nothing


class Live:
    """Scores the averaged model under one protocol through a whole run, so that its numbers may be compared.

    A set that holds nothing out is compared with what it teaches, as there is nothing else; of one that holds out
    fewer than FEW nothing can be said. `share` of the training's time is what all scores together may take; 0 turns
    them off.
    """

    def __init__(self, pictures: ImageSet, share: float) -> None:
        rows = np.flatnonzero(pictures.held_out if pictures.held_out.any() else ~pictures.held_out)
        rows = np.random.default_rng(0).permutation(rows)[:COUNT]  # of every class: own pictures lie class by class
        self.pixels, self.share = pictures.images[rows], share
        self.labels = None if pictures.labels is None else np.resize(pictures.labels[rows], COUNT)  # of made pictures
        self.real = None  # features [n, width] of the real pictures, once somebody needs them
        self.cost = FIRST_GUESS

    @property
    def able(self) -> bool:
        """Whether there is anything to score with, and it is wanted."""
        return self.share > 0 and len(self.pixels) >= FEW

    def due(self, training: Training) -> bool:
        """Whether another score stays within the share of the time trained so far."""
        return self.able and training.scoring + self.cost <= self.share * training.seconds

    def score(self, model: GenerativeModel, training: Training) -> dict[str, float]:
        """Distance to the real pictures (`frechet`), `precision` and `recall` of the settled averaged model.

        What it took is added to `training.scoring`.
        """
        from .judge import judge
        from .metrics import quick

        clock = time.process_time if training.plan.unit == "cpu-seconds" else time.monotonic
        start = clock()
        if self.real is None:
            self.real = judge().features(to_images(self.pixels))
        made = judge().features(model.sample(0, range(COUNT), self.labels if model.picture.classes else None))
        found = quick(made, self.real)
        self.cost = clock() - start
        training.scoring += self.cost
        return found
