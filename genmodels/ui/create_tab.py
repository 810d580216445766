"""Create: a wall of pictures at once, and what to do with it; one's own picture; guests from the Hub."""

from __future__ import annotations

import secrets
from typing import Any

import gradio as gr

from ..events import Trouble
from ..library import Shelved
from ..studio import Studio
from ..walls import STORED, Ask, Wall, counts_of
from . import views
from .guest_step import GuestStep
from .page import LIVE, QUIET, Page, download, noted, pane, told
from .words import say
from .your_picture import YourPicture, kept

ALL = -1  # every class in turn


class Create:
    """The components of the room; other rooms open a model in it through `open_model` and `outputs`."""

    def __init__(self, page: Page) -> None:
        studio = page.studio
        first = studio.model(None)
        wall = studio.stored(None, first.key) if first else None
        self.page, self.model = page, gr.State(first.key if first else "")
        self.index = gr.State(0)
        given = kept()
        with gr.Tabs(elem_id="places", elem_classes=["inner"], selected="wall") as self.places:
            with gr.Tab(say("Wall"), id="wall"):
                self._wall(first, wall)
            with gr.Tab(say("Your picture"), id="picture") as mirror:
                self.yours = YourPicture(page, given)
            with gr.Tab(say("Guests"), id="guests") as parlour:
                self.guests = GuestStep(page)
        self.asked = [page.visitor, self.model, self.seed, self.count, self.what, self.diversity]
        self.outputs = [
            *(self.model, self.index, self.cards, self.wall, self.about, self.picked),
            *(self.what, self.count, self.seed, self.diversity, self.places),
        ]
        self._wire(studio)
        mirror.select(**self.coming(self.yours))
        parlour.select(**self.coming(self.guests))

    def _wall(self, first: Shelved | None, wall: Wall | None) -> None:
        """The place that is open: pictures by the dozen, and what to do with them."""
        studio = self.page.studio
        self.cards = pane(views.model_cards(studio.models(None), first.key if first else ""), "models")
        with gr.Row(elem_classes="room"):
            with gr.Column(scale=11, min_width=320, elem_id="wall_side"):
                self.wall = pane(_wall(wall, 0), "wall")
                self.about = pane(views.model_facts(first) if first else "", "about_model")
            with gr.Column(scale=7, min_width=300, elem_classes=["desk"], elem_id="create_side"):
                self.shuffle = gr.Button(say("Shuffle"), variant="primary", size="lg", elem_id="shuffle")
                self.diversity = gr.Slider(
                    0,
                    1.5,
                    STORED,
                    step=0.05,
                    label=say("Diversity"),
                    info=say("Left: typical and alike. Right: daring and sometimes odd."),
                    elem_id="diversity",
                    buttons=[],
                )
                with gr.Row():
                    self.what = gr.Dropdown(
                        _kinds(first),
                        value=ALL,
                        label=say("What"),
                        visible=bool(first and first.picture.classes),
                        elem_id="what",
                        min_width=120,
                    )
                    self.seed = gr.Number(
                        wall.ask.seed if wall else 0,
                        label=say("Seed"),
                        precision=0,
                        elem_id="seed",
                        min_width=120,
                    )
                self.count = gr.Radio(
                    **_counts(first, wall), label=say("How many"), elem_id="count", elem_classes=["short"]
                )
                self.picked = pane(_picked(studio, wall, 0), "picked")
                self.save_all = gr.Button(say("Save all as ZIP"), elem_id="save_all")

    def _wire(self, studio: Studio) -> None:
        shown = [self.wall, self.picked]

        @noted(1, 2)
        def draw(visitor, model, seed, count, what, diversity, index, request: gr.Request) -> tuple:
            return _drawn(studio, (visitor, model, seed, count, what, diversity), index, request)

        @noted(2, 3)
        def shuffle(visitor, model, _, count, what, diversity, index, request: gr.Request) -> tuple:
            seed = secrets.randbelow(1_000_000)
            return seed, *_drawn(studio, (visitor, model, seed, count, what, diversity), index, request)

        @noted(1, 2)
        def pick(visitor, model, seed, count, what, diversity, event: gr.EventData) -> tuple:
            index, label = int(event.index), int(event.label) if event.label else None
            return index, views.picked(studio.picture(visitor, _ask(model, seed, count, what, diversity), index, label))

        @noted(5, 11)
        def choose(visitor: str, event: gr.EventData) -> tuple:
            return self.open_model(visitor, event.model)

        @told
        def bundle(visitor: str, *rest: Any) -> Any:
            return studio.bundle(visitor, _ask(*rest))

        asked = [*self.asked, self.index]
        self.shuffle.click(shuffle, asked, [self.seed, *shown], **LIVE)
        for control in (self.diversity, self.what, self.seed, self.count):
            control.input(draw, asked, shown, **LIVE)
        self.wall.pick(pick, self.asked, [self.index, self.picked], **LIVE)
        self.cards.pick(choose, self.page.visitor, self.outputs, **LIVE)
        download(self.save_all, bundle, self.asked)

    def open_model(self, visitor: str | None, key: str) -> tuple:
        """What `outputs` show when this model is chosen: its own wall, from the start."""
        studio = self.page.studio
        model = studio.model(visitor, key)
        if model is None:
            return "", 0, "", _wall(None, 0), "", "", *[gr.skip()] * 5
        wall = studio.stored(visitor, model.key)
        return (
            model.key,
            0,
            views.model_cards(studio.models(visitor), model.key),
            _wall(wall, 0),
            views.model_facts(model),
            _picked(studio, wall, 0),
            gr.Dropdown(_kinds(model), value=ALL, visible=bool(model.picture.classes)),
            gr.Radio(**_counts(model, wall)),
            wall.ask.seed,
            STORED,
            gr.Tabs(selected="wall"),
        )

    def open_guest(self, visitor: str | None, key: str) -> list[Any]:
        """What `guest_outputs` show when this guest is chosen: the place where it does what it can."""
        draws = any(guest.kind == "pipeline" and guest.key == key for guest in self.page.studio.guests.all(visitor))
        shown = (self.guests if draws else self.yours).open(visitor, key)
        shown[self.places] = gr.Tabs(selected="guests" if draws else "picture")
        return [shown.get(output, gr.skip()) for output in self.guest_outputs]

    def coming(self, place: YourPicture | GuestStep) -> dict[str, Any]:
        """The event of somebody's coming to a place; for `.then` after `open_guest`, where it may be open already."""
        attach = noted(place.outputs.index(place.status), len(place.outputs))(place.attach)
        return {"fn": attach, "inputs": place.attached, "outputs": place.outputs, "queue": False, **QUIET}

    @property
    def guest_outputs(self) -> list[Any]:
        """What `open_guest` changes."""
        return [self.places, *self.guests.outputs, *self.yours.outputs]

    def refresh(self, visitor: str | None, key: str) -> str:
        """The cards again, when the shelf has changed."""
        return views.model_cards(self.page.studio.models(visitor), key)


