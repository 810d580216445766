"""One sweep over every family: what any model must keep to, and the losses against values worked out by hand."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from genmodels.checkpoint import Checkpoint, save
from genmodels.data.imageset import ImageSet
from genmodels.events import Trouble
from genmodels.images import PictureFormat, to_images, to_pixels
from genmodels.models import FAMILIES, gan, vae
from genmodels.models.base import Moment, latents, philox
from genmodels.training import Plan, Training

FORMATS = {
    "grey 28 with classes": PictureFormat(28, 1, ("no", "yes", "perhaps")),
    "colour 32": PictureFormat(32, 3),
    "colour 64": PictureFormat(64, 3),
}


def made(family: str, picture: PictureFormat, size: str = "", count: int = 64, **changes):
    """A fresh model of a family (its first size), seeded."""
    torch.manual_seed(0)
    sizes = FAMILIES.sizes(family)
    options = sizes[size or next(iter(sizes))].changed(**changes)
    return FAMILIES[family](FAMILIES[family].suited(options, picture, count), picture).eval()


def pictures(picture: PictureFormat, count: int = 64) -> ImageSet:
    """Random squares on black, brighter for later classes: enough to learn something from."""
    random = np.random.default_rng(0)
    pixels = np.zeros((count, picture.size, picture.size, picture.channels), np.uint8)
    labels = np.arange(count) % max(1, len(picture.classes))
    for row, label in zip(pixels, labels, strict=True):
        top, left, side = random.integers(2, picture.size // 2, 3)
        row[top : top + side, left : left + side] = 120 + 60 * label
    return ImageSet(pixels, labels if picture.classes else None, picture.classes)


def batch(picture: PictureFormat, count: int = 8):
    """Images and labels as a family's `turns` gets them."""
    some = pictures(picture, count)
    return to_images(some.images), None if some.labels is None else torch.from_numpy(some.labels)


@pytest.fixture(params=[(family, name) for family in FAMILIES for name in FORMATS], ids=" ".join)
def case(request):
    """Every family at every kind of picture."""
    family, name = request.param
    return family, FORMATS[name]


def test_pictures_have_the_asked_shape_and_range(case) -> None:
    family, picture = case
    images = made(family, picture).sample(3, range(5))
    assert images.shape == (5, picture.channels, picture.size, picture.size)
    assert images.min() >= -1
    assert images.max() <= 1


def test_same_seed_same_picture_alone_or_in_a_batch(case) -> None:
    family, picture = case
    model = made(family, picture)
    together = model.sample(7, range(40))
    for index in (0, 16, 39):
        assert torch.equal(model.sample(7, [index])[0], together[index])  # to the last bit, not only as pixels
    assert not torch.equal(model.sample(8, [0])[0], together[0])


def test_a_turn_teaches_its_player_and_nobody_else(case) -> None:
    family, picture = case
    model = made(family, picture).train()
    images, labels = batch(picture)
    moment = Moment(0, 0.0, torch.Generator().manual_seed(0), lambda view: view)
    players = model.players()
    seen = set()
    for player, loss, parts in model.turns(images, labels, moment):
        model.zero_grad()
        loss.backward(inputs=list(players[player].parameters()), retain_graph=True)
        mine = {id(p) for p in players[player].parameters()}
        assert all(p.grad is not None and p.grad.isfinite().all() for p in players[player].parameters()), player
        assert all(p.grad is None for p in model.parameters() if id(p) not in mine)
        assert all(value.ndim == 0 and not value.requires_grad for value in parts.values())
        seen.add(player)
    assert seen == set(players)


def test_saved_and_loaded_is_the_same(case, tmp_path) -> None:
    family, picture = case
    model = made(family, picture)
    save(tmp_path / "model", model, name="A model", size="tiny", trained={"images": 1})
    opened = Checkpoint.open(tmp_path / "model")
    loaded, before = opened.load(), model.state_dict()
    assert opened.picture == picture
    assert loaded.state_dict().keys() == before.keys()
    assert all(torch.equal(weight, before[name]) for name, weight in loaded.state_dict().items())
    drawn = to_pixels(loaded.sample(0, range(opened.wall["count"]), opened.wall["labels"]))
    assert np.array_equal(opened.wall_pixels(), drawn)


