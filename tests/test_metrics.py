"""Every metric against values worked out by hand, published, or from the authors' own code."""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
import torch
from scipy import linalg
from toys import toys

from genmodels.images import PictureFormat, to_images
from genmodels.metrics import bands, copies, fitting, frechet, kernel, manifold, quick, rebuilding
from genmodels.models import FAMILIES
from genmodels.models.likelihood import Likelihood, bound


@pytest.fixture
def random():
    """Chance that is the same whichever tests run."""
    return np.random.default_rng(0)


# ---- distances


def test_frechet_is_the_closed_form_of_two_gaussians():
    def cloud(mean, spread):  # four points whose mean and (n - 1) variances are exactly these
        return np.array(mean) + np.array([[1, 0], [-1, 0], [0, 1], [0, -1]]) * spread * math.sqrt(1.5)

    far = frechet(cloud([0.0, 0.0], [1.0, 2.0]), cloud([3.0, 4.0], [2.0, 5.0]))
    assert far == pytest.approx(25 + (1 - 2) ** 2 + (2 - 5) ** 2)  # |difference|^2 + sum of (s - t)^2
    assert frechet(cloud([1.0, 2.0], [1.0, 3.0]), cloud([1.0, 2.0], [1.0, 3.0])) == pytest.approx(0, abs=1e-9)


def test_frechet_is_scipys_root_where_that_works_and_stays_sound_where_it_does_not(random):
    a, b = random.normal(size=(80, 6)), random.normal(size=(60, 6)) @ random.normal(size=(6, 6)) + 0.3
    x, y = np.cov(a.T), np.cov(b.T)
    root = linalg.sqrtm(x @ y).real
    published = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(x + y - 2 * root)
    assert frechet(a, b) == pytest.approx(published)
    few = random.normal(size=(5, 100))  # far fewer pictures than features
    assert frechet(few, few + 0.1) == pytest.approx(100 * 0.01)
    assert frechet(few[:2], few[2:]) > 0


def test_kernel_distance_by_hand():
    # k(x, y) = (x y + 1)^3: within {0, 1} 1, within {0, 2} 1, across 1, 1, 1, 27
    assert kernel(np.array([[0.0], [1.0]]), np.array([[0.0], [2.0]])) == pytest.approx(1 + 1 - 2 * 7.5)


def test_kernel_distance_has_no_bias(random):
    same = [kernel(random.normal(size=(20, 4)), random.normal(size=(15, 4))) for _ in range(400)]
    assert abs(np.mean(same)) < 4 * np.std(same) / 20  # four standard errors
    assert min(same) < 0
    big, other = random.normal(size=(3000, 4)), random.normal(size=(3000, 4)) + 0.5
    assert kernel(big, other) == pytest.approx(kernel(big, other, size=3000), rel=0.15)


# ---- neighbours

REAL, MADE = np.array([[0.0], [1], [2], [10], [40]]), np.array([[0.5], [3], [300], [301]])


def test_neighbours_by_hand_on_a_line():
    # Real balls reach 1, 1, 1, 8, 30: 0.5 lies in two, 3 in two, 300 and 301 in none; only 40 has no made one nearby.
    # Made balls reach 2.5, 2.5, 1, 1: they hold 0, 1 and 2.
    found = manifold(MADE, REAL, 1)
    assert found == pytest.approx(
        {"precision": 2 / 4, "recall": 3 / 5, "f1": 2 * 0.5 * 0.6 / 1.1, "density": 4 / 4, "coverage": 4 / 5}
    )


def test_neighbours_are_those_of_the_published_code(random):
    prdc = pytest.importorskip("prdc")
    made, real = random.normal(size=(1500, 8)) * 0.8, random.normal(size=(1200, 8))
    theirs = prdc.compute_prdc(real, made, 5)
    ours = manifold(made, real, 5)
    assert {name: ours[name] for name in theirs} == pytest.approx(theirs)


def test_collapse_and_noise_are_told_apart(random):
    real = random.normal(size=(400, 8))
    collapsed = manifold(real[:1] + 1e-3 * random.normal(size=(400, 8)), real, 5)
    assert collapsed["precision"] > 0.99
    assert collapsed["recall"] < 0.05
    noise = manifold(20 * random.normal(size=(400, 8)), real, 5)
    assert noise["density"] < 0.01
    assert noise["f1"] < 0.05


def test_k_shrinks_with_few_pictures_and_too_few_are_refused():
    assert [fitting(5, 1000, n) for n in (400, 50, 30, 6)] == [5, 5, 3, 1]
    with pytest.raises(ValueError, match="neighbours"):
        manifold(MADE, REAL, 4)


def test_the_quick_score_says_the_same_in_a_moment(random):
    made, real = (random.normal(size=(512, 192)).astype(np.float32) for _ in range(2))
    quick(made, real)
    start = time.process_time()
    found = quick(made, real)
    assert time.process_time() - start < 0.2  # 20 ms on one free core; threads and neighbours count here
    assert found["frechet"] == frechet(made, real)
    assert found["f1"] == manifold(made, real, 5)["f1"]