def _ask(key: str, seed: int, count: int, what: int, diversity: float) -> Ask:
    if seed is None:
        raise Trouble("A seed is a whole number, for example 42.")
    return Ask(key, seed, count, None if what in (None, ALL) else int(what), diversity)


def _drawn(studio: Studio, asked: tuple, index: int, request: gr.Request) -> tuple:
    visitor, *rest = asked
    wall = studio.draw(visitor, _ask(*rest), f"wall {request.session_hash}")
    if wall is None:  # this page has asked for something newer
        return gr.skip(), gr.skip()
    index = min(index, len(wall.pixels) - 1)
    return _wall(wall, index), _picked(studio, wall, index)


def _wall(wall: Wall | None, index: int) -> str:
    if wall is None:
        return views.empty_wall(say("There is no model yet. Train one, and its pictures hang here."))
    return views.wall(wall.pixels, wall.columns, wall.model.picture.classes, wall.labels, index)


def _picked(studio: Studio, wall: Wall | None, index: int) -> str:
    return views.picked(studio.walls.made(wall, index)) if wall else ""


def _counts(model: Shelved | None, wall: Wall | None) -> dict[str, Any]:
    counts = counts_of(len(model.picture.classes) if model else 0)
    return {"choices": counts, "value": wall.ask.count if wall and wall.ask.count in counts else counts[2]}


def _kinds(model: Shelved | None) -> list[tuple[str, int]]:
    classes = model.picture.classes if model else ()
    return [(say("Everything"), ALL), *((name, index) for index, name in enumerate(classes))]


def build(page: Page) -> Create:
    """The room, inside the tab that is open."""
    return Create(page)
