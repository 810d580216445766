"""How far apart two clouds of features are: the Frechet distance and the kernel distance."""

from __future__ import annotations

import numpy as np

SUBSET, SUBSETS = 1_000, 10  # the kernel distance looks at so many pictures at a time, so often


def frechet(made: np.ndarray, real: np.ndarray) -> float:
    """Frechet distance of two clouds of features [n, d], [m, d] taken as Gaussians (Heusel et al. 2017, eq. 6).

    |mean difference|^2 + tr(A + B - 2 (A B)^(1/2)) with covariances A and B. The trace of the root is the sum of the
    roots of the eigenvalues of A^(1/2) B A^(1/2), which is symmetric: no imaginary parts to drop and no matrix that
    must be invertible (scipy's sqrtm of A B has both troubles where there are fewer pictures than features).
    """
    mean_made, covariance_made = _moments(made)
    mean_real, covariance_real = _moments(real)
    values, vectors = np.linalg.eigh(covariance_made)
    root = vectors * np.sqrt(np.maximum(values, 0))  # root @ root.T is A, and has the product's eigenvalues as well
    product = np.linalg.eigvalsh(root.T @ covariance_real @ root)
    overlap = np.sqrt(np.maximum(product, 0)).sum()
    apart = np.square(mean_made - mean_real).sum()
    return max(0.0, float(apart + np.trace(covariance_made) + np.trace(covariance_real) - 2 * overlap))


def _moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean [d] and unbiased covariance [d, d], as the published measure takes them (divided by n - 1)."""
    features = np.asarray(features, np.float64)
    mean = features.mean(0)
    centred = features - mean
    return mean, centred.T @ centred / max(1, len(features) - 1)


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
