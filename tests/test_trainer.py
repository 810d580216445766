"""Training as a person would notice it: budgets are kept, numbers that run away come back, collapse is found."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from test_models import FORMATS, made, pictures

from genmodels.data import starters
from genmodels.data.imageset import ImageSet
from genmodels.doctor import Doctor, like_real, variety
from genmodels.events import Preview, Problem, Progress, Scored, Trouble
from genmodels.images import to_pixels
from genmodels.models import FAMILIES
from genmodels.trainer import train
from genmodels.training import Plan, Training

GREY = FORMATS["grey 28 with classes"]


def said(model, images: ImageSet, **plan) -> list:
    """All events of a training."""
    return list(train(model, images, Plan(**{"threads": 1, "unit": "images", **plan})))


@pytest.mark.parametrize("family", list(FAMILIES))
def test_a_budget_in_pictures_repeats_exactly(family) -> None:
    first, second = made(family, GREY), made(family, GREY)
    for model in (first, second):
        said(model, pictures(GREY), budget=1_000)
    assert np.array_equal(to_pixels(first.sample(1, range(8))), to_pixels(second.sample(1, range(8))))


def test_budgets_end_when_they_say() -> None:
    start = time.monotonic()
    events = said(made("gan", GREY), pictures(GREY), budget=2, unit="seconds")
    assert 2 <= time.monotonic() - start < 4
    last = [event for event in events if isinstance(event, Progress)][-1]
    assert last.fraction == 1
    assert last.remaining == 0
    events = said(made("gan", GREY), pictures(GREY), budget=3, unit="epochs")
    assert [e for e in events if isinstance(e, Progress)][-1].images == pytest.approx(3 * 64, abs=32)


def test_what_it_says_is_enough_for_a_screen() -> None:
    events = said(made("vae", GREY), pictures(GREY), budget=2_000)
    previews = [event for event in events if isinstance(event, Preview)]
    assert len(previews) > 5
    assert previews[0].pixels.shape == (64, 28, 28, 1)
    assert not np.array_equal(previews[0].pixels, previews[-1].pixels)
    assert all(event.value >= 0 for event in events if isinstance(event, Scored))
    seen = [event.images for event in events if isinstance(event, Progress)]
    assert seen == sorted(seen)


def test_a_model_learns_what_it_is_shown() -> None:
    """Solid squares in class brightness: after a short training, made pictures are as bright as their class."""
    random = np.random.default_rng(0)
    labels = np.arange(256) % 2
    pixels = np.repeat((60 + 120 * labels)[:, None], 28 * 28, axis=1).reshape(256, 28, 28, 1)
    images = ImageSet((pixels + random.integers(-20, 20, pixels.shape)).astype(np.uint8), labels, ("dark", "light"))
    model = made("vae", images.format, size="tiny")
    said(model, images, budget=12_000)
    drawn = to_pixels(model.sample(0, range(32), [0] * 16 + [1] * 16)).astype(float)
    assert drawn[:16].mean() == pytest.approx(60, abs=25)
    assert drawn[16:].mean() == pytest.approx(180, abs=25)


def test_numbers_that_run_away_come_back_three_times_and_then_it_says_so(monkeypatch) -> None:
    real = Training.advance

    def harmed(self) -> None:
        real(self)
        if self.step >= 20:
            next(self.model.parameters()).data.fill_(math.nan)
            self.parts = {name: value * math.nan for name, value in self.parts.items()}

    monkeypatch.setattr(Training, "advance", harmed)
    monkeypatch.setattr("genmodels.trainer.READ_EVERY", 0)
    events: list = []
    with pytest.raises(Trouble, match="lower learning rate"):
        events.extend(train(made("gan", GREY), pictures(GREY), Plan(budget=10_000, unit="images", threads=1)))
    found = [event for event in events if isinstance(event, Problem)]
    assert [event.facts["tries"] for event in found] == [1, 2, 3]


def test_going_back_halves_the_rate_and_goes_on(monkeypatch) -> None:
    real, rates = Training.advance, []

    def harmed(self) -> None:
        real(self)
        rates.append(self.optimisers["generator"].param_groups[0]["lr"])
        if self.step == 20:
            self.parts = {name: value * math.nan for name, value in self.parts.items()}

    monkeypatch.setattr(Training, "advance", harmed)
    monkeypatch.setattr("genmodels.trainer.READ_EVERY", 0)
    events = said(made("gan", GREY), pictures(GREY), budget=32 * 60, decay_from=1)
    assert [event.name for event in events if isinstance(event, Problem)] == ["non-finite"]
    assert len(rates) == 60
    assert rates[-1] == pytest.approx(rates[0] / 2)


def test_mode_collapse_is_found_and_the_default_is_left_alone() -> None:
    """No penalty, momentum, ten times the rate: within seconds all pictures of a digit are one, whatever the seed."""
    digits = starters.open("digits")

    def problems(**options) -> set[str]:
        torch.manual_seed(0)
        chosen = FAMILIES.sizes("gan")["small"].changed(**options)
        model = FAMILIES["gan"](FAMILIES["gan"].suited(chosen, digits.format, len(digits)), digits.format)
        events = said(model, digits, budget=16_000)
        return {event.name for event in events if isinstance(event, Problem)}

    assert "collapse" in problems(penalty=0, rate=0.02, beta1=0.9, beta2=0.999)
    assert problems() == set()


def test_the_doctor_says_a_thing_once_until_it_is_over() -> None:
    doctor, heard = Doctor(), []
    for index, value in enumerate([0.6] * 8 + [0.1] * 8 + [0.8] * 3 + [0.1] * 8):
        heard += doctor.scored(value, images=index, fraction=0.5)
    assert [problem.name for problem in heard] == ["collapse", "collapse"]
    assert all(problem.repair == "collapse" for problem in heard)
    heard = [problem for _ in range(200) for problem in doctor.reading({"critic sure": 0.999}, images=1)]
    assert [problem.name for problem in heard] == ["critic"]
    assert not list(Doctor().scored(0.1, images=1, fraction=0.01))


def test_collapse_is_said_in_a_run_without_an_end() -> None:
    doctor = Doctor()
    assert [problem.name for _ in range(20) for problem in doctor.scored(0.05, images=1, fraction=1.0)] == ["collapse"]


def test_a_run_without_an_end_counted_in_pictures_previews_by_the_clock() -> None:
    stream = train(made("gan", GREY), pictures(GREY), Plan(budget=0, unit="images", threads=1, preview_every=3600))
    shown = 0
    for event in stream:
        shown += isinstance(event, Preview)
        if isinstance(event, Progress) and event.step > 20:
            break
    stream.close()
    assert shown == 1


def test_pictures_that_are_all_alike_are_learned_without_an_alarm() -> None:
    alike = ImageSet(np.full((40, 28, 28, 1), 90, np.uint8))
    events = said(made("gan", alike.format), alike, budget=600)
    assert not [event for event in events if isinstance(event, Problem)]
    assert "variety" not in {event.name for event in events if isinstance(event, Scored)}


def test_variety_is_counted_within_a_class() -> None:
    one_a_class = np.repeat(np.array([0, 200], np.uint8), 4).reshape(8, 1, 1, 1)
    assert variety(one_a_class, [0] * 4 + [1] * 4) == 0
    assert variety(one_a_class, None) > 100
    random = np.random.default_rng(0).integers(0, 256, (5, 4, 4, 3)).astype(np.uint8)
    pairs = [(random[i] / 1.0 - random[j], i) for i in range(5) for j in range(i + 1, 5)]
    by_hand = np.mean([np.sqrt(np.square(difference).mean()) for difference, _ in pairs])
    assert variety(random, None) == pytest.approx(by_hand, rel=1e-4)
    assert like_real(pictures(GREY)) > 0


def test_two_processes_end_with_the_same_parameters_and_pictures(tmp_path) -> None:
    code = """
