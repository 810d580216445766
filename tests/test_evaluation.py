"""Evaluate: planted copies are caught and honest models cleared; streamed, stopped, refused and written as promised."""

from __future__ import annotations

import dataclasses
import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from toys import Planted, noisy, sided, toys, trained

import genmodels
from genmodels.__main__ import main
from genmodels.checkpoint import save
from genmodels.data.imageset import ImageSet
from genmodels.evaluation import Evaluating, Evaluation, evaluate, run, side_by_side
from genmodels.evaluation import real as real_sets
from genmodels.events import Finished, Progress, Scored, Trouble
from genmodels.images import PictureFormat, to_images
from genmodels.judge import judge
from genmodels.models import FAMILIES


@pytest.fixture(scope="module")
def learned():
    return ImageSet(toys(1000), name="toys")


@pytest.fixture
def memory():
    """Nothing remembered of earlier sets."""
    real_sets._kept.clear()


PLANTS = {
    "noisy": lambda pixels: noisy(pixels),
    "mirrored": lambda pixels: noisy(pixels[:, :, ::-1]),
    "moved and faded": lambda pixels: (np.roll(noisy(pixels), (1, -1), (1, 2)) * 0.7).astype(np.uint8),
    "one in ten": lambda pixels: np.concatenate([noisy(pixels[:30]), toys(270, seed=9)]),
}


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_memoriser_is_caught(plant, learned):
    made = PLANTS[plant](learned.training()[0][:300])
    found = run(evaluate(Planted(made), learned, Evaluating(count=300)))
    assert found.copying == "copied"
    copies = found.number("copies")
    assert copies.low > copies.reference
    assert copies.value > (0.08 if plant == "one in ten" else 0.9)
    rows = np.flatnonzero(~learned.held_out)
    for near in found.nearest[:5]:  # the most suspicious first, each beside the picture that it was copied from
        assert near.suspicious
        assert near.chosen == "closest"
        assert near.row == rows[near.index]
        assert near.mirrored == (plant == "mirrored")


def test_an_honest_model_is_cleared(learned):
    found = run(evaluate(Planted(toys(600, seed=7)), learned, Evaluating(count=600)))
    assert found.copying == "clear"
    assert found.number("copies").value < 0.06
    assert [near.chosen for near in found.nearest] == ["closest"] * 10 + ["random"] * 6
    frechet = found.number("frechet")
    assert frechet.low <= frechet.reference <= frechet.high  # as good as real: drawn from the same chance
    assert found.number("f1").value > 0.8
    soft = toys(600, seed=8).astype(float).mean(0, keepdims=True) * 0.5 + toys(600, seed=8) * 0.5
    assert run(evaluate(Planted(soft.astype(np.uint8)), learned, Evaluating(count=600))).copying == "clear"


def test_twins_in_a_set_do_not_hide_copies():
    pixels = toys(600)
    twins = ImageSet(np.concatenate([pixels, noisy(pixels[:60], 0.002)]), name="twins")
    made = noisy(twins.training()[0][:300], 0.01)
    assert run(evaluate(Planted(made), twins, Evaluating(count=300))).copying == "copied"
    assert run(evaluate(Planted(toys(300, seed=3)), twins, Evaluating(count=300))).copying == "clear"


# ---- families


def test_a_gan_and_its_critic_are_measured():
    found = run(evaluate(trained("gan"), sided(), Evaluating(count=100)))
    names = {number.name for number in found.numbers}
    assert names >= {"frechet", "kernel", "precision", "recall", "f1", "density", "coverage", "right", "copies"}
    assert names >= {"critic", "critic_real", "critic_made"}
    assert not names & {"elbo", "ssim"}
    assert [kind.name for kind in found.classes] == ["left", "right"]
    assert sum(kind.asked for kind in found.classes) == 100
    for number in found.numbers:
        assert number.low <= number.value <= number.high
        assert number.band
        assert number.pictures
    comparing = trained("gan", loss="wasserstein")  # its critic only compares, so there is no place to cut
    names = {number.name for number in run(evaluate(comparing, sided(), Evaluating(count=50))).numbers}
    assert "critic" in names
    assert "critic_real" not in names


