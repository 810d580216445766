"""What programs may ask over HTTP: the same studio, without the screens (see "Use via API" at the foot of the page)."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import gradio as gr

from ..events import Trouble
from ..images import png
from ..studio import Studio
from ..walls import Ask
from . import guest_api, hub_api
from .model_step import order
from .page import told


def build(studio: Studio) -> None:
    """Name the calls. On a shared host `visitor` is a token of your own choosing: 32 hexadecimal digits."""
    for call in (
        *_pictures(studio),
        *_runs(studio),
        *_evaluations(studio),
        *hub_api.calls(studio),
        *guest_api.calls(studio),
    ):
        gr.api(call, api_name=call.__name__)


def _pictures(studio: Studio) -> tuple[Callable, ...]:
    @told
    def models(visitor: str = "") -> list[dict[str, Any]]:
        """The models that can be sampled."""
        return [
            {
                "key": m.key,
                "name": m.name,
                "family": m.family,
                "size": m.picture.size,
                "classes": list(m.picture.classes),
            }
            for m in studio.models(visitor)
        ]

    @told
    def sample(
        model: str, seed: int = 0, count: int = 16, what: str = "", diversity: float = 1.0, visitor: str = ""
    ) -> list[dict[str, Any]]:
        """Draw pictures: each a PNG in base64 with the recipe that makes it again. `what` names a class."""
        found = studio.model(visitor, model)
        classes = found.picture.classes if found else ()
        if what and what not in classes:
            raise Trouble("This model cannot make that.")
        kind = classes.index(what) if what else None
        wall = studio.draw(visitor, Ask(model, seed, count, kind, diversity))
        made = [studio.walls.made(wall, index) for index in range(len(wall.pixels))]
        return [
            {"png": base64.b64encode(png(each.pixels, {"recipe": each.text})).decode(), "recipe": each.recipe}
            for each in made
        ]

    return models, sample


def _runs(studio: Studio) -> tuple[Callable, ...]:
    @told
    def start_run(
        set: str, family: str = "gan", size: str = "small", seconds: float = 60, name: str = "", visitor: str = ""
    ) -> str:
        """Begin to train on a set (digits, avatars, ...) and return the run's key."""
        return studio.start(visitor, order(set, family, size, seconds, "", {}), name)

    @told
    def look(run: str, visitor: str = "") -> dict[str, Any]:
        """Where a run is."""
        watched = studio.watch(visitor, run)
        seen, done = watched.look, watched.look.progress
        return {
            "state": seen.state,
            "sentence": seen.template.format(**seen.facts),
            "fraction": done.fraction if done else 0.0,
            "images": done.images if done else 0,
            "remaining": done.remaining if done else None,
            "model": watched.model,
        }

    @told
    def tell(run: str, wish: str, visitor: str = "") -> bool:
        """Ask something of a run: pause, resume, stop or delete."""
        studio.tell(visitor, run, wish)
        return True

    return start_run, look, tell


def _evaluations(studio: Studio) -> tuple[Callable, ...]:
    @told
    def start_evaluation(
        model: str, set: str = "", count: int = 1000, seed: int = 0, diversity: float = 1.0, visitor: str = ""
    ) -> str:
        """Begin to judge a model against a set (the one it learned from, if none is named); returns the key."""
        chosen = set or studio.evaluations.home(visitor, model)
        settings = {"count": int(count), "seed": int(seed), "diversity": float(diversity)}
        return studio.evaluations.start(visitor, model, chosen, settings)

    @told
    def look_at_evaluation(evaluation: str, visitor: str = "") -> dict[str, Any]:
        """Where judging is; `result` is the whole of evaluation.json when it has finished."""
        seen = studio.evaluations.look(visitor, evaluation)
        if seen is None:
            raise Trouble("There is no such judgement.")
        return {
            "state": seen.state,
            "sentence": seen.template.format(**seen.facts),
            "fraction": 1.0 if not seen.alive else seen.progress.fraction if seen.progress else 0.0,
            "remaining": seen.progress.remaining if seen.progress else None,
            "result": seen.evaluation.model_dump() if seen.evaluation else None,
        }

    @told
    def cancel_evaluation(evaluation: str, visitor: str = "") -> bool:
        """Stop judging at once."""
        studio.evaluations.cancel(visitor, evaluation)
        return True

    return start_evaluation, look_at_evaluation, cancel_evaluation