import hashlib, json, os, sys
sys.path.insert(0, sys.argv[1])
from test_models import FORMATS, made, pictures
from genmodels.images import to_pixels
from genmodels.trainer import train
from genmodels.training import Plan, Training
picture = FORMATS["grey 28 with classes"]
for family in ("gan", "vae"):
    model, plan = made(family, picture), Plan(budget=32 * 12, unit="images", threads=1)
    live = Training(made(family, picture), pictures(picture), plan)
    for _ in range(6): live.advance()
    for _ in train(model, pictures(picture), plan): pass
    rank = os.environ["RANK"]
    learned = [*live.model.parameters(), *model.parameters()]
    weights = hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in learned)).hexdigest()
    drawn = hashlib.sha256(to_pixels(model.sample(3, range(4))).tobytes()).hexdigest()
    open(f"{sys.argv[2]}/{family}-{rank}.json", "w").write(json.dumps([weights, drawn]))
"""
    (tmp_path / "work.py").write_text(code)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    here = os.path.dirname(__file__)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.path.dirname(here)}
    subprocess.run([*command, str(tmp_path / "work.py"), here, str(tmp_path)], check=True, env=environment, timeout=120)
    for family in ("gan", "vae"):
        first, second = (json.loads((tmp_path / f"{family}-{rank}.json").read_text()) for rank in (0, 1))
        assert first == second