def test_the_critic_is_right_about_so_many(learned):
    made = (toys(200, seed=7) // 2).astype(np.uint8)
    model = Planted(made)
    model.can_criticise = True
    model.realness = lambda images, labels: (images.flatten(1).mean(1) + 0.5, 0.0)  # bright pictures look real to it
    found = run(evaluate(model, learned, Evaluating(count=200)))
    real, dark = (rows.reshape(len(rows), -1).mean(1) / 127.5 - 0.5 for rows in (learned.held()[0], made))
    assert found.number("critic_real").value == pytest.approx((real > 0).mean())
    assert found.number("critic_made").value == pytest.approx((dark <= 0).mean())
    assert found.number("critic").value == pytest.approx((real[:, None] > dark).mean(), abs=1e-3)


def test_right_class_is_what_was_asked_for():
    pictures = sided(400)

    class Asked(FAMILIES["gan"]):
        def sample(self, seed, indices, labels=None, diversity=1.0):
            real, of = pictures.held()
            wrong = [1 - label if index < 30 else label for index, label in zip(indices, labels, strict=True)]
            return to_images(
                np.stack([real[of == label][index % 20] for index, label in zip(indices, wrong, strict=True)])
            )

    model = Asked(FAMILIES.sizes("gan")["tiny"], PictureFormat(28, 1, ("left", "right")))
    found = run(evaluate(model, pictures, Evaluating(count=120)))
    assert found.number("right").value == pytest.approx(0.75, abs=0.02)
    assert found.number("right").by
    assert found.number("right").reference > 0.95


def test_a_vae_is_measured_by_its_rebuilds_and_bounds():
    pictures = sided()
    found = run(evaluate(trained("vae"), pictures, Evaluating(count=60)))
    value = {number.name: number.value for number in found.numbers}
    assert value["importance"] >= value["elbo"]
    assert value["importance_binary"] >= value["elbo_binary"]
    assert value["bits"] == pytest.approx(-value["importance_binary"] / (784 * np.log(2)))
    assert value["psnr"] == pytest.approx(-10 * np.log10(value["mse"]), abs=1.5)
    assert 0 < value["ssim"] < 1
    assert all(pictures.held_out[row] for row in found.rebuilt)
    assert found.number("elbo").by == "bernoulli"


def test_the_same_again_is_the_same_and_nobody_elses_chance_is_touched():
    torch.manual_seed(3)
    np.random.seed(3)
    before, other = torch.get_rng_state().clone(), np.random.get_state()[1].copy()
    model = trained("vae")
    torch.set_rng_state(before)
    first, second = (run(evaluate(model.train(), sided(), Evaluating(count=60))) for _ in range(2))
    assert first.numbers == second.numbers
    assert first.nearest == second.nearest
    assert torch.equal(before, torch.get_rng_state())
    assert np.array_equal(other, np.random.get_state()[1])
    assert model.training  # it is left as it was


# ---- progress and cancelling


def test_it_says_how_far_it_is_and_what_it_found(learned, memory):
    events = list(evaluate(Planted(toys(300, seed=7)), learned, Evaluating(count=300)))
    fractions = [event.fraction for event in events if isinstance(event, Progress)]
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)
    assert fractions == sorted(fractions)
    assert max(b - a for a, b in itertools.pairwise(fractions)) < 0.25
    assert {event.name for event in events if isinstance(event, Scored)} >= {"frechet", "f1", "copies"}
    assert isinstance(events[-1], Finished)
    assert events[-1].images == 300
    assert all(event.line() for event in events)


def test_closing_it_stops_at_once(learned, memory):
    model = Planted(toys(300, seed=7)).train()
    seen = []
    model.sample = lambda seed, indices, *rest: seen.append(indices) or model.images[list(indices)]
    events = evaluate(model, learned, Evaluating(count=300))
    while not seen:
        next(events)
    events.close()
    assert len(seen) == 1
    assert model.training
    with pytest.raises(StopIteration):
        next(events)


def test_a_set_is_looked_at_once(learned, memory, monkeypatch):
    seen, features = [], type(judge()).features
    monkeypatch.setattr(
        type(judge()), "features", lambda self, images: seen.append(len(images)) or features(self, images)
    )
    model = Planted(toys(100, seed=7))
    run(evaluate(model, learned, Evaluating(count=100)))
    first = sum(seen)
    assert first >= 900 + 2 * 100 + 2 * 100
    seen.clear()
    run(evaluate(model, learned, Evaluating(count=100)))
    assert sum(seen) == 200  # the made pictures and their mirror images


# ---- protocols


