"""A Gaussian mixture fitted to where an encoder puts pictures: samples come from where the decoder was trained."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

SHRUNK = 200  # with fewer points, covariances are diagonal
LONELY = 8  # a class with fewer pictures borrows everybody's for its mixture


def fit_mixture(points: np.ndarray, components: int, quick: bool, start: list[np.ndarray] | None) -> list[np.ndarray]:
    """A Gaussian mixture: weights [k], means [k, d] and Cholesky factors [k, d, d] of `components` k.

    Full covariances where there are pictures enough, diagonal ones where not; `quick` takes two rounds from `start`
    and shares one covariance among the components, which a few hundred points can carry.
    """
    used = max(1, min(components, len(points) // 10))
    kind = "diag" if len(points) < SHRUNK / (4 if quick else 1) else "tied" if quick else "full"
    near = {}
    if start is not None and (start[0] > 0).sum() == used:  # the last one had as many: a seed keeps its meaning
        weights = start[0][:used] + 1e-4
        near = {"weights_init": weights / weights.sum(), "means_init": start[1][:used]}
    mixture = GaussianMixture(
        used, covariance_type=kind, reg_covar=1e-3, max_iter=2 if quick else 60, random_state=0, **near
    )
    with threadpool_limits(1), warnings.catch_warnings():  # BLAS threads that wait for a busy core cost 30 times more
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(points)
    size = points.shape[1]
    covariances = {
        "diag": lambda: np.stack([np.diag(v) for v in mixture.covariances_]),
        "tied": lambda: np.repeat(mixture.covariances_[None], used, axis=0),
        "full": lambda: _shrunk(mixture.covariances_, mixture.weights_, len(points)),
    }[kind]()
    weights, means, factors = (
        np.zeros(components),
        np.zeros((components, size)),
        np.tile(np.eye(size), (components, 1, 1)),
    )
    weights[:used], means[:used], factors[:used] = mixture.weights_, mixture.means_, np.linalg.cholesky(covariances)
    return [weights, means, factors]


def _shrunk(covariances: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """Covariances [k, d, d], each drawn to their mean as if d of its points had that one: few points say little."""
    size, mean = covariances.shape[1], np.tensordot(weights, covariances, 1)
    share = (size / (weights * count + size))[:, None, None]
    return (1 - share) * covariances + share * mean


def fit_mixtures(
    points: np.ndarray, groups: np.ndarray, last: list[np.ndarray], quick: bool, fitted: bool
) -> list[np.ndarray]:
    """One mixture a group, from draws of points [r, n, d] of `groups` [n]: weights [g, k], means and Cholesky factors.

    `last` is what this gave before, or the shapes of it where nothing is `fitted` yet.
    """
    found = []
    for group in range(len(last[0])):
        mine = groups == group
        near = points[:, mine if mine.sum() >= LONELY else slice(None)].reshape(-1, points.shape[2])
        start = [part[group] for part in last] if fitted else None
        found.append(fit_mixture(near, last[0].shape[1], quick, start))
    return [np.stack(parts) for parts in zip(*found, strict=True)]