@pytest.mark.parametrize("harm", ["missing", "extra", "shape", "type", "nan", "truncated", "no file"])
def test_wrong_weights_are_refused(harm, tmp_path) -> None:
    from safetensors.torch import load_file, save_file

    for family in FAMILIES:
        folder = tmp_path / family
        save(folder, made(family, FORMATS["grey 28 with classes"]), name="", size="tiny", trained={})
        file = folder / "model.safetensors"
        state = load_file(file)
        part = next(name for name, tensor in state.items() if tensor.ndim > 1)
        if harm == "missing":
            del state[part]
        elif harm == "extra":
            state["stranger"] = torch.zeros(3)
        elif harm == "shape":
            state[part] = state[part][:-1].clone()
        elif harm == "type":
            state[part] = state[part].half()
        elif harm == "nan":
            state[part].view(-1)[5] = math.nan
        save_file(state, file)
        if harm == "truncated":
            file.write_bytes(file.read_bytes()[:-100])
        elif harm == "no file":
            file.unlink()
        with pytest.raises(Trouble, match="weights"):
            Checkpoint.open(folder).load()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format": 2}, "newer version"),
        ({"family": "oracle"}, "family"),
        ({"pixels": 100_000}, "other things"),
        ({"pixels": 13}, "other things"),
        ({"channels": 2}, "other things"),
        ({"wall": {}}, "other things"),
        ({"wall": {"seed": 0, "count": 10**9, "columns": 8}}, "other things"),
        ({"classes": ["x"] * 5_000}, "other things"),
        ({"options": {"width": 10**9}}, "settings"),
        ({"options": {"surprise": 1}}, "settings"),
    ],
)
def test_wrong_configurations_are_refused_before_memory_is_spent(change, words, tmp_path) -> None:
    save(tmp_path, made("gan", FORMATS["colour 32"]), name="", size="tiny", trained={})
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(Trouble, match=words):
        Checkpoint.open(tmp_path).load()


@pytest.mark.parametrize("family", list(FAMILIES))
def test_resume_is_exact(family) -> None:
    """Weights, optimisers, averages, order of pictures and chance: 20 steps later, to the last bit."""
    picture = FORMATS["grey 28 with classes"]
    plan = Plan(budget=64 * 32, unit="images", threads=1, shift=5, few="on")

    def steps(training: Training, count: int) -> list[dict[str, float]]:
        said = []
        for _ in range(count):
            training.advance()
            said.append({name: float(value) for name, value in training.parts.items()})
        return said

    straight = Training(made(family, picture), pictures(picture), plan)
    steps(straight, 13)
    kept = straight.tensors(), json.loads(json.dumps(straight.facts()))
    expected = steps(straight, 20)
    resumed = Training(made(family, picture), pictures(picture), plan)
    resumed.restore(*kept)
    assert steps(resumed, 20) == expected
    for name, value in straight.tensors().items():
        assert torch.equal(value, resumed.tensors()[name]), name


@pytest.mark.parametrize(("family", "size"), [(f, size) for f in FAMILIES for size in FAMILIES.sizes(f)])
def test_every_size_learns_a_step(family, size) -> None:
    picture = FORMATS["grey 28 with classes"]
    training = Training(made(family, picture, size), pictures(picture), Plan(budget=100, unit="images", threads=1))
    training.advance()
    assert all(value.isfinite() for value in training.parts.values())


@pytest.mark.parametrize("loss", ["non-saturating", "minimax", "hinge", "wasserstein", "relativistic"])
@pytest.mark.parametrize("norm", ["none", "spectral"])
def test_every_loss_of_a_gan_trains(loss, norm) -> None:
    picture = FORMATS["grey 28 with classes"]
    model = made("gan", picture, loss=loss, critic_norm=norm, critic_turns=2)
    before = [p.detach().clone() for p in model.parameters()]
    training = Training(model, pictures(picture), Plan(budget=1_000, unit="images", threads=1))
    for _ in range(3):
        training.advance()
    assert all(value.isfinite() for value in training.parts.values())
    assert all(not torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True) if a.numel() > 1)