def test_numbers_of_different_protocols_are_never_put_side_by_side(learned):
    one = run(evaluate(Planted(toys(100, seed=7)), learned, Evaluating(count=100), name="one"))
    two = run(evaluate(Planted(toys(100, seed=8)), learned, Evaluating(count=100), name="two"))
    assert {mine.name for mine, theirs in side_by_side(one, two)} >= {"frechet", "f1"}
    protocol = one.protocol
    assert (protocol.made, protocol.real, protocol.against, protocol.features) == (100, 100, "held-out", "studio-1")
    changes = {
        **{"version": 2, "features": "digits", "made": 200, "real": 7, "against": "training", "fingerprint": "other"},
        **{"seed": 1, "neighbours": 3, "diversity": 0.5},
    }
    for field, value in changes.items():
        other = two.model_copy(update={"protocol": protocol.model_copy(update={field: value})})
        with pytest.raises(Trouble) as refusal:
            side_by_side(one, other)
        assert str(refusal.value).startswith(("They were", "One was"))
    relabelled = [number.model_copy(update={"by": "another classifier"}) for number in two.numbers]
    assert side_by_side(one, two.model_copy(update={"numbers": tuple(relabelled)})) == ()


def test_a_small_set_is_compared_with_what_was_learned_and_says_so():
    small = ImageSet(toys(40), name="small")
    found = run(evaluate(Planted(toys(100, seed=7)), small, Evaluating(count=100)))
    assert (found.protocol.against, found.protocol.made, found.protocol.real) == ("training", 40, 40)
    assert found.protocol.neighbours == 4
    assert found.copying == ""
    assert found.number("copies") is None
    assert found.number("frechet").reference is None
    assert found.nearest
    vae = run(evaluate(trained("vae", ()), small, Evaluating(count=40)))
    assert vae.number("elbo").reference is None
    edge = ImageSet(toys(64), name="edge")  # six held out: little, but enough for the copy test
    copied = run(evaluate(Planted(edge.training()[0]), edge, Evaluating(count=58)))
    assert (copied.protocol.against, copied.protocol.real, copied.copying) == ("held-out", 6, "copied")
    assert run(evaluate(Planted(toys(58, seed=7)), edge, Evaluating(count=58))).copying == "clear"
    with pytest.raises(Trouble, match="too few to judge by"):
        run(evaluate(Planted(toys(100)), ImageSet(toys(5)), Evaluating()))


def test_pictures_of_another_kind_are_refused(learned):
    with pytest.raises(Trouble, match="28 pixels"):
        run(evaluate(Planted(toys(9)), ImageSet(np.zeros((9, 32, 32, 1), np.uint8)), name="m"))
    with pytest.raises(Trouble, match="in colour"):
        run(evaluate(Planted(toys(9)), ImageSet(np.zeros((9, 28, 28, 3), np.uint8)), name="m"))
    with pytest.raises(Trouble, match="other kinds"):
        run(evaluate(trained("gan"), dataclasses.replace(sided(), classes=("up", "down"))))


# ---- files and the terminal


def test_from_a_folder_to_a_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path / "home"))
    pictures = sided()
    pictures.save(tmp_path / "sided")
    checkpoint = save(tmp_path / "model", trained("vae"), name="Sides", size="tiny", trained={"set": "sided"})
    known = genmodels.evaluate(tmp_path / "model", pictures, count=50)
    assert (known.model, known.identity, known.family) == ("Sides", checkpoint.identity, "vae")
    known.save(tmp_path / "model")
    assert Evaluation.open(tmp_path / "model") == known

    out, asked = tmp_path / "out" / "found.json", ["evaluate", str(tmp_path / "model"), "--count", "50"]
    assert main([*asked, "--set", str(tmp_path / "sided"), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "Sides: 50 made pictures against 20 held-out pictures of sided" in said
    assert all(word in said for word in ("frechet", "95 % band", "class left", "It did not copy"))
    assert Evaluation.model_validate(json.loads(out.read_text())).numbers == known.numbers
    assert main(asked) == 2
    assert "Say which pictures Sides shall be compared with" in capsys.readouterr().err
    assert main([*asked[:3], "2", "--set", str(tmp_path / "sided")]) == 2
    assert "Pictures to judge must be at least 16" in capsys.readouterr().err


def test_the_name_costs_no_torch():
    code = "import sys, genmodels; genmodels.evaluate; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"
