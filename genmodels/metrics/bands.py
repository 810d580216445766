"""Error bands of 95 %: for shares, for means, and for numbers that only whole sets of pictures have."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

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


def halves(
    measure: Callable[[np.ndarray, np.ndarray], Mapping[str, float]],
    made: np.ndarray,
    real: np.ndarray,
    values: Mapping[str, float],
    *,
    limits: Mapping[str, tuple[float, float]] | None = None,
    seed: int = 0,
) -> dict[str, Band]:
    """Bands of `values`, what `measure` says of all rows, from 20 draws of half of the rows of each side.

    Leaving out half gives draws that scatter as much as the whole does (delete-half jackknife, Shao & Wu 1989); their
    mean, which is another for fewer pictures, does not matter. Resampling with replacement would: copies of a row are
    its nearest neighbours. A band stays within `limits`.
    """
    random = np.random.default_rng(seed)
    draws: dict[str, list[float]] = {name: [] for name in values}
    for _ in range(HALVES):
        half = [rows[random.permutation(len(rows))[: max(2, len(rows) // 2)]] for rows in (made, real)]
        for name, value in measure(*half).items():
            draws[name].append(value)
    bands = {}
    for name, found in draws.items():
        spread, (least, most) = WIDTH * float(np.std(found, ddof=1)), (limits or {}).get(name, (-np.inf, np.inf))
        low, high = max(least, values[name] - spread), min(most, values[name] + spread)
        bands[name] = Band(min(low, values[name]), max(high, values[name]), f"{HALVES} draws of half the pictures")
    return bands
