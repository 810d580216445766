"""Train: pictures, model, watch; three steps side by side, highlighted in turn, never locked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from .create_tab import Create
from .model_step import ModelStep
from .page import QUIET, Page, told
from .pictures_step import PicturesStep
from .watch_step import WatchStep

# On a phone the steps stand below one another: after Start, the third comes into view.
SHOW = "() => { if (innerWidth < 900) document.querySelector('#status').scrollIntoView({behavior: 'smooth'}) }"


class Train:
    """The three steps; `run` remembers in the browser which run is watched."""

    def __init__(self, page: Page, create: Create) -> None:
        with gr.Row(elem_classes=["room", "steps"]):
            with gr.Column(scale=6, min_width=300, elem_classes=["desk", "step"]):
                self.pictures = PicturesStep(page)
            with gr.Column(scale=5, min_width=290, elem_classes=["desk", "step"]):
                self.model = ModelStep(page, self.pictures.chosen)
            with gr.Column(scale=11, min_width=320, elem_classes=["desk", "step"]):
                self.watch = WatchStep(page, [self.pictures.heading, self.model.heading], create)
        self.model.experts()
        watch, model, visitor = self.watch, self.model, page.visitor

        @told
        def start(token: str, name: str, *chosen: Any) -> Iterator[tuple]:
            yield from watch.begin(token, name, *chosen)

        @told
        def attach(token: str, run: str, chosen: str, family: str) -> tuple:
            cards = self.pictures.refresh(token, chosen)
            return cards, model.bases(token, family), *watch.attach(token, run)

        model.start.click(
            start,
            [visitor, model.name, *model.inputs],
            [watch.run, *watch.outputs],
            concurrency_id="start",
            **QUIET,
        ).success(None, js=SHOW)
        self.attach = attach
        self.attached = [visitor, watch.run, self.pictures.chosen, model.family]
        self.found = [self.pictures.cards, model.base, watch.run, *watch.outputs]

    def wake(self, room: gr.Tab) -> None:
        """When somebody comes in: show what the model will see, and find out what this machine can do."""
        room.select(self.pictures.see, self.pictures.asked, self.pictures.seen, **QUIET)
        model = self.model
        room.select(model.bases, [model.asked[0], model.family, model.base], model.base, **QUIET)
        room.select(model.expect, model.asked, model.promise, **model.measuring)


def build(page: Page, create: Create) -> Train:
    """The room, inside the tab that is open."""
    return Train(page, create)
