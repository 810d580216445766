"""A Gaussian mixture fitted to where an encoder puts pictures: samples come from where the decoder was trained."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

SHRUNK = 200  # with fewer points, covariances are diagonal


def fit_mixture(points: np.ndarray, components: int, quick: bool, start: list[np.ndarray] | None) -> list[np.ndarray]:
    """A Gaussian mixture: weights [k], means [k, d] and Cholesky factors [k, d, d] of `components` k.

    Full covariances where there are pictures enough, diagonal ones where not; `quick` takes two rounds from `start`
    and shares one covariance among the components, which a few hundred points can carry.
    """
    used = max(1, min(components, len(points) // 10))
    kind = "diag" if len(points) < SHRUNK / (4 if quick else 1) else "tied" if quick else "full"
    near = {}
    if start is not None and used == components:
        weights = start[0] + 1e-4
        near = {"weights_init": weights / weights.sum(), "means_init": start[1]}
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
        "full": lambda: mixture.covariances_,
    }[kind]()
    weights, means, factors = (
        np.zeros(components),
        np.zeros((components, size)),
        np.tile(np.eye(size), (components, 1, 1)),
    )
    weights[:used], means[:used], factors[:used] = mixture.weights_, mixture.means_, np.linalg.cholesky(covariances)
    return [weights, means, factors]
