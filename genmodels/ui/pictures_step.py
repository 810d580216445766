"""Train, step 1: the pictures. Sets that ship, one's own files, a data set of the Hub, a drawing pad, a camera."""

from __future__ import annotations

import pathlib
from typing import Any

import gradio as gr

from ..data.intake import Intake
from ..data.selection import LEAST
from ..events import Trouble
from ..sets import Cleaning
from . import forms, gather_views, set_views, views
from .dataset_step import DatasetStep
from .page import QUIET, Page, noted, pane, told
from .transfer import Transferring
from .words import say

GATHER = pathlib.Path(__file__).with_name("gather.js").read_text(encoding="utf-8")
FIRST = "digits"  # chosen from the start, so that Start works at once
SEEN = 24  # pictures of "what the model will see"
POLL = 0.7  # seconds


class PicturesStep:
    """The components of the step; `chosen` holds the key of the set to learn from."""

    def __init__(self, page: Page) -> None:
        studio, self.page = page.studio, page
        self.chosen, self.taking, self.settings = gr.State(FIRST), gr.State(""), gr.State({})
        self.heading = pane(views.heading(1, say("Pictures"), "done"))
        self.cards = pane(set_views.sets(studio.sets(None), FIRST), "sets")
        self.seen = pane("", "seen")
        self.coming = Transferring(page, "dataset")
        with gr.Accordion(say("Use your own pictures"), open=False, elem_id="own_pictures", elem_classes=["drawer"]):
            self._own()
        self.timer = gr.Timer(POLL, active=False)
        self._wire()
        self._wire_own()

    def _own(self) -> None:
        with gr.Tabs():
            with gr.Tab(say("Files")):
                pane(views.hint(say("Pictures, or a ZIP. Folders in the ZIP say what is what.")))
                self.files = gr.File(
                    file_count="multiple", file_types=["image", ".zip"], show_label=False, elem_id="files", height=130
                )
                self.look = gr.Button(say("Look through them"), variant="primary", size="md", elem_id="look_through")
            with gr.Tab(say("Hub"), elem_id="dataset_tab"):
                self.dataset = DatasetStep(self.page, self.coming)
            with gr.Tab(say("Draw")):
                self.pad, self.drawn = self._gather(gather_views.pad(), "pad"), self._label("label_drawn")
            with gr.Tab(say("Camera")):
                self.camera, self.filmed = self._gather(gather_views.camera(), "camera"), self._label("label_filmed")
        with gr.Column(visible=False) as self.piled:
            self.pile = pane()
            self.make = gr.Button(
                say("Make a set of them"), variant="primary", size="md", elem_id="make_set", interactive=False
            )
        self.name = gr.Textbox(
            label=say("Name of the set"), placeholder=say("My pictures"), max_lines=1, elem_id="set_name"
        )
        self.report = pane("", "report")
        with gr.Accordion(say("How they are made equal"), open=False, elem_classes=["drawer"]):
            forms.form(forms.fields(Intake), {}, "intake", self.settings)

    def _label(self, elem_id: str) -> gr.Textbox:
        return gr.Textbox(label=say("What it is"), placeholder=say("nothing special"), max_lines=1, elem_id=elem_id)

    def _gather(self, value: str, elem_id: str) -> gr.HTML:
        return gr.HTML(value, js_on_load=GATHER, apply_default_css=False, elem_id=elem_id)

    def _wire(self) -> None:
        studio, visitor = self.page.studio, self.page.visitor

        @told
        def choose(token: str, event: gr.EventData) -> tuple:
            return event.set, _report(studio.cleaning(token, event.set))

        @told
        def see(token: str, key: str) -> str:
            return set_views.seen(studio.seen(token, key, SEEN, {}))

        @told
        def tick(token: str, key: str, chosen: str) -> tuple:
            try:
                report = studio.cleaning(token, key)
            except Trouble:  # it was deleted in another window
                return "", gr.Timer(active=False), *[gr.skip()] * 3
            if report.alive:
                return _report(report), *[gr.skip()] * 4
            ready = key if report.end.kind == "finished" else chosen
            cards = set_views.sets(studio.sets(token), ready)
            return _report(report), gr.Timer(active=False), cards, ready, see(token, ready)

        @told
        def decide(token: str, event: gr.EventData) -> tuple:
            if event.pick == "delete":
                studio.drop_set(token, event.set)
                return "", "", gr.Timer(active=False), set_views.sets(studio.sets(token), FIRST), FIRST
            studio.decide(token, event.set, {event.name: event.pick == "keep"})
            return event.set, gr.skip(), gr.Timer(active=True), gr.skip(), gr.skip()

        # These pass through the queue: what is set outside of it does not tell others that it changed.
        self.cards.pick(choose, visitor, [self.chosen, self.report], trigger_mode="always_last", **QUIET)
        self.see, self.asked = see, [visitor, self.chosen]
        self.chosen.change(see, self.asked, self.seen, trigger_mode="always_last", **QUIET)
        taken = [self.taking, self.report, self.timer]
        self.timer.tick(
            tick,
            [visitor, self.taking, self.chosen],
            [self.report, self.timer, self.cards, self.chosen, self.seen],
            **QUIET,
        )
        self.report.pick(decide, visitor, [*taken, self.cards, self.chosen], **QUIET)

    def _wire_own(self) -> None:
        """A person's own pictures: files, drawings, photographs."""
        studio, visitor = self.page.studio, self.page.visitor

        @told
        def take(token: str, files: list[str] | None, name: str, settings: dict[str, Any]) -> tuple:
            key = studio.take(token, files or [], (name or "").strip(), settings.get("intake", {}))
            return key, _report(studio.cleaning(token, key)), gr.Timer(active=True), None

        @noted(1, 3)
        def add(token: str, label: str, event: gr.EventData) -> tuple:
            count = studio.add_picture(token, event.data, label or "")
            return gr.Column(visible=True), gather_views.pile(count, LEAST), gr.Button(interactive=count >= LEAST)

        @told
        def make(token: str, name: str, settings: dict[str, Any]) -> tuple:
            key = studio.take_pile(token, name or "", settings.get("intake", {}))
            return key, _report(studio.cleaning(token, key)), gr.Timer(active=True), gr.Column(visible=False)

        @told
        def arrived(token: str, key: str) -> tuple:
            return (key, _report(studio.cleaning(token, key)), gr.Timer(active=True)) if key else [gr.skip()] * 3

        taken, came = [self.taking, self.report, self.timer], self.coming
        self.dataset.wire_get(self.name, self.settings)
        came.ended.change(arrived, [visitor, came.result], taken, **QUIET)
        self.look.click(take, [visitor, self.files, self.name, self.settings], [*taken, self.files], **QUIET)
        for source, label in ((self.pad, self.drawn), (self.camera, self.filmed)):
            source.picture(
                add,
                [visitor, label],
                [self.piled, self.pile, self.make],
                queue=False,
                trigger_mode="multiple",
                **QUIET,
            )
        self.make.click(make, [visitor, self.name, self.settings], [*taken, self.piled], **QUIET)

    def refresh(self, token: str, chosen: str) -> str:
        """The cards for this visitor."""
        return set_views.sets(self.page.studio.sets(token), chosen)


def _report(report: Cleaning | None) -> str:
    return set_views.cleaning(report) if report else ""
