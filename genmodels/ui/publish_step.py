"""Library, the publish desk: where it goes, who sees it, every file that leaves, the card to read and edit; Publish."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from ..events import Trouble
from ..images import grid
from ..markup import webp_uri
from . import hub_views, publish_views, views
from .page import QUIET, Page, noted, pane, told
from .sign_in import SignIn, plain
from .transfer import Transferring
from .words import say

PRIVATE, PUBLIC = "private", "public"
OAuth = gr.OAuthToken | None  # of a visitor who signed in on a Space


class PublishStep:
    """The components; `open` leads here with a model chosen, and `going.ended` changes when it is out."""

    def __init__(self, page: Page, sign_in: SignIn) -> None:
        self.page = page
        self.edited = gr.State(False)  # somebody wrote in the card
        with gr.Row(elem_classes=["room"]):
            with gr.Column(scale=8, min_width=310, elem_classes=["desk"], elem_id="publish_desk"):
                self._desk()
            with gr.Column(scale=11, min_width=320, elem_classes=["desk"], elem_id="publish_card"):
                self._card()
        self.fields = [self.name, self.private, self.licence, self.consent, self.message, self.people]
        self.drawn = [self.where, self.files, self.publish, self.preview, self.text]
        self.opened = [self.model, self.strip, *self.fields, self.edited, *self.drawn, self.address, *self.going.shown]
        self.asked = [page.visitor, self.model, *self.fields, self.text, self.edited]
        self._wire()
        self._wire_fields(sign_in)
        self._wire_publish()

    def _desk(self) -> None:
        self.model = gr.Dropdown([], value=None, label=say("Model"), elem_id="publish_model")
        self.strip = pane("", "publish_strip")
        self.name = gr.Textbox(label=say("Its name on the Hub"), max_lines=1, elem_id="publish_name")
        self.where = pane("", "publish_where")
        self.private = gr.Radio(
            [
                (f"{say('Private')}\n{say('Only you see it; you can open it to others later on its page.')}", PRIVATE),
                (f"{say('Public')}\n{say('Everyone finds it, may look at it and take it.')}", PUBLIC),
            ],
            value=PRIVATE,
            label=say("Who sees it"),
            elem_id="publish_private",
            elem_classes=["choice"],
        )
        self.licence = gr.Dropdown(
            [], value=None, label=say("Licence"), info=say("What others may do with it."), elem_id="publish_licence"
        )
        self.consent = gr.Textbox(
            label=say("Whose pictures they are"),
            info=say("A line for the card: who made the pictures, and that they agree."),
            max_lines=3,
            elem_id="publish_consent",
        )
        self.message = gr.Textbox(
            label=say("What is new"), placeholder=say("as you like"), max_lines=1, elem_id="publish_message"
        )
        self.people = gr.Checkbox(
            False,
            label=say("Publish the training pictures too"),
            info=say("Then whoever sees the model sees every picture that it learned from. Leave it off if in doubt."),
            elem_id="publish_pictures",
        )
        self.files = pane("", "publish_files")
        self.publish = gr.Button(say("Publish"), variant="primary", size="lg", elem_id="publish")
        self.going = Transferring(self.page, "publish")
        self.address = gr.HTML("", elem_id="published", js_on_load=hub_views.COPY, apply_default_css=False)

    def _card(self) -> None:
        pane(views.title(say("Its page on the Hub")))
        with gr.Tabs(elem_id="card_tabs", elem_classes=["inner"]):
            with gr.Tab(say("As it will look"), id="look"):
                self.preview = pane("", "card_preview")
            with gr.Tab(say("Its text"), id="text"):
                self.text = gr.Textbox(
                    show_label=False, container=False, lines=24, max_lines=60, elem_id="card_text", interactive=True
                )
                self.anew = gr.Button(say("Write it anew"), size="md", elem_id="card_anew")

    def _wire(self) -> None:
        @noted(self.opened.index(self.where), len(self.opened))
        def choose(token: str, key: str, oauth: gr.OAuthToken | None) -> dict:
            return self.open(token, key, plain(oauth))

        self.choosing = {"fn": choose, "outputs": self.opened, "trigger_mode": "always_last", **QUIET}
        self.model.input(inputs=[self.page.visitor, self.model], **self.choosing)

    def _wire_fields(self, sign_in: SignIn) -> None:
        outputs = [self.edited, *self.drawn]

        def draws(edited: bool | None) -> Callable[..., dict]:
            """Draw again what follows from the fields; `edited` True: somebody writes in the card, False: no more."""

            @noted(1, len(outputs))
            def draw(token, key, name, private, licence, consent, message, people, text, wrote, oauth: OAuth) -> dict:
                own = wrote if edited is None else edited
                choices = _choices(name, private, licence, consent, message, people, text if own else "")
                drawn = self._drawn(token, key, choices, plain(oauth))[1]
                if own:  # nobody's words change under the hand
                    drawn.pop(self.text)
                return {**drawn, self.edited: own}

            return draw

        drawing = {"inputs": self.asked, "outputs": outputs, "trigger_mode": "always_last", **QUIET}
        fields = (self.name, self.private, self.licence, self.consent, self.people)
        gr.on([*(field.input for field in fields), sign_in.changed.change], draws(None), **drawing)
        self.text.input(draws(True), **drawing)
        self.anew.click(draws(False), **drawing)

    def _wire_publish(self) -> None:
        studio, going = self.page.studio, self.going

        @told
        def publish(
            token, key, name, private, licence, consent, message, people, text, edited, oauth: gr.OAuthToken | None
        ):
            choices = _choices(name, private, licence, consent, message, people, text if edited else "")
            try:
                order = studio.hub.publish(token, _known(key), choices, plain(oauth))
            except Trouble as trouble:
                return gr.Button(interactive=True), "", *going.refused(say(trouble.template, **trouble.facts))
            return gr.Button(interactive=False), "", *going.begin(token, order)

        @told
        def arrived(token: str, order: str, result: str) -> tuple:
            found = studio.hub.look(token, order) if order and result else None
            return gr.Button(interactive=True), hub_views.link(found.link) if found else ""

        begun = [self.publish, self.address, *going.shown]
        self.publish.click(publish, self.asked, begun, trigger_mode="once", **QUIET)
        asked = [self.page.visitor, going.key, going.result]
        going.ended.change(arrived, asked, [self.publish, self.address], **QUIET)

    def open(self, token: str, key: str | None, oauth: str | None = None) -> dict:
        """This model is chosen, and nothing was said yet: the values of `opened`."""
        models = self.page.studio.models(token)
        model = next((each for each in models if each.key == key), None)
        choices = [(each.name, each.key) for each in models]
        nothing = dict(zip(self.going.shown, self.going.begin(token, ""), strict=True))
        blank = {
            **dict.fromkeys(self.opened, ""),
            **nothing,
            self.model: gr.Dropdown(choices, value=model.key if model else None),
            self.strip: publish_views.chosen(model),
            self.private: PRIVATE,
            self.licence: gr.Dropdown([], value=None),
            self.people: gr.Checkbox(False, visible=False),
            self.edited: False,
            self.publish: gr.Button(say("Publish privately"), interactive=False),
        }
        if model is None:
            return blank
        origin = model.origin
        seen = PUBLIC if origin and not origin.private else PRIVATE  # a page that is there stays as open as it is
        draft, drawn = self._drawn(token, model.key, {"private": seen == PRIVATE}, oauth)
        return {
            **blank,
            **drawn,
            self.private: PRIVATE if draft.new else seen,
            self.name: draft.where,
            self.licence: gr.Dropdown(list(draft.licences), value=draft.licence or None),
            self.people: gr.Checkbox(False, visible=draft.trainable),
        }

    def _drawn(self, token: str, key: str, choices: dict[str, Any], oauth: str | None) -> tuple[Any, dict]:
        """The draft, and the values of `drawn`."""
        draft = self.page.studio.hub.publishing(token, _known(key), choices, oauth)
        wall = self.page.studio.stored(token, key)
        own = {"samples.webp": webp_uri(grid(wall.pixels, wall.columns))}
        words = say("Publish privately") if choices.get("private", True) else say("Publish for everyone")
        return draft, {
            self.where: publish_views.destination(draft),
            self.files: publish_views.files(draft.files),
            self.publish: gr.Button(words, interactive=draft.person.may_publish),
            self.preview: publish_views.card(draft.card, own),
            self.text: draft.card,
        }


def _known(key: str | None) -> str:
    if not key:
        raise Trouble("Choose a model first.")
    return key


def _choices(name, private, licence, consent, message, people, card: str) -> dict[str, Any]:
    """What the desk says, as the hub reads it."""
    return {
        "name": (name or "").strip(),
        "private": private != PUBLIC,
        "licence": licence or "",
        "message": (message or "").strip(),
        "consent": (consent or "").strip(),
        "card": card,
        "pictures": bool(people),
    }
