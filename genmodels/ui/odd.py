"""Evaluate, Odd one out: pictures that somebody brings, ranked by how little they belong, and where they differ."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ..oddities import Ranking, told_apart
from . import odd_views, views
from .page import QUIET, Page, noted, pane, told
from .words import say

POLL = 0.7  # seconds
NOBODY = ""  # nobody says which kind is odd


class Odd:
    """The section; `chosen.model` looks, and `chosen.set` says what is ordinary."""

    def __init__(self, page: Page, chosen: Any) -> None:
        self.page, self.key = page, gr.State("")
        with gr.Row(elem_classes=["room"]):
            with gr.Column(scale=6, min_width=300, elem_classes=["desk"], elem_id="odd_side"):
                pane(views.title(say("Odd one out")))
                pane(odd_views.about())
                self.files = gr.File(
                    file_count="multiple",
                    file_types=["image", ".zip"],
                    show_label=False,
                    elem_id="odd_files",
                    height=130,
                )
                self.rank = gr.Button(say("Rank them"), variant="primary", size="lg", elem_id="rank_odd")
                self.status = pane("", "odd_status")
                self.cancel = gr.Button(say("Cancel"), visible=False, size="md", elem_id="cancel_odd")
                self.kind = gr.Dropdown(
                    [],
                    value=None,
                    label=say("Which kind is odd?"),
                    info=say("If you know it: then it is said how well the ranking finds them."),
                    visible=False,
                    elem_id="odd_kind",
                )
                self.apart = pane("", "odd_apart")
            with gr.Column(scale=11, min_width=320, elem_id="odd_shown"):
                self.ranking = pane("", "odd_ranking")
        self.timer = gr.Timer(POLL, active=False)
        self.watched = [self.status, self.ranking, self.kind, self.apart, self.cancel, self.timer]
        self._wire(chosen)

    def _wire(self, chosen: Any) -> None:
        oddities, visitor = self.page.studio.oddities, self.page.visitor

        @told
        def rank(token: str, model: str, pictures: str | None, files: list[str] | None) -> tuple:
            key = oddities.start(token, model, pictures, files or [])
            return key, *_shown(oddities.look(token, key))

        @noted(0, 6)
        def tick(token: str, key: str) -> tuple:
            ranking = oddities.look(token, key)
            if ranking is None:  # it was cancelled while this tick was on its way, or it is an hour old
                return *[gr.skip()] * 5, gr.Timer(active=False)
            return _shown(ranking)

        @noted(1, 7)
        def cancel(token: str, key: str) -> tuple:
            oddities.cancel(token, key)
            return "", views.note(say("You stopped it.")), *_shown(None)[1:]

        @told
        def mark(token: str, key: str, kind: str) -> tuple:
            ranking = oddities.look(token, key)
            if ranking is None:
                return "", ""
            found = told_apart(ranking, kind) if kind else None
            return odd_views.told_apart(found, kind, ranking), odd_views.ranked(ranking, kind)

        asked = [visitor, chosen.model, chosen.set, self.files]
        self.rank.click(rank, asked, [self.key, *self.watched], trigger_mode="once", **QUIET)
        self.timer.tick(tick, [visitor, self.key], self.watched, queue=False, **QUIET)
        self.cancel.click(cancel, [visitor, self.key], [self.key, *self.watched], queue=False, **QUIET)
        self.kind.input(mark, [visitor, self.key, self.kind], [self.apart, self.ranking], **QUIET)


def _shown(ranking: Ranking | None) -> tuple:
    """The value of each of `watched`."""
    alive = ranking is not None and ranking.alive
    kinds = ranking.kinds if ranking else ()
    choices = [(say("Nobody knows"), NOBODY), *((kind or say("other"), kind or NOBODY) for kind in kinds if kind)]
    return (
        odd_views.status(ranking),
        odd_views.ranked(ranking),
        gr.Dropdown(choices, value=NOBODY, visible=bool(kinds)),
        "",
        gr.Button(visible=alive),
        gr.Timer(active=alive),
    )


def build(page: Page, chosen: Any) -> Odd:
    """The section, inside the tab that is open."""
    return Odd(page, chosen)
