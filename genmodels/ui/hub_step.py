"""Library, what the Hub has: search, cards whose pictures come after them, by address; Pull, and it is here."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Iterator
from typing import Any

import gradio as gr

from ..events import Trouble
from . import hub_views, views
from .create_tab import Create
from .page import QUIET, Page, noted, pane, told
from .sign_in import plain
from .transfer import Transferring
from .words import say

AT_ONCE, BATCH = 4, 3  # previews asked for at the same time; shown together
NEWEST, DOWNLOADS = "newest", "downloads"
MODELS, GUESTS = "checkpoint", "guest"


class HubStep:
    """The components; `going.ended` changes when something that was pulled has come."""

    def __init__(self, page: Page, create: Create) -> None:
        self.page, self.create = page, create
        self.found, self.cursor, self.busy = gr.State([]), gr.State(""), gr.State("")
        with gr.Row(elem_id="hub_search"):
            self.words = gr.Textbox(
                label=say("Search"),
                show_label=False,
                container=False,
                placeholder=say("For example: digits"),
                max_lines=1,
                elem_id="hub_words",
                min_width=200,
            )
            self.ask = gr.Button(say("Search"), variant="primary", elem_id="hub_ask", scale=0, min_width=110)
        with gr.Row(elem_classes=["room"]):
            with gr.Column(scale=11, min_width=320):
                with gr.Row(elem_id="hub_filters"):
                    kinds = [(say("Models of this studio"), MODELS), (say("Guests (diffusers)"), GUESTS)]
                    sorts = [(say("Newest"), NEWEST), (say("Most downloaded"), DOWNLOADS)]
                    small = {"show_label": False, "container": False, "elem_classes": ["short"], "min_width": 230}
                    self.kind = gr.Radio(kinds, value=MODELS, label=say("Kind"), elem_id="hub_kind", **small)
                    self.sort = gr.Radio(sorts, value=NEWEST, label=say("Order"), elem_id="hub_sort", **small)
                self.notice = pane("", "hub_notice")
                self.cards = gr.HTML("", elem_id="found", js_on_load=hub_views.FOUND, apply_default_css=False)
                self.pictures = gr.HTML(
                    "", elem_id="found_pictures", js_on_load=hub_views.PICTURES, apply_default_css=False
                )
                self.more = gr.Button(say("More"), visible=False, size="md", elem_id="hub_more")
            with gr.Column(scale=6, min_width=300, elem_classes=["desk"], elem_id="hub_desk"):
                pane(views.title(say("By address")))
                self.address = gr.Textbox(
                    label=say("Name or link of a model"),
                    info=say("As in name/model; a version follows an @: name/model@v2."),
                    max_lines=1,
                    elem_id="hub_address",
                )
                self.fetch = gr.Button(say("Pull"), variant="primary", elem_id="hub_fetch")
                self.going = Transferring(page, "pull")
                self.use = gr.Button(
                    say("Make pictures with it"), variant="primary", visible=False, elem_id="pulled_use"
                )
        self._wire_search()
        self._wire_pull()

    def _wire_search(self) -> None:
        visitor, hub = self.page.visitor, self.page.studio
        newest: dict[str, object] = {}
        shown = [self.found, self.cursor, self.notice, self.cards, self.more]
        asked = [visitor, self.words, self.sort, self.kind]

        @told
        def search(
            token: str, words: str, sort: str, kind: str, oauth: gr.OAuthToken | None, request: gr.Request
        ) -> Iterator[tuple]:
            newest[request.session_hash] = mine = object()
            yield [], "", "", hub_views.waiting(), gr.Button(visible=False)
            outcome = self._asked(token, (words or "").strip(), sort, kind, plain(oauth))
            if newest.get(request.session_hash) is mine:
                yield outcome

        @told
        def enter(
            token: str, words: str, sort: str, kind: str, known: list, oauth: gr.OAuthToken | None, request: gr.Request
        ) -> Iterator[tuple]:
            if known:
                yield [gr.skip()] * 3 + [hub_views.found(known, self._here(token)), gr.skip()]
            else:
                yield from search(token, words, sort, kind, oauth, request)

        @noted(2, 5)
        def more(
            token: str, words: str, sort: str, kind: str, known: list, cursor: str, oauth: gr.OAuthToken | None
        ) -> tuple:
            page = hub.hub.search(token, (words or "").strip(), sort, kind, cursor, plain(oauth))
            seen = {model.repo for model in known}
            every = [*known, *(model for model in page.found if model.repo not in seen)]
            return (
                every,
                page.cursor,
                "",
                hub_views.found(every, self._here(token)),
                gr.Button(visible=bool(page.cursor)),
            )

        def previews(token: str, known: list, oauth: gr.OAuthToken | None, request: gr.Request) -> Iterator[str]:
            mine = newest.get(request.session_hash)
            yield from self._previews(token, known, plain(oauth), lambda: newest.get(request.session_hash) is mine)

        then = {"inputs": [visitor, self.found], "outputs": self.pictures, "concurrency_limit": 8, **QUIET}
        again = gr.on(
            [self.ask.click, self.words.submit, self.sort.input, self.kind.input],
            search,
            asked,
            shown,
            trigger_mode="always_last",
            **QUIET,
        )
        again.then(previews, trigger_mode="multiple", **then)
        self.more.click(more, [*asked, self.found, self.cursor], shown, **{**QUIET, "show_progress": "minimal"}).then(
            previews, trigger_mode="multiple", **then
        )
        self.entering = {"fn": enter, "inputs": [*asked, self.found], "outputs": shown, **QUIET}
        self.hanging = {"fn": previews, "trigger_mode": "multiple", **then}

    def _asked(self, token: str, words: str, sort: str, kind: str, oauth: str | None) -> tuple:
        """What `shown` show after a search; where nobody answers, one sentence stands in the place of the cards."""
        try:
            page = self.page.studio.hub.search(token, words, sort, kind, "", oauth)
        except Trouble as trouble:
            return [], "", views.note(say(trouble.template, **trouble.facts), "warn"), "", gr.Button(visible=False)
        if not page.found:
            return [], "", hub_views.nothing(words, kind == GUESTS), "", gr.Button(visible=False)
        cards = hub_views.found(page.found, self._here(token))
        return list(page.found), page.cursor, "", cards, gr.Button(visible=bool(page.cursor))

    def _previews(self, token: str, known: list, oauth: str | None, wanted: Any) -> Iterator[str]:
        """The pictures of these cards, some at a time; one that cannot be had leaves its card as it is."""
        hub, ready = self.page.studio.hub, {}
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            asked = {pool.submit(hub.preview, token, model.repo, oauth): model.repo for model in known}
            for left, done in zip(reversed(range(len(asked))), concurrent.futures.as_completed(asked), strict=True):
                if not wanted():
                    pool.shutdown(cancel_futures=True)
                    return
                if done.exception() is None:
                    ready[asked[done]] = done.result()
                if len(ready) == BATCH or (ready and not left):
                    yield hub_views.pictures(ready)
                    ready = {}

    def _here(self, token: str) -> dict[str, str]:
        """What came from the Hub and is on the shelf: repository -> key."""
        studio = self.page.studio
        own = {model.origin.repo: model.key for model in reversed(studio.models(token)) if model.origin}
        return own | {guest.repo: guest.key for guest in studio.guests.all(token)}

    def _wire_pull(self) -> None:
        visitor, studio = self.page.visitor, self.page.studio
        begun = [self.busy, self.cards, self.use, *self.going.shown]

        def begin(token: str, text: str, found: list, oauth: str | None) -> tuple:
            try:
                key = studio.hub.pull(token, text.strip(), oauth=oauth)
            except Trouble as trouble:
                refused = self.going.refused(say(trouble.template, **trouble.facts))
                return "", gr.skip(), gr.Button(visible=False), *refused
            cards = hub_views.found(found, self._here(token), text) if found else gr.skip()
            return text, cards, gr.Button(visible=False), *self.going.begin(token, key)

        @told
        def pull(token: str, found: list, oauth: gr.OAuthToken | None, event: gr.EventData) -> tuple:
            return begin(token, event.repo, found, plain(oauth))

        @told
        def fetch(token: str, text: str, found: list, oauth: gr.OAuthToken | None) -> tuple:
            return begin(token, text or "", found, plain(oauth))

        @told
        def arrived(token: str, found: list, result: str) -> tuple:
            cards = hub_views.found(found, self._here(token)) if found else gr.skip()
            return "", cards, gr.Button(visible=bool(result))

        create = self.create
        rooms = list(dict.fromkeys([self.page.rooms, *create.outputs, *create.guest_outputs]))

        def opened(token: str, key: str) -> dict:
            there = {self.page.rooms: gr.Tabs(selected="create")}
            if any(guest.key == key for guest in studio.guests.all(token)):
                return {**there, **dict(zip(create.guest_outputs, create.open_guest(token, key), strict=True))}
            return {**there, **dict(zip(create.outputs, create.open_model(token, key), strict=True))}

        @told
        def use(token: str, key: str) -> dict:
            return opened(token, key)

        @told
        def use_card(token: str, event: gr.EventData) -> dict:
            return opened(token, event.key)

        once = {"trigger_mode": "once", **QUIET}
        self.cards.pull(pull, [visitor, self.found], begun, **once).success(None, js=TO_BAR)
        gr.on([self.fetch.click, self.address.submit], fetch, [visitor, self.address, self.found], begun, **once)
        self.arrived = self.going.ended.change(
            arrived, [visitor, self.found, self.going.result], [self.busy, self.cards, self.use], **QUIET
        )
        self.use.click(use, [visitor, self.going.result], rooms, **QUIET).then(**create.coming(create.yours))
        self.cards.use(use_card, visitor, rooms, **QUIET).then(**create.coming(create.yours))


# On a phone the desk stands above the cards: what is on its way comes into view.
TO_BAR = "() => { if (innerWidth < 900) document.querySelector('#hub_desk').scrollIntoView({behavior: 'smooth'}) }"
