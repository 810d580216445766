"""Eyes: how a model looks at a picture: it rebuilds it, or finds the nearest one that it would make itself."""

from __future__ import annotations

import itertools
from collections.abc import Generator
from typing import Protocol

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from scipy.special import logsumexp
from torch import Tensor
from torch.nn import functional

from ..events import Event, Progress
from ..models.base import GenerativeModel, labels_of
from ..models.mixture import LONELY, fit_mixture

MADE, BATCH = 2_000, 128  # pictures drawn of a model without an encoder; looked at in one go
WINDOW, CONSTANT = 1.5, (0.03 * 2) ** 2  # of SSIM: standard deviation in pixels, C2 for values that span 2
EACH, COMPONENTS = 200, 20  # latents behind each component of a mixture, and components at most
NEAREST, LOOKED_AT, AFAR = 3, 10, 16  # made pictures: near ones, those compared in full; pixels a side from afar
SCALES = (0.7, 1.4, 2.8, 5.6)  # pixels, between which grain is measured
LOG_2_PI = float(np.log(2 * np.pi))


class Eye(Protocol):
    """How a kind of model looks at pictures."""

    def look(self, images: Tensor, labels: Tensor | None) -> tuple[Tensor, np.ndarray]:
        """[n, c, h, w] -> the model's answer to each [n, c, h, w], and how far each is from all it knows [n]."""
        ...


def opened(model: GenerativeModel, images: Tensor, labels: Tensor | None) -> Generator[Event, None, Eye]:
    """The eye of a model that knows these training pictures; Progress goes from 0 to 1 (a few seconds)."""
    return (_rebuilder if model.can_encode else _drawer)(model, images, labels)


