"""Likelihood: what a picture costs in nats, as it is trained on and as it is measured."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

AT_ONCE = 512  # pictures decoded at a time where many samples are asked for


def reconstruction_loss(kind: str, logits: Tensor, images: Tensor, weight: float = 1.0) -> Tensor:
    """Mean over the batch of -log p(picture | latent) in nats, 0-d; `images` [n, c, h, w] in [-1, 1].

    Bernoulli: Kingma & Welling 2014, appendix C.1. Gaussian with its best scale for the batch, found in closed form:
    Rybkin et al. 2021 (sigma-VAE), eq. 8, constants kept. Squared: weight / 2 times the squared error in [0, 1].
    """
    target = (images.float() + 1) / 2
    if kind in ("bernoulli", "binary"):
        return functional.binary_cross_entropy_with_logits(logits.float(), target, reduction="sum") / len(images)
    error = (torch.sigmoid(logits.float()) - target).square()
    if kind == "squared":
        return weight / 2 * error.sum() / len(images)
    pixels = images[0].numel()
    return pixels / 2 * (torch.log(2 * math.pi * error.mean().clamp_min(1e-6)) + 1)


def kl_divergence(mean: Tensor, log_variance: Tensor, free_bits: float = 0.0) -> Tensor:
    """KL(N(mean, variance) || N(0, I)) in nats, mean over the batch, 0-d (Kingma & Welling 2014, appendix B).

    With `free_bits`, each latent's mean KL counts only above that many nats (Kingma et al. 2016, eq. 15).
    """
    each = kl_each(mean, log_variance)
    return each.mean(0).clamp_min(free_bits).sum() if free_bits else each.sum(1).mean()


def kl_each(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL of every latent of every picture in nats, [n, latent]."""
    return 0.5 * (mean.float().square() + log_variance.float().exp() - 1 - log_variance.float())


@dataclasses.dataclass(frozen=True)
class Likelihood:
    """p(picture | latent) with nothing left open, so that bounds of different batches may be averaged."""

    kind: str  # "bernoulli" or "gaussian"
    variance: float = 1.0  # of a Gaussian pixel value in [0, 1]

    def log(self, logits: Tensor, images: Tensor) -> Tensor:
        """log p(picture | latent) in nats, [n]; a density of values in [0, 1] for "gaussian"."""
        target = (images.float() + 1) / 2
        if self.kind == "bernoulli":
            cost = functional.binary_cross_entropy_with_logits(logits.float(), target, reduction="none")
        else:
            error = (torch.sigmoid(logits.float()) - target).square()
            cost = error / (2 * self.variance) + 0.5 * math.log(2 * math.pi * self.variance)
        return -cost.flatten(1).sum(1)

    def bits(self, nats: float, values: int) -> float:
        """Bits a pixel value of a picture with so many, from log p in nats; a density is counted in steps of 1/255."""
        return -nats / (values * math.log(2)) + (math.log2(255) if self.kind == "gaussian" else 0.0)


def bound(
    log_likelihood: Callable[[Tensor], Tensor], mean: Tensor, log_variance: Tensor, samples: int, draws: torch.Generator
) -> Tensor:
    """A lower bound of log p(picture) in nats, [n], for posteriors N(mean, exp(log_variance)) [n, d], prior N(0, I).

    One sample: the evidence lower bound with the divergence in closed form (Kingma & Welling 2014, eq. 7). More: the
    importance-weighted bound (Burda et al. 2016, eq. 8), which is tighter, streamed over its samples.
    `log_likelihood` takes latents [s * n, d] (all pictures, then all again) and gives log p(picture | latent) [s * n].
    """
    count, deviation = len(mean), torch.exp(log_variance / 2)

    def noise(rounds: int) -> Tensor:
        return torch.randn((rounds, *mean.shape), generator=draws).to(mean)

    if samples == 1:
        latents = mean + deviation * noise(1)[0]
        return log_likelihood(latents) - kl_each(mean, log_variance).sum(1)
    total, left = torch.full((count,), -math.inf, device=mean.device), samples
    while left:
        rounds = min(left, max(1, AT_ONCE // count))
        some = noise(rounds)
        latents = mean + deviation * some  # [rounds, n, d]
        prior_less_posterior = 0.5 * (some.square() - latents.square() + log_variance).sum(2)
        weights = log_likelihood(latents.flatten(0, 1)).view(rounds, count) + prior_less_posterior
        total, left = torch.logaddexp(total, weights.logsumexp(0)), left - rounds
    return total - math.log(samples)
