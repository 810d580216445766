"""Train, step 2: which model, for how long, from where; a promise before Start; everything else in a closed drawer."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ..models import FAMILIES
from ..studio import Studio
from . import forms, train_views, views
from .page import QUIET, Page, pane, told
from .words import say

MINUTE, TEN, LONG = 60, 600, 0  # seconds; 0 goes on until it is stopped
SIZE = "small"
FRESH = ""


class ModelStep:
    """The components of the step; `order` reads them."""

    def __init__(self, page: Page, chosen_set: gr.State) -> None:
        self.page, self.set = page, chosen_set
        self.size, self.changed, self.drawn = gr.State(SIZE), gr.State({}), gr.State(0)
        self.heading = pane(views.heading(2, say("Model"), "now"))
        kinds = [(views.kind(FAMILIES.caption(name)), name) for name in FAMILIES]
        self.family = gr.Radio(
            kinds, value="gan", show_label=False, container=False, elem_id="family", elem_classes=["choice"]
        )
        times = [(say("A minute"), MINUTE), (say("Ten minutes"), TEN), (say("As long as it takes"), LONG)]
        self.budget = gr.Radio(times, value=MINUTE, label=say("How long"), elem_id="budget", elem_classes=["short"])
        self.base = gr.Dropdown(
            [(say("Nothing: it begins to learn"), FRESH)], value=FRESH, label=say("Start from"), elem_id="base"
        )
        self.promise = pane("", "promise")
        self.start = gr.Button(say("Start"), variant="primary", size="lg", elem_id="start")
        self.asked = [page.visitor, self.set, self.family, self.size, self.budget, self.base, self.changed]
        self.inputs = self.asked[1:]

    def experts(self) -> None:
        """The drawer below the steps; its form needs torch, so it is made when the drawer is opened."""
        with gr.Accordion(say("Everything else"), open=False, elem_id="experts", elem_classes=["drawer"]) as drawer:
            self.name = gr.Textbox(
                label=say("Name"), placeholder=say("named after its pictures"), max_lines=1, elem_id="run_name"
            )
            self._form(drawer)
        self._wire()

    def _form(self, opened: gr.Accordion) -> None:
        @gr.render(
            inputs=[self.family, self.size, self.budget, self.changed],
            triggers=[opened.expand, self.family.change, self.size.change, self.drawn.change],
            show_progress="minimal",
        )
        def drawer(family: str, size: str, budget: float, changed: dict[str, Any]) -> None:
            from ..trainer import Plan

            sizes = FAMILIES.sizes(family)
            preset = sizes[size if size in sizes else SIZE]
            names = [(say(name.capitalize()), name) for name in sizes]
            pick = gr.Radio(
                names, value=size, label=say("Size"), interactive=True, elem_id="size", elem_classes=["short"]
            )
            pick.input(lambda chosen: (chosen, {}), pick, [self.size, self.changed], **QUIET)
            gr.Markdown(f"#### {say('The model')}")
            forms.form(forms.fields(type(preset)), preset.model_dump(), "options", self.changed)
            gr.Markdown(f"#### {say('The training')}")
            plan = {**Plan().model_dump(), "budget": budget, **changed.get("plan", {})}
            forms.form(forms.fields(Plan), plan, "plan", self.changed)

    def _wire(self) -> None:
        studio, visitor = self.page.studio, self.page.visitor

        @told
        def expect(token: str, *chosen: Any):
            wish = order(*chosen)
            known = studio.promised(token, wish)
            if known is None:
                yield train_views.promise(None)
                known = studio.promise(token, wish)
            yield train_views.promise(known, studio.like(wish))

        @told
        def bases(token: str, family: str, chosen: str = FRESH) -> gr.Dropdown:
            choices = _bases(studio, token, family)
            return gr.Dropdown(choices, value=chosen if chosen in dict(choices).values() else FRESH)

        self.measuring = {"concurrency_limit": 1, "concurrency_id": "promise", "trigger_mode": "always_last", **QUIET}
        gr.on(
            [self.set.change, self.family.change, self.budget.change, self.size.change, self.changed.change],
            expect,
            self.asked,
            self.promise,
            **self.measuring,
        )
        self.family.input(bases, [visitor, self.family, self.base], self.base, **QUIET)
        self.budget.input(_timed, [self.changed, self.drawn], [self.changed, self.drawn], **QUIET)
        self.family.input(lambda changed: {"plan": changed.get("plan", {})}, self.changed, self.changed, **QUIET)
        self.expect, self.bases = expect, bases


def order(set_key: str, family: str, size: str, budget: float, base: str, changed: dict[str, Any]) -> dict[str, Any]:
    """What the step says, as the order of a run; what was changed in the drawer goes before the simple choices."""
    return {
        "family": family,
        "size": size,
        "options": changed.get("options", {}),
        "plan": {"budget": budget, **changed.get("plan", {})},
        "set": set_key,
        "start_from": base or "",
    }


def _timed(changed: dict[str, Any], drawn: int) -> tuple:
    """A time chosen in plain sight goes before one that was set in the drawer, and the drawer shows it."""
    plan = {name: value for name, value in changed.get("plan", {}).items() if name not in ("budget", "unit")}
    return {**changed, "plan": plan}, drawn + 1


def _bases(studio: Studio, token: str, family: str) -> list[tuple[str, str]]:
    like = [(model.name, model.key) for model in studio.models(token) if model.family == family]
    return [(say("Nothing: it begins to learn"), FRESH), *like]