# ---- bands


def test_a_share_has_the_published_interval():
    assert (bands.share(8, 10).low, bands.share(8, 10).high) == pytest.approx((0.4902, 0.9433), abs=1e-4)  # Wilson
    assert bands.share(0, 10).high == pytest.approx(0.2775, abs=1e-4)  # where resampling would say 0 to 0


def test_a_mean_has_the_band_of_its_standard_error(random):
    values = random.normal(size=2000) * 3
    band = bands.mean(values)
    assert band.high - band.low == pytest.approx(2 * 1.96 * 3 / math.sqrt(2000), rel=0.15)
    assert bands.mean(values) == band  # no global chance


def test_halves_scatter_as_repeated_measurements_do(random):
    def draw():
        return random.normal(size=(200, 4)), 1.3 * random.normal(size=(150, 4))

    again = np.std([frechet(*draw()) for _ in range(200)])
    widths = []
    for _ in range(20):
        made, real = draw()
        value, draws = frechet(made, real), [frechet(*half) for half in bands.halves(made, real)]
        band = bands.around(value, draws)
        widths.append((band.high - band.low) / 2 / bands.WIDTH)
    assert np.mean(widths) == pytest.approx(again, rel=0.35)


# ---- copies


def test_the_chance_of_copies_is_exact():
    def near(values):
        return copies.Near(np.array(values), np.array(values), np.zeros(len(values), int), np.zeros(len(values), bool))

    # Two made pictures before the nearest of two held-out ones: one of the 6 orders of 4 pictures.
    found = copies.compare(near([0.3, 0.4]), near([0.5, 0.9]))
    assert found.chance == pytest.approx(1 / 6)
    assert (found.share, found.expected) == (1.0, pytest.approx(1 / 3))
    assert copies.compare(near([0.6, 0.7]), near([0.5, 0.9])).chance == 1.0


def test_copies_are_found_by_nearness_to_one_training_picture(random):
    training, fresh, held = (random.normal(size=(n, 12)) for n in (800, 300, 200))

    def both(rows):
        return np.stack([rows, -rows])  # here the mirror image of a row is its negative

    copied = copies.copies(both(training[:300] + 0.05 * random.normal(size=(300, 12))), training, both(held))
    mirrored = copies.copies(both(-training[:300]), training, both(held))
    honest = copies.copies(both(fresh), training, both(held))
    plain = copies.copies(both(0.05 * fresh), training, both(held))  # near to all is no copy of one
    assert (copied.copied, mirrored.copied, honest.copied, plain.copied) == (True, True, False, False)
    assert honest.share < 0.05
    near = copies.nearest(both(-training[:9]), training)
    assert near.row.tolist() == list(range(9))
    assert near.mirrored.all()
    assert not (copies.nearest(both(training[:9]), training, first=0).row == np.arange(9)).any()


def test_no_mirror_no_move_and_no_fading_hides_a_copy_pixel_by_pixel():
    pictures = toys(60)
    training = copies.pixel_view(pictures)
    hidden = {
        "mirrored": pictures[:, :, ::-1],
        "moved": np.pad(pictures, ((0, 0), (2, 0), (0, 2), (0, 0)), mode="edge")[:, 1:-1, 1:-1],
        "faded": (pictures * 0.5 + 60).astype(np.uint8),
    }
    for name, seen in hidden.items():
        near = copies.nearest(copies.pixel_views(seen), training)
        assert near.row.tolist() == list(range(60)), name
        assert near.mirrored.all() == (name == "mirrored")
        assert near.distance.max() < 0.25


# ---- rebuilding


def test_squared_error_and_signal_to_noise():
    black = torch.full((2, 1, 28, 28), -1.0)
    assert rebuilding.mse(black, black + 0.2).tolist() == pytest.approx([0.01, 0.01])
    assert rebuilding.psnr(black, black + 0.2).tolist() == pytest.approx([20.0, 20.0], abs=1e-5)
    assert rebuilding.psnr(black, black).tolist() == [100.0, 100.0]


def test_structural_similarity_is_the_published_one(random):
    picture = to_images(random.integers(0, 256, (2, 28, 28, 3)).astype(np.uint8))
    assert rebuilding.ssim(picture, picture).tolist() == pytest.approx([1.0, 1.0])
    flat = torch.zeros(1, 3, 32, 32)  # 0.5 against 0.7: only the first factor of equation 13 is left
    shifted = (2 * 0.5 * 0.7 + 1e-4) / (0.25 + 0.49 + 1e-4)
    assert rebuilding.ssim(flat, flat + 0.4).item() == pytest.approx(shifted, abs=1e-6)
    x, y = random.random((2, 11, 11))  # one window, written out
    line = np.exp(-np.square(np.arange(-5, 6)) / (2 * 1.5**2))
    weights = np.outer(line, line) / np.outer(line, line).sum()
    mean_x, mean_y = (weights * x).sum(), (weights * y).sum()
    var_x, var_y = (weights * (x - mean_x) ** 2).sum(), (weights * (y - mean_y) ** 2).sum()
    cov = (weights * (x - mean_x) * (y - mean_y)).sum()
    whole = (2 * mean_x * mean_y + 1e-4) * (2 * cov + 9e-4)
    whole /= (mean_x**2 + mean_y**2 + 1e-4) * (var_x + var_y + 9e-4)
    images = [torch.from_numpy(2 * each - 1)[None, None] for each in (x, y)]
    assert rebuilding.ssim(*images).item() == pytest.approx(whole, abs=1e-9)


