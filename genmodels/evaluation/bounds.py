"""Bounds: how likely a model with a likelihood finds pictures that it never saw, in nats a picture."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ..images import to_images
from ..metrics import bands
from ..models.base import GenerativeModel
from ..models.likelihood import Likelihood

if TYPE_CHECKING:
    from .measuring import Measuring
    from .real import Sharing

SAMPLES, WEIGHED = 50, 200  # of the importance-weighted bound: samples a picture, pictures
SCALED = 512  # training pictures that a learned scale is set on
TOGETHER = 32  # pictures at a time where many samples are asked for


def binarised(images: Tensor) -> Tensor:
    """Every pixel black or white, cut at 0.5 of [0, 1]."""
    return torch.where(images > 0, 1.0, -1.0)


@torch.inference_mode()
def measure(found: Measuring) -> Sharing:
    """The evidence lower bound of every held-out picture by one sample, and the importance-weighted one of some.

    Grey pictures are measured once more binarised, which is how bounds of digits are usually given. What only
    `WEIGHED` pictures were asked for is how much tighter the second bound is; it is added to the first one's mean.
    """
    draws = torch.Generator().manual_seed(found.seed)
    learned = found.learned(len(found.against)) if found.held_out else found.against[:0]
    scaled = next(found.batches(found.learned(SCALED), SCALED))
    likelihood = found.model.likelihood(*scaled[1:], draws)
    if likelihood is None:
        return
    values = found.pixels[0].size
    both = likelihood.kind == "bernoulli" and found.model.picture.channels == 1
    for turn, binary in enumerate((False, True)[: 1 + both]):
        part, suffix = (lambda share, turn=turn: (turn + share) / (1 + both)), "_binary" if binary else ""
        single, reference, tighter = yield from _bounds(found, learned, likelihood, binary, draws, part)
        band = bands.mean(single, found.seed)
        known = float(reference.mean()) if len(reference) else None
        found.add(f"elbo{suffix}", single.mean(), band, len(single), reference=known, by=likelihood.kind)
        gain = tighter - single[: len(tighter)]
        value = single.mean() + gain.mean()
        spread = bands.WIDTH * float(np.hypot(single.std() / len(single) ** 0.5, gain.std() / len(gain) ** 0.5))
        band = bands.Band(value - spread, value + spread, "standard errors")
        by = f"{likelihood.kind}, {SAMPLES} samples"
        found.add(f"importance{suffix}", value, band, len(tighter), by=by)
        if binary or likelihood.kind == "gaussian":  # a shade of grey is no outcome of a coin
            bits, low, high = (likelihood.bits(nats, values) for nats in (value, band.high, band.low))
            cut = f"{by}, binarised" if binary else by
            found.add("bits", bits, bands.Band(low, high, band.how), len(tighter), by=cut)


def _bounds(
    found: Measuring,
    learned: np.ndarray,
    likelihood: Likelihood,
    binary: bool,
    draws: torch.Generator,
    part: Callable[[float], float],
) -> Generator[float, None, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Bounds in nats: by one sample of the held-out and of some training pictures, by many of the first held-out."""
    rows, sides = found.against[np.random.default_rng(0).permutation(len(found.against))], []  # of every class
    plan = ((rows, 1, 64, 0.1), (learned, 1, 64, 0.1), (rows[:WEIGHED], SAMPLES, TOGETHER, 0.8))
    before = 0.0
    for rows, samples, size, weight in plan:
        values = []
        for done, images, labels in found.batches(rows, size):
            values.append(bound_of(found.model, images, labels, likelihood, binary, samples, draws))
            yield part(before + weight * done / len(rows))
        before += weight
        sides.append(np.concatenate(values) if values else np.zeros(0))
    return sides[0], sides[1], sides[2]


def bound_of(
    model: GenerativeModel,
    images: Tensor,
    labels: Tensor | None,
    likelihood: Likelihood,
    binary: bool,
    samples: int,
    draws: torch.Generator,
) -> np.ndarray:
    """A bound in nats for each picture, float64 [n]."""
    images = binarised(images) if binary else images
    return model.log_likelihood_bound(images, labels, likelihood, samples, draws).cpu().double().numpy()


@torch.inference_mode()
def elbo(
    model: GenerativeModel,
    pixels: np.ndarray,
    labels: np.ndarray | None,
    *,
    samples: int = 1,
    binary: bool = True,
    seed: int = 0,
) -> np.ndarray:
    """The evidence lower bound of pictures, uint8 [n, h, w, c], in nats [n], by itself (for benchmarks).

    One sample, or the importance-weighted bound with more; `binary` cuts at 0.5. For a Bernoulli likelihood, which has
    no scale to be set.
    """
    draws, device, values = torch.Generator().manual_seed(seed), next(model.parameters()).device, []
    for start in range(0, len(pixels), TOGETHER):
        some = slice(start, start + TOGETHER)
        given = None if labels is None else torch.from_numpy(labels[some].astype(np.int64)).to(device)
        images = to_images(pixels[some]).to(device)
        values.append(bound_of(model, images, given, Likelihood("bernoulli"), binary, samples, draws))
    return np.concatenate(values)