def _rebuilder(model: GenerativeModel, images: Tensor, labels: Tensor | None) -> Generator[Event, None, Eye]:
    """Fit where the latents of training pictures lie, class by class."""
    classes = len(model.picture.classes)
    if classes and labels is None:  # pictures of the model's own, whose classes are known, say where each class lies
        labels = torch.from_numpy(labels_of(0, range(MADE), classes))
        images = model.sample(0, range(MADE), labels.tolist())
    rebuilder, latents = Rebuilder(model, []), []
    for rows in batches(len(images)):
        latents.append(rebuilder.encoded(images[rows], None if labels is None else labels[rows]))
        yield Progress(fraction=0.8 * rows.start / len(images))
    points = torch.cat(latents).double().numpy()
    for label in range(max(1, classes)):
        mine = points if labels is None else points[labels.numpy() == label]
        mine = mine if len(mine) >= LONELY else points
        rebuilder.mixtures.append(fit_mixture(mine, min(max(len(mine) // EACH, 1), COMPONENTS), False, None))
        yield Progress(fraction=0.8 + 0.2 * (label + 1) / max(1, classes))
    return rebuilder


class Rebuilder:
    """Answers with the picture rebuilt. Where no class is given, it takes the one whose latents lie nearest."""

    def __init__(self, model: GenerativeModel, mixtures: list[list[np.ndarray]]) -> None:
        self.model, self.mixtures = model, mixtures
        self.device = next(model.parameters()).device

    def encoded(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """[n, c, h, w] -> latents [n, d] on the CPU."""
        given = None if labels is None else labels.to(self.device)
        with torch.no_grad():
            return self.model.encode(images.to(self.device), given).float().cpu()

    def look(self, images: Tensor, labels: Tensor | None) -> tuple[Tensor, np.ndarray]:
        """See Eye; how far is -log p of the latent, in nats."""
        if not self.model.picture.classes:
            latents, labels = self.encoded(images, None), None
            places = surprise(self.mixtures[0], latents.double().numpy())
        else:
            every = range(len(self.mixtures)) if labels is None else ()
            tried = [torch.full((len(images),), label) for label in every] or [labels]
            found = [self.encoded(images, each) for each in tried]
            far = np.stack([self._places(*pair) for pair in zip(found, tried, strict=True)])  # [tried, n]
            best, rows = torch.from_numpy(far.argmin(0)), torch.arange(len(images))
            latents, labels, places = torch.stack(found)[best, rows], torch.stack(tried)[best, rows], far.min(0)
        with torch.no_grad():
            answers = self.model.decode(latents.to(self.device), None if labels is None else labels.to(self.device))
        return answers.float().cpu(), places

    def _places(self, latents: Tensor, labels: Tensor) -> np.ndarray:
        places = np.zeros(len(latents))
        for label in labels.unique().tolist():
            mine = (labels == label).numpy()
            places[mine] = surprise(self.mixtures[label], latents[mine].double().numpy())
        return places


def surprise(mixture: list[np.ndarray], points: np.ndarray) -> np.ndarray:
    """-log p of points [n, d] under a mixture of weights [k], means [k, d], Cholesky factors [k, d, d], in nats."""
    logs = []
    for weight, mean, factor in zip(*mixture, strict=True):
        standard = np.linalg.solve(factor, (points - mean).T)  # [d, n]
        volume = np.log(np.diag(factor)).sum() + len(mean) * LOG_2_PI / 2
        logs.append(np.log(weight + 1e-12) - (standard**2).sum(0) / 2 - volume)
    return -logsumexp(logs, axis=0)


def _drawer(model: GenerativeModel, images: Tensor, labels: Tensor | None) -> Generator[Event, None, Eye]:
    """Draw many pictures, and remember them."""
    made = []
    for rows in batches(MADE):
        made.append(model.sample(0, range(rows.start, min(MADE, rows.stop))))
        yield Progress(fraction=rows.stop / MADE)
    return Drawer(torch.cat(made))


class Drawer:
    """Answers with the made picture whose structure is nearest, among those that look alike from afar."""

    def __init__(self, made: Tensor) -> None:
        from sklearn.neighbors import NearestNeighbors

        self.made = made
        self.near = NearestNeighbors(n_neighbors=min(LOOKED_AT, len(made)), algorithm="brute").fit(self._afar(made))

    def _afar(self, images: Tensor) -> np.ndarray:
        return functional.adaptive_avg_pool2d(images, AFAR).flatten(1).numpy()

    def look(self, images: Tensor, labels: Tensor | None) -> tuple[Tensor, np.ndarray]:
        """See Eye; how far is the log of the mean distance to the nearest made pictures, seen from afar."""
        distances, found = self.near.kneighbors(self._afar(images))
        others = [self.made[torch.from_numpy(column)] for column in found.T]
        losses = np.stack([lost(images.numpy(), each.numpy()).mean((1, 2)) for each in others])  # [looked at, n]
        best = found[np.arange(len(images)), losses.argmin(0)]
        return self.made[torch.from_numpy(best)], np.log(distances[:, :NEAREST].mean(1) + 1e-6)


class Grain:
    """How strong contrast is at four scales, and how unusual that is among training pictures [n, c, h, w]."""

    def __init__(self, known: Tensor) -> None:
        from sklearn.covariance import LedoitWolf

        self.usual = LedoitWolf().fit(self._contrast(known))

    def far(self, images: Tensor) -> np.ndarray:
        """[n, c, h, w] -> log of the Mahalanobis distance, [n]."""
        return np.log(self.usual.mahalanobis(self._contrast(images)) + 1e-6) / 2

    def _contrast(self, images: Tensor) -> np.ndarray:
        grey = images.mean(1).numpy()  # [n, h, w]
        layers = [grey, *(smooth(grey, scale) for scale in SCALES)]
        spreads = [(fine - coarse).std((1, 2)) for fine, coarse in itertools.pairwise(layers)]
        return np.log(np.stack(spreads, 1) + 1e-3)


def lost(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """1 - the contrast and structure of SSIM (Wang et al. 2004, eq. 9 with C3 = C2 / 2): [n, c, h, w] -> [n, h, w]."""
    mean_one, mean_other = smooth(one, WINDOW), smooth(other, WINDOW)
    spread = smooth(one * one, WINDOW) - mean_one**2 + smooth(other * other, WINDOW) - mean_other**2
    shared = smooth(one * other, WINDOW) - mean_one * mean_other
    return (1 - (2 * shared + CONSTANT) / (spread.clip(0) + CONSTANT)).mean(1)


def smooth(pictures: np.ndarray, width: float) -> np.ndarray:
    """A Gaussian blur over the last two axes."""
    return gaussian_filter(pictures, [0] * (pictures.ndim - 2) + [width, width], mode="nearest")


def batches(count: int) -> list[slice]:
    """Rows, so many in one go."""
    return [slice(first, first + BATCH) for first in range(0, count, BATCH)]
