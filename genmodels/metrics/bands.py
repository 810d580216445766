"""Error bands of 95 %: for shares, for means, and for numbers that only whole sets of pictures have."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np
from scipy import stats

HALVES, RESAMPLES = 20, 1_000
WIDTH = float(stats.norm.ppf(0.975))  # 1.96 standard errors


@dataclasses.dataclass(frozen=True)
class Band:
    """Where the true number lies in 95 of 100 cases, and how that is known."""

    low: float
    high: float
    how: str


def share(hits: int, trials: int) -> Band:
    """A share's band by Wilson's interval (1927), which is honest at 0 and at 100 % where resampling says 0 width."""
    found = stats.binomtest(int(hits), int(trials)).proportion_ci(0.95, method="wilson")
    return Band(float(found.low), float(found.high), "Wilson interval")


def mean(values: np.ndarray, seed: int = 0) -> Band:
    """A mean's band: percentiles of the means of resampled values [n] (bootstrap, Efron 1979)."""
    values, random = np.asarray(values, np.float64), np.random.default_rng(seed)
    means = [values[random.integers(len(values), size=len(values))].mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(means, (0.025, 0.975))
    return Band(float(low), float(high), f"bootstrap of {RESAMPLES}")


def halves(made: np.ndarray, real: np.ndarray, seed: int = 0) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """20 draws of half of the rows of each side, for `around`.

    Leaving out half gives numbers that scatter as much as the whole does (delete-half jackknife, Shao & Wu 1989).
    Resampling with replacement would not: copies of a row are its nearest neighbours.
    """
    random = np.random.default_rng(seed)
    for _ in range(HALVES):
        yield tuple(rows[random.permutation(len(rows))[: max(2, len(rows) // 2)]] for rows in (made, real))


def around(value: float, draws: Sequence[float], least: float = -np.inf, most: float = np.inf) -> Band:
    """The band of a value by the scatter of what `halves` gave; their mean, of fewer pictures, does not matter."""
    spread = WIDTH * float(np.std(draws, ddof=1))
    low, high = max(least, value - spread), min(most, value + spread)
    return Band(min(low, value), max(high, value), f"{len(draws)} draws of half the pictures")
