"""A transfer as it goes: a bar, Cancel, and what came of it; the same for what is pulled and what is published."""

from __future__ import annotations

import gradio as gr

from . import hub_views, views
from .page import QUIET, Page, noted, pane
from .words import say

POLL = 0.6  # seconds
NONE = ""  # no transfer
PLACES = ("pull", "publish", "revision", "dataset")


def kept() -> dict[str, gr.BrowserState]:
    """Which transfer each place shows. They stand outside of the rooms: a room that is closed has read nothing yet."""
    return {name: gr.BrowserState(NONE, storage_key=f"genmodels-{name}", secret="genmodels-studio") for name in PLACES}


class Transferring:
    """The components. `shown` are the outputs of whatever begins a transfer, and `ended` changes when one is over."""

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.key = page.transfers[name]
        self.ended, self.result = gr.State(""), gr.State("")
        self.status = pane("", f"{name}_status")
        self.cancel = gr.Button(say("Cancel"), visible=False, size="md", elem_id=f"{name}_cancel")
        self.timer = gr.Timer(POLL, active=False)
        self.watched = [self.ended, self.result, self.status, self.cancel, self.timer]
        self.shown = [self.key, *self.watched]
        self._wire()

    def _wire(self) -> None:
        studio, asked = self.page.studio, [self.page.visitor, self.key]

        @noted(2, len(self.watched))
        def tick(token: str, key: str) -> tuple:
            return self.seen(token, key)

        @noted(2, len(self.watched))
        def cancel(token: str, key: str) -> tuple:
            studio.hub.cancel(token, key)
            return self.seen(token, key)

        # Through the queue: without it, nobody is told that `ended` has changed.
        self.timer.tick(tick, asked, self.watched, **QUIET)
        self.cancel.click(cancel, asked, self.watched, **QUIET)

    def begin(self, token: str, key: str) -> tuple:
        """The values of `shown` when this transfer has just been ordered, or is found again after a reload."""
        return key, *self.seen(token, key)

    def again(self, token: str, key: str) -> tuple:
        """The same after a reload; what has ended meanwhile is no news any more, and what began meanwhile stays."""
        found = self.page.studio.hub.look(token, key) if key else None
        return self.begin(token, key) if found and found.end is None else (gr.skip(),) * len(self.shown)

    def refused(self, sentence: str) -> tuple:
        """The values of `shown` where it could not even begin."""
        return NONE, "", "", views.note(sentence, "warn"), gr.Button(visible=False), gr.Timer(active=False)

    def seen(self, token: str, key: str) -> tuple:
        """The values of `watched`. A transfer that is not there any more was stopped, here or in another window."""
        found = self.page.studio.hub.look(token, key) if key else None
        if found is None:
            gone = views.note(say("You stopped it.")) if key else ""
            return f"{key} gone" if key else "", "", gone, gr.Button(visible=False), gr.Timer(active=False)
        alive = found.end is None
        good = not alive and found.end.kind == "finished"
        return (
            gr.skip() if alive else f"{key} {found.end.kind}",
            (found.result or "") if good else "",
            hub_views.transfer(found),
            gr.Button(visible=alive),
            gr.Timer(active=alive),
        )
