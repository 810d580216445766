"""How far apart two clouds of features are: the Frechet distance and the kernel distance."""

from __future__ import annotations

import numpy as np

SUBSET, SUBSETS = 1_000, 10  # the kernel distance looks at so many pictures at a time, so often


def frechet(made: np.ndarray, real: np.ndarray) -> float:
    """Frechet distance of two clouds of features [n, d], [m, d] taken as Gaussians (Heusel et al. 2017, eq. 6).

    |mean difference|^2 + tr(A + B - 2 (A B)^(1/2)) with covariances A and B. With roots R'R = A and S'S = B the trace
    of (A B)^(1/2) is the sum of the singular values of R S': exact with fewer pictures than features, too, where
    scipy's sqrtm of A B leaves imaginary parts or fails.
    """
    mean_made, root_made = _moments(made)
    mean_real, root_real = _moments(real)
    overlap = np.linalg.svd(root_made @ root_real.T, compute_uv=False).sum()
    spread = np.square(root_made).sum() + np.square(root_real).sum()
    return max(0.0, float(np.square(mean_made - mean_real).sum() + spread - 2 * overlap))


def _moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean [d] and a root [r, d] of the unbiased covariance (divided by n - 1, as published), r at most d."""
    features = np.asarray(features, np.float64)
    mean = features.mean(0)
    centred = (features - mean) / np.sqrt(max(1, len(features) - 1))
    return mean, centred if len(centred) <= centred.shape[1] else np.linalg.qr(centred, mode="r")


def kernel(made: np.ndarray, real: np.ndarray, *, size: int = SUBSET, subsets: int = SUBSETS, seed: int = 0) -> float:
    """Kernel distance: unbiased squared MMD with the kernel (x.y / d + 1)^3 (Binkowski et al. 2018, section 4).

    [n, d], [m, d] -> the mean over random subsets of `size` pictures of each; over all of them at once where there are
    no more. Around 0 (and as often below) where both are alike.
    """
    if max(len(made), len(real)) <= size:
        return _squared_mmd(made, real)
    random = np.random.default_rng(seed)
    draws = []
    for _ in range(subsets):
        some = [random.permutation(len(rows))[:size] for rows in (made, real)]
        draws.append(_squared_mmd(made[some[0]], real[some[1]]))
    return float(np.mean(draws))


def _squared_mmd(made: np.ndarray, real: np.ndarray) -> float:
    """Gretton et al. 2012, eq. 3: within means leave out each picture's product with itself."""
    made, real = np.asarray(made, np.float64), np.asarray(real, np.float64)
    if min(len(made), len(real)) < 2:
        raise ValueError("The kernel distance needs two pictures of each.")

    def like(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / a.shape[1] + 1) ** 3

    def within(rows: np.ndarray) -> float:
        products = like(rows, rows)
        return (products.sum() - np.trace(products)) / (len(rows) * (len(rows) - 1))

    return float(within(made) + within(real) - 2 * like(made, real).mean())