# ---- likelihood


def test_bounds_of_a_linear_gaussian_model_are_below_its_exact_likelihood():
    weights, noise, x = torch.tensor([[1.0], [0.5], [-2.0]]), 0.3, torch.tensor([[0.5, 1.0, -1.0]])
    covariance = weights @ weights.T + noise * torch.eye(3)  # x = weights z + noise: everything is known
    exact = torch.distributions.MultivariateNormal(torch.zeros(3), covariance).log_prob(x)
    precision = 1 + (weights.T @ weights).item() / noise
    mean, variance = (x @ weights / noise / precision), torch.tensor([[1 / precision]])

    def log_likelihood(latents):
        return torch.distributions.Normal(latents @ weights.T, math.sqrt(noise)).log_prob(x).sum(1)

    draws = torch.Generator().manual_seed(0)
    tight = bound(log_likelihood, mean, variance.log(), 7, draws)
    assert tight.item() == pytest.approx(exact.item(), abs=1e-4)  # with the true posterior every weight is p(x)
    for shift, scale in ((0.0, 1.0), (0.4, 0.5), (-0.2, 3.0)):
        q = torch.distributions.Normal(mean + shift, (variance * scale).sqrt())
        gap = torch.distributions.kl_divergence(q, torch.distributions.Normal(mean, variance.sqrt())).item()
        many = (mean + shift).expand(4000, 1), (variance * scale).log().expand(4000, 1)
        single = bound(log_likelihood, *many, 1, draws)
        error = 4 * single.std().item() / math.sqrt(4000) + 1e-4
        assert single.mean().item() == pytest.approx(exact.item() - gap, abs=error)  # ELBO = log p - KL
        better = bound(log_likelihood, *many, 20, draws).mean().item()
        assert exact.item() - gap - error <= better <= exact.item() + 0.02


def test_a_bernoulli_adds_up_to_one_and_half_a_chance_is_a_bit():
    logits = torch.tensor([[[[0.3, -1.2], [2.0, 0.0]]]])
    every = torch.tensor(list(itertools.product((-1.0, 1.0), repeat=4))).view(16, 1, 2, 2)
    likelihood = Likelihood("bernoulli")
    assert likelihood.log(logits.expand(16, 1, 2, 2), every).exp().sum().item() == pytest.approx(1.0)
    even = likelihood.log(torch.zeros(1, 1, 2, 2), every[:1]).item()
    assert likelihood.bits(even, 4) == pytest.approx(1.0)
    spread = 1 / math.sqrt(2 * math.pi)  # a density of 1 at its middle, which is log2(255) bits a value
    gaussian = Likelihood("gaussian", spread**2)
    assert gaussian.bits(gaussian.log(torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 2, 2)).item(), 4) == pytest.approx(
        math.log2(255)
    )


@pytest.mark.parametrize("kind", ["bernoulli", "gaussian", "squared"])
def test_a_vae_is_bounded_by_the_likelihood_it_was_trained_on(kind):
    torch.manual_seed(0)
    picture = PictureFormat(28, 1, ("a", "b"))
    model = FAMILIES["vae"](FAMILIES.sizes("vae")["tiny"].changed(reconstruction=kind, components=1), picture).eval()
    images, labels = torch.rand(12, 1, 28, 28) * 2 - 1, torch.arange(12) % 2
    draws = torch.Generator().manual_seed(0)
    likelihood = model.likelihood(images, labels, draws)
    assert likelihood.kind == ("bernoulli" if kind == "bernoulli" else "gaussian")
    if kind == "squared":
        assert likelihood.variance == pytest.approx(1 / model.options.squared_weight)
    if kind == "gaussian":
        with torch.no_grad():  # an untrained encoder says little, so this is nearly the error of its means
            error = ((model.decode(model.encode(images, labels), labels) - images) / 2).square().mean().item()
        assert likelihood.variance == pytest.approx(error, rel=0.1)
    single = torch.stack([model.log_likelihood_bound(images, labels, likelihood, 1, draws) for _ in range(30)]).mean(0)
    weighted = model.log_likelihood_bound(images, labels, likelihood, 100, draws)
    assert (weighted > single - 0.5).all()
    assert weighted.mean() >= single.mean()
