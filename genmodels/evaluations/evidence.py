"""Evidence: the pictures behind an evaluation, drawn again from their seeds; with it, a report."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np

from ..data.imageset import ImageSet
from ..evaluation.result import Evaluation
from ..library import Shelved
from ..sampler import Sampler
from ..walls import Wall

PAIRS, REBUILT = 16, 16  # pictures shown at most


@dataclasses.dataclass(frozen=True)
class Evidence:
    """Pictures side by side, uint8 [n, 2, h, w, c]; empty where there are none or their set is gone."""

    pairs: np.ndarray  # made, and the training picture most like it; the most suspicious first
    rebuilt: np.ndarray  # a held-out picture, and what the model made of it


@dataclasses.dataclass(frozen=True)
class Report:
    """A model and what was found out about it."""

    evaluation: Evaluation
    wall: Wall
    evidence: Evidence | None = None  # None: not looked at yet

    @property
    def name(self) -> str:
        """What people call the model."""
        return self.wall.model.name


def draw(
    sampler: Sampler, folder: pathlib.Path, model: Shelved, evaluation: Evaluation, pictures: ImageSet | None
) -> Evidence:
    """Both kinds of pictures for a model in a folder; `pictures` are the set it was judged against (imports torch)."""
    size, channels = model.picture.size, model.picture.channels
    empty = np.zeros((0, 2, size, size, channels), np.uint8)
    if pictures is None or not _belongs(evaluation, model, pictures):
        return Evidence(empty, empty)
    return Evidence(
        _pairs(sampler, folder, model, evaluation, pictures) if evaluation.nearest else empty,
        _rebuilt(sampler, folder, model, evaluation, pictures) if evaluation.rebuilt else empty,
    )


def _belongs(evaluation: Evaluation, model: Shelved, pictures: ImageSet) -> bool:
    """Whether an evaluation that came with a model, from whoever, can be of these pictures at all."""
    rows = [*(each.row for each in evaluation.nearest), *evaluation.rebuilt]
    kinds = len(model.picture.classes) in (0, len(pictures.format.classes))
    alike = (pictures.format.size, pictures.format.channels) == (model.picture.size, model.picture.channels)
    return alike and kinds and all(0 <= row < len(pictures) for row in rows)


def _pairs(
    sampler: Sampler, folder: pathlib.Path, model: Shelved, evaluation: Evaluation, pictures: ImageSet
) -> np.ndarray:
    nearest, protocol = evaluation.nearest[:PAIRS], evaluation.protocol
    labels = [each.label for each in nearest] if model.picture.classes and nearest[0].label is not None else None
    made = sampler.draw(folder, protocol.seed, [each.index for each in nearest], labels, protocol.diversity)
    real = [pictures.images[each.row][:, :: -1 if each.mirrored else 1] for each in nearest]
    return np.stack([made, np.stack(real)], axis=1)


def _rebuilt(
    sampler: Sampler, folder: pathlib.Path, model: Shelved, evaluation: Evaluation, pictures: ImageSet
) -> np.ndarray:
    rows = list(evaluation.rebuilt[:REBUILT])
    originals = np.ascontiguousarray(pictures.images[rows])
    labels = pictures.labels[rows] if model.picture.classes and pictures.labels is not None else None
    return np.stack([originals, sampler.rebuild(folder, originals, labels)], axis=1)
