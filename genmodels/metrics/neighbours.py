"""How good and how varied, by nearest neighbours: precision, recall and their F1, density and coverage."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

BLOCK = 1_000  # rows of a distance matrix at a time


def manifold(made: np.ndarray, real: np.ndarray, neighbours: int = 5) -> dict[str, float]:
    """Precision, recall, f1, density and coverage of features [n, d] against real ones [m, d].

    A picture lies among others when it is within one of their balls, which reach to their k-th neighbour.
    Precision and recall: Kynkaanniemi et al. 2019, eq. 1-3; density and coverage: Naeem et al. 2020, eq. 4 and 6. Own
    lines, compared with the authors' `prdc` in the tests: that one prints, and asks for eight workers each time.
    """
    most = min(len(made), len(real)) - 1
    if not 1 <= neighbours <= most:
        raise ValueError(f"{neighbours} neighbours need more than {neighbours} pictures of each; there are {most + 1}.")
    made, real = np.asarray(made, np.float64), np.asarray(real, np.float64)
    reach_made, reach_real = _reach(made, neighbours), _reach(real, neighbours)
    inside = np.zeros(len(made))  # how many real balls a made picture lies in
    found, near = np.zeros(len(real), bool), np.zeros(len(real), bool)
    for rows, apart in _blocks(made, real):
        held = apart <= reach_real
        inside[rows] = held.sum(1)
        near |= held.any(0)
        found |= (apart <= reach_made[rows, None]).any(0)
    precision, recall = float((inside > 0).mean()), float(found.mean())
    return {
        "precision": precision,
        "recall": recall,
        "f1": harmonic(precision, recall),
        "density": float(inside.mean() / neighbours),
        "coverage": float(near.mean()),
    }


def harmonic(precision: float, recall: float) -> float:
    """F1: 0 where either is."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def fitting(neighbours: int, made: int, real: int) -> int:
    """The k to use: a tenth of the smaller side at most (5 from 50 pictures on), and at least 1."""
    return max(1, min(neighbours, min(made, real) // 10))


def squared_distances(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Squared Euclidean distances of [n, d] and [m, d] -> [n, m], through one matrix product."""
    products = rows @ others.T
    products *= -2
    products += np.einsum("nd,nd->n", rows, rows)[:, None]
    products += np.einsum("md,md->m", others, others)
    return np.maximum(products, 0, out=products)


def _blocks(rows: np.ndarray, others: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    for start in range(0, len(rows), BLOCK):
        block = slice(start, min(start + BLOCK, len(rows)))
        yield block, squared_distances(rows[block], others)


def _reach(features: np.ndarray, neighbours: int) -> np.ndarray:
    """Squared distance of each row to its k-th nearest other row, [n]."""
    reach = np.empty(len(features))
    for rows, apart in _blocks(features, features):
        apart[np.arange(len(apart)), np.arange(rows.start, rows.stop)] = -1  # itself comes first
        reach[rows] = np.partition(apart, neighbours, axis=1)[:, neighbours]
    return reach