def logit(probability: float) -> torch.Tensor:
    """The critic's output for which it says so."""
    return torch.tensor([math.log(probability / (1 - probability))])


def test_gan_losses_by_hand() -> None:
    real, fake = logit(0.9), logit(0.6)
    assert gan.critic_loss("non-saturating", real, fake).item() == pytest.approx(1.0217, abs=1e-4)
    assert gan.critic_loss("minimax", real, fake).item() == pytest.approx(1.0217, abs=1e-4)
    assert gan.generator_loss("non-saturating", fake).item() == pytest.approx(0.5108, abs=1e-4)
    assert gan.generator_loss("minimax", fake).item() == pytest.approx(math.log(0.4), abs=1e-4)
    a, b = torch.tensor([0.5]), torch.tensor([-2.0])
    assert gan.critic_loss("hinge", a, b).item() == pytest.approx(0.5)
    assert gan.critic_loss("hinge", b, a).item() == pytest.approx(3 + 1.5)
    assert gan.generator_loss("hinge", b).item() == pytest.approx(2.0)
    assert gan.critic_loss("wasserstein", a, b).item() == pytest.approx(-2.5)
    assert gan.critic_loss("relativistic", a, b).item() == pytest.approx(math.log(1 + math.exp(-2.5)))
    assert gan.generator_loss("relativistic", b, a).item() == pytest.approx(math.log(1 + math.exp(2.5)))


def test_gradient_penalties_by_hand() -> None:
    """A linear critic with slope w everywhere: R1 + R2 halved is |w|^2, and Wasserstein's is (|w| - 1)^2."""
    slope = torch.full((1, 4, 4), 0.5)  # |w|^2 = 4
    images = torch.randn(6, 1, 4, 4, requires_grad=True)
    assert gan.zero_centred_penalty((images * slope).sum((1, 2, 3)), images).item() == pytest.approx(4.0)
    draws = torch.Generator().manual_seed(0)
    penalty = gan.slope_penalty(lambda x, _: (x * slope).sum((1, 2, 3)), images, -images, None, draws)
    assert penalty.item() == pytest.approx(1.0)


def test_vae_terms_by_hand() -> None:
    mean, log_variance = torch.full((2, 1), 0.3), torch.full((2, 1), math.log(0.01))
    assert vae.kl_divergence(mean, log_variance).item() == pytest.approx(1.8526, abs=1e-4)
    assert vae.kl_divergence(torch.zeros(2, 3), torch.zeros(2, 3), free_bits=0.5).item() == pytest.approx(1.5)
    ink = torch.full((1, 1, 2, 2), 1.0)  # white pixels: target 1
    logits = logit(0.8).view(1, 1, 1, 1).expand(1, 1, 2, 2)
    assert vae.reconstruction_loss("bernoulli", logits, ink).item() == pytest.approx(-4 * math.log(0.8), abs=1e-5)
    assert vae.reconstruction_loss("squared", logits, ink, 10.0).item() == pytest.approx(5 * 4 * 0.04, abs=1e-5)
    gaussian = 4 / 2 * (math.log(2 * math.pi * 0.04) + 1)  # the best scale for an error of 0.2 everywhere is 0.2
    assert vae.reconstruction_loss("gaussian", logits, ink).item() == pytest.approx(gaussian, abs=1e-4)


def test_elbo_is_the_likelihood_where_the_posterior_is_exact() -> None:
    """Linear-Gaussian case: z ~ N(0, 1), x | z ~ N(z, 1), so x ~ N(0, 2) and z | x ~ N(x / 2, 1 / 2)."""
    x = 0.7
    mean, variance = torch.tensor([[x / 2]]), torch.tensor([[0.5]])
    kl = vae.kl_divergence(mean, variance.log()).item()
    expected_log_likelihood = -0.5 * (math.log(2 * math.pi) + (x - x / 2) ** 2 + 0.5)
    log_evidence = -0.5 * (math.log(2 * math.pi * 2) + x * x / 2)
    assert expected_log_likelihood - kl == pytest.approx(log_evidence, abs=1e-6)


