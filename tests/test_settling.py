"""What a VAE fits before it draws: the mixture behind its samples and the contrast; and learning in black and white."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from genmodels.images import PictureFormat
from genmodels.models import FAMILIES
from genmodels.models.base import Moment
from genmodels.models.layers import CRISPEST, fit_contrast
from genmodels.models.mixture import LONELY, fit_mixture, fit_mixtures

PICTURE = PictureFormat(28, 1, ("no", "yes"))


def made(**changes):
    """A fresh tiny VAE, seeded."""
    torch.manual_seed(0)
    options = FAMILIES.sizes("vae")["tiny"].changed(**changes)
    return FAMILIES["vae"](FAMILIES["vae"].suited(options, PICTURE, 64), PICTURE).eval()


def test_a_contrast_that_was_taken_out_is_found_again() -> None:
    logits = 3 * torch.randn(20, 1, 28, 28)
    assert fit_contrast(logits / 1.4, torch.tanh(logits / 2)) == pytest.approx(1.4, abs=0.01)


def test_a_contrast_is_never_lowered_and_has_an_end() -> None:
    logits = torch.randn(20, 1, 28, 28)
    assert fit_contrast(3 * logits, torch.tanh(logits / 2)) == pytest.approx(1, abs=0.01)
    assert fit_contrast(logits, torch.sign(logits)) == pytest.approx(CRISPEST, abs=0.01)


def test_settling_fits_the_contrast_unless_it_is_given() -> None:
    images, labels = torch.sign(torch.randn(64, 1, 28, 28)), torch.arange(64) % 2
    crisp, left = made(), made(contrast=1)
    for model in (crisp, left):
        model.settle(images, labels, quick=True)
    assert crisp.contrast > 1.5  # black and white pictures, and grey ones drawn
    assert left.contrast == 1
    drawn = [model.sample(0, range(8)).square().mean() for model in (crisp, left)]
    assert drawn[0] > 1.5 * drawn[1]


def test_a_mixture_of_few_components_does_not_spoil_one_of_many() -> None:
    """A quick fit has fewer points, so fewer components: the rest of them, all zeros, are no start for the full one."""
    random = np.random.default_rng(0)
    centres = 10 * random.normal(size=(8, 4))
    points = (centres[random.integers(0, 8, 2_000)] + 0.1 * random.normal(size=(2_000, 4))).astype(np.float32)
    start = fit_mixture(points[:40], 8, quick=True, start=None)
    assert (start[0] > 0).sum() == 4
    weights, means, _factors = fit_mixture(points, 8, quick=False, start=start)
    assert (weights > 0.05).all()
    for centre in centres:
        assert np.abs(means - centre).max(axis=1).min() < 0.05


def test_components_of_few_points_take_after_all() -> None:
    """Two bars that cross, one of 1,000 points and one of 25: the small one's shape is drawn to the large one's."""
    random = np.random.default_rng(0)
    scale = np.eye(8) + np.diag([2] * 4 + [0] * 4)
    large, small = random.normal(-20, 1, (1_000, 8)) @ scale, random.normal(20, 1, (25, 8)) @ scale[::-1, ::-1]
    _, means, factors = fit_mixture(np.concatenate([large, small]), 2, quick=False, start=None)
    spread = {row[0] > 0: (factor @ factor.T).diagonal() for row, factor in zip(means, factors, strict=True)}
    assert spread[False][:4].mean() == pytest.approx(9, rel=0.1)
    assert 2 < spread[True][:4].mean() < 4  # 1 of its own, 8 of 33 shares of 9
    assert spread[True][4:].mean() > 4


def test_a_mixture_starts_where_the_last_one_was() -> None:
    """So that a seed keeps its meaning: component 0 stays component 0."""
    random = np.random.default_rng(0)
    points = np.concatenate([random.normal(-4, 1, (300, 2)), random.normal(4, 1, (300, 2))])
    _, means, _ = last = fit_mixture(points, 2, quick=False, start=None)
    swapped = [part[::-1].copy() for part in last]
    assert fit_mixture(points, 2, quick=False, start=swapped)[1] == pytest.approx(means[::-1], abs=1e-3)


def test_a_lonely_class_borrows_from_the_others() -> None:
    points, groups = np.random.default_rng(0).normal(5, 1, (100, 3)), np.zeros(100, int)
    groups[: LONELY - 1] = 1
    shapes = [np.zeros((3, 1)), np.zeros((3, 1, 3)), np.zeros((3, 1, 3, 3))]
    _, means, _ = fit_mixtures(np.stack([points, points]), groups, shapes, quick=False, fitted=False)
    assert means.shape == (3, 1, 3)
    assert means[1] == pytest.approx(points.mean(0)[None], abs=1e-6)
    assert means[2] == pytest.approx(means[1])  # and so does one without any picture


def test_black_and_white_is_all_that_a_binary_model_sees() -> None:
    model = made(reconstruction="binary")
    grey, labels = torch.rand(8, 1, 28, 28) * 2 - 1, torch.arange(8) % 2
    cut = torch.where(grey > 0, 1.0, -1.0)
    assert torch.equal(model.encode(grey, labels), model.encode(cut, labels))

    def loss(images: torch.Tensor, model=model) -> float:
        moment = Moment(0, 0.0, torch.Generator().manual_seed(0), lambda view: view)
        return next(model.turns(images, labels, moment))[1].item()

    assert loss(grey) == loss(cut)
    assert loss(grey) != loss(grey, made(reconstruction="bernoulli"))
    draws = torch.Generator()
    likelihood = model.likelihood(grey, labels, draws.manual_seed(0))
    bounds = [model.log_likelihood_bound(i, labels, likelihood, 1, draws.manual_seed(0)) for i in (grey, cut)]
    assert torch.equal(*bounds)
    assert bounds[0].mean().item() == pytest.approx(-784 * np.log(2), rel=0.2)  # it has learned nothing yet
