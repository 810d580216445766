"""Library, the versions of a model that came from or went to the Hub: which one is here, update, roll back."""

from __future__ import annotations

from collections.abc import Iterator

import gradio as gr

from ..events import Trouble
from . import hub_views, views
from .page import QUIET, Page, pane, told
from .sign_in import plain
from .transfer import Transferring
from .words import say

GO = "element.addEventListener('click', event => {\n  const button = event.target.closest('[data-pick]');\n"
GO += "  if (button) trigger('go', {...button.dataset});\n});"


class RevisionsStep:
    """The components; `going.ended` changes when another version has come."""

    def __init__(self, page: Page, model: gr.State) -> None:
        self.page, self.model = page, model
        with gr.Column(visible=False, elem_id="revisions_part") as self.part:
            self.origin = pane("", "origin")
            self.list = gr.HTML("", elem_id="revisions", js_on_load=GO, apply_default_css=False)
            self.going = Transferring(page, "revision")
        self.shown = [self.part, self.origin, self.list]
        self.asked = [page.visitor, model]
        self._wire()

    def _wire(self) -> None:
        studio = self.page.studio

        @told
        def show(token: str, key: str, oauth: gr.OAuthToken | None) -> Iterator[tuple]:
            yield from self._seen(token, key, plain(oauth))

        @told
        def go(token: str, key: str, oauth: gr.OAuthToken | None, event: gr.EventData) -> tuple:
            try:
                order = studio.hub.go_to(token, key, event.commit, plain(oauth))
            except Trouble as trouble:
                return self.going.refused(say(trouble.template, **trouble.facts))
            return self.going.begin(token, order)

        self.showing = {"fn": show, "inputs": self.asked, "outputs": self.shown, "trigger_mode": "always_last", **QUIET}
        self.list.go(go, self.asked, self.going.shown, trigger_mode="once", **QUIET)

    def _seen(self, token: str, key: str, oauth: str | None) -> Iterator[tuple]:
        """Where the model came from at once, and the versions when the Hub has answered."""
        hub = self.page.studio.hub
        model = next((each for each in self.page.studio.models(token) if each.key == key), None)
        origin = model.origin if model else None
        if origin is None:
            yield gr.Column(visible=False), "", ""
            return
        yield gr.Column(visible=True), hub_views.origin(origin), views.hint(say("Asking the Hub …"))
        try:
            known = hub.revisions(token, key, oauth)
            told = hub_views.revisions(origin, known)
        except Trouble as trouble:
            told = views.note(say(trouble.template, **trouble.facts), "warn")
        yield gr.skip(), gr.skip(), told
