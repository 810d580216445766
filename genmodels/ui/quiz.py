"""Evaluate, Be the critic: twenty pictures, real or made, by keys, by touch or by mouse."""

from __future__ import annotations

import pathlib
from typing import Any

import gradio as gr

from ..events import Trouble
from . import quiz_views, views
from .page import QUIET, Page, noted, pane, told
from .words import say

SCRIPT = pathlib.Path(__file__).with_name("quiz.js").read_text(encoding="utf-8")


class Critic:
    """The section; `chosen.model` and `chosen.set` hold the keys of what is played at."""

    def __init__(self, page: Page, chosen: Any) -> None:
        self.page, self.round = page, gr.State("")
        with gr.Column(elem_classes=["desk"], elem_id="critic_side"):
            pane(views.title(say("Be the critic")))
            self.stage = gr.HTML(
                quiz_views.intro(None), js_on_load=SCRIPT, apply_default_css=False, elem_id="critic", padding=False
            )
        self._wire([page.visitor, chosen.model, chosen.set])

    def _wire(self, asked: list[Any]) -> None:
        quizzes, shown = self.page.studio.quizzes, [self.round, self.stage]

        @told
        def begin(visitor: str, model: str, pictures: str | None) -> tuple:
            try:
                quiz = quizzes.begin(visitor, model, pictures)
            except Trouble as trouble:  # it stays where Begin was pressed, and Begin with it
                return "", quiz_views.intro(None, say(trouble.template, **trouble.facts))
            return quiz.key, quiz_views.shown(quiz)

        @noted(0, 1)
        def answer(visitor: str, key: str, event: gr.EventData) -> str:
            return quiz_views.shown(quizzes.answer(visitor, key, int(event.number), event.said == "made"))

        @told
        def turned(visitor: str, model: str, pictures: str | None) -> tuple:
            """Another model or set: whatever was open is over."""
            try:
                return "", quiz_views.intro(quizzes.room(visitor, model, pictures))
            except Trouble:  # the sections above say what is wrong with the choice
                return "", quiz_views.intro(None)

        self.stage.begin(begin, asked, shown, concurrency_id="critic", **QUIET)
        self.stage.answer(answer, [asked[0], self.round], self.stage, queue=False, trigger_mode="multiple", **QUIET)
        self.turned, self.asked, self.outputs = turned, asked, shown
        for part in asked[1:]:
            part.change(turned, asked, shown, trigger_mode="always_last", **QUIET)


def build(page: Page, chosen: Any) -> Critic:
    """The section, inside the tab that is open."""
    return Critic(page, chosen)