def test_mixture_finds_where_the_points_are() -> None:
    from genmodels.models.mixture import fit_mixture

    random = np.random.default_rng(0)
    points = np.concatenate([random.normal(-4, 0.5, (600, 2)), random.normal(4, 1.5, (200, 2))])
    weights, means, factors = fit_mixture(points, 2, quick=False, start=None)
    small = int(means[:, 0].argmax())
    assert weights[small] == pytest.approx(0.25, abs=0.02)
    assert means[small] == pytest.approx([4, 4], abs=0.4)
    assert factors[small][0, 0] == pytest.approx(1.5, abs=0.2)


def test_diversity_of_a_vae_stays_inside_its_components() -> None:
    picture = FORMATS["grey 28 with classes"]
    model = made("vae", picture, components=2)
    model.means.copy_(torch.arange(6.0).view(3, 2, 1).expand_as(model.means))
    noise, choice = torch.randn(50, model.latent_size), torch.rand(50)
    labels = torch.full((50,), 2)
    drawn = model.draw(noise, choice, labels, diversity=0.0)
    assert set(drawn[:, 0].tolist()) == {4.0, 5.0}


def test_random_numbers_match_the_published_vectors() -> None:
    """Random123's known-answer tests for Philox4x32-10."""
    zeros = philox(np.zeros((1, 4), np.uint32), (0, 0))[0]
    assert [hex(word) for word in zeros] == ["0x6627e8d5", "0xe169c58d", "0xbc57ac4c", "0x9b00dbd8"]
    counter = np.array([[0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344]], np.uint32)
    digits_of_pi = philox(counter, (0xA4093822, 0x299F31D0))[0]
    assert [hex(word) for word in digits_of_pi] == ["0xd16cfe09", "0x94fdcceb", "0x5001e420", "0x24126ea1"]


def test_latents_are_normal_and_do_not_depend_on_their_neighbours() -> None:
    noise, choice = latents(5, range(4_000), 33)
    assert noise.mean() == pytest.approx(0, abs=0.01)
    assert noise.std() == pytest.approx(1, abs=0.01)
    assert choice.mean() == pytest.approx(0.5, abs=0.02)
    assert np.array_equal(latents(5, [1_234], 33)[0][0], noise[1_234])
    assert not np.array_equal(latents(6, [1_234], 33)[0][0], noise[1_234])


def test_a_newer_option_can_be_added_without_breaking_old_checkpoints(tmp_path) -> None:
    """A config.json that lacks an option takes its default."""
    save(tmp_path, made("gan", FORMATS["colour 32"]), name="", size="tiny", trained={})
    config = json.loads((tmp_path / "config.json").read_text())
    del config["options"]["penalty_every"]
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert Checkpoint.open(tmp_path).load().options.penalty_every == 4


def test_a_broken_wall_gets_a_sentence(tmp_path) -> None:
    opened = save(tmp_path, made("gan", FORMATS["colour 32"]), name="n" * 200, size="tiny", trained={})
    (tmp_path / "samples.webp").write_bytes(b"RIFF no picture")
    with pytest.raises(Trouble, match="cannot be read"):
        opened.wall_pixels()


def test_settling_sees_every_class_of_a_set_that_lies_in_the_order_of_its_folders() -> None:
    picture = FORMATS["grey 28 with classes"]
    labels = np.repeat(np.arange(3), 1_500)
    pixels = np.random.default_rng(0).integers(0, 255, (4_500, 28, 28, 1)).astype(np.uint8)
    training = Training(made("vae", picture, components=2), ImageSet(pixels, labels, picture.classes), Plan(threads=1))
    seen: list[torch.Tensor] = []
    training.ema.settle = lambda images, labels, quick: seen.append(labels)
    training.settled(quick=True)
    assert seen[0].unique().tolist() == [0, 1, 2]


def test_a_format_is_plain_data() -> None:
    assert dataclasses.asdict(FORMATS["colour 32"]) == {"size": 32, "channels": 3, "classes": ()}
