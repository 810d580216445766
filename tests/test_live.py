"""Judged on the way: the score costs little, leaves no trace in the weights, and the best moment is kept."""

from __future__ import annotations

import types

import numpy as np
import pytest
from test_models import FORMATS, made, pictures
from test_trainer import said

from genmodels import trainer
from genmodels.doctor import Doctor
from genmodels.events import Saved, Scored
from genmodels.images import to_pixels
from genmodels.live import FIRST_GUESS, Live
from genmodels.runs import Run, points, result
from genmodels.trainer import train
from genmodels.training import Plan, Training

GREY = FORMATS["grey 28 with classes"]


class Kept:
    """A store that remembers what was saved: the distance that the point was scored with, if it was."""

    def __init__(self) -> None:
        self.saved: list[float | None] = []

    def save(self, training: Training) -> str:
        step, distance = training.scored
        self.saved.append(distance if step == training.step else None)
        return str(training.images)


def scripted(monkeypatch, distances: list[float]) -> None:
    """Every preview is scored, with these distances one after the other."""
    left = iter(distances)

    def score(self, model, training):
        return {"frechet": next(left, 9.0), "precision": 0.8, "recall": 0.8}

    monkeypatch.setattr(Live, "score", score)
    monkeypatch.setattr(Live, "due", lambda self, training: True)


def test_scores_stay_within_their_share_of_the_time() -> None:
    live = Live(pictures(GREY, 400), share=0.05)
    training = types.SimpleNamespace(seconds=0.99 * FIRST_GUESS / 0.05, scoring=0.0)
    assert not live.due(training)
    training.seconds *= 1.1
    assert live.due(training)
    training.scoring = 2 * FIRST_GUESS
    assert not live.due(training)
    assert not Live(pictures(GREY, 400), share=0).due(training)


def test_a_run_says_how_near_it_is_and_leaves_no_trace_in_the_weights() -> None:
    images = pictures(GREY, 400)
    judged, alone = made("gan", GREY), made("gan", GREY)
    events = said(judged, images, budget=2_000, score_share=0.5)
    said(alone, images, budget=2_000, score_share=0)
    scores = {event.name: event.value for event in events if isinstance(event, Scored)}
    assert scores["frechet"] > 0
    assert 0 <= scores["precision"] <= 1
    assert 0 <= scores["recall"] <= 1
    assert np.array_equal(to_pixels(judged.sample(1, range(8))), to_pixels(alone.sample(1, range(8))))


def test_the_best_moment_is_saved_when_it_happens(monkeypatch) -> None:
    scripted(monkeypatch, [5.0, 3.0, 4.0, 2.0, 6.0, 7.0])
    store = Kept()
    plan = Plan(threads=1, unit="images", budget=2_000, save_every=3600)
    events = list(train(made("gan", GREY), pictures(GREY, 400), plan, store=store))
    assert store.saved[:3] == [5.0, 3.0, 2.0]
    assert len([event for event in events if isinstance(event, Saved)]) >= 3


def test_a_run_keeps_its_best_point_and_makes_a_model_of_it(tmp_path, monkeypatch) -> None:
    scripted(monkeypatch, [5.0, 2.0, *[6.0] * 60])
    monkeypatch.setattr(points, "MOST", 3)
    monkeypatch.setattr(trainer, "READ_EVERY", 10)
    plan = {"budget": 4_000, "unit": "images", "threads": 1, "save_every": 1}
    options = {"batch": 2}
    order = {"set": "digits", "family": "gan", "size": "tiny", "plan": plan, "options": options}
    run = Run.create(tmp_path / "runs", order)
    polished: list[str] = []
    whole = result.polish
    monkeypatch.setattr(result, "polish", lambda point, *rest: polished.append(point.name) or whole(point, *rest))
    assert run.start_here(lambda event: None) == "finished"
    look = run.look()
    assert look.best is not None
    assert look.best.distance == 2.0
    assert look.best != look.points[-1]
    assert polished == [look.best.name]
    assert (run.keep(look.best.name) / "model.safetensors").exists()


def test_the_doctor_uses_the_scores() -> None:
    doctor = Doctor()
    doctor.adversarial = True
    narrow = {"frechet": 9.0, "precision": 0.9, "recall": 0.01}
    first = list(doctor.judged(narrow, -1.0, 100, 0.5))
    second = list(doctor.judged(narrow, -1.0, 200, 0.5))
    third = list(doctor.judged(narrow, -1.0, 300, 0.5))
    assert not first
    assert [problem.name for problem in second] == ["narrow"]
    assert second[0].repair == "collapse"
    assert not third
    worse = {"frechet": 9.0, "precision": 0.9, "recall": 0.9}
    found = [list(doctor.judged(worse, 3.0, images, 0.9)) for images in (400, 500, 600)]
    assert [len(each) for each in found] == [0, 1, 0]
    assert found[1][0].facts["times"] == 3.0


@pytest.mark.parametrize("fine", [{"frechet": 3.1, "precision": 0.9, "recall": 0.5}])
def test_the_doctor_leaves_a_healthy_run_alone(fine) -> None:
    doctor = Doctor()
    assert not [p for images in range(10) for p in doctor.judged(fine, 3.0, images, 0.9)]
