"""Library, the publish desk: where it goes, who sees it, every file that leaves, the card to read and edit; Publish."""

from __future__ import annotations

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
        self.generated = gr.State("")  # the card as the studio writes it; another text is somebody's own
        with gr.Row(elem_classes=["room"]):
            with gr.Column(scale=8, min_width=310, elem_classes=["desk"], elem_id="publish_desk"):
                self._desk()
            with gr.Column(scale=11, min_width=320, elem_classes=["desk"], elem_id="publish_card"):
                self._card()
        self.fields = [self.name, self.private, self.licence, self.consent, self.message, self.people]
        self.drawn = [self.where, self.files, self.publish, self.preview, self.text, self.generated]
        self.opened = [self.model, self.strip, *self.fields, *self.drawn, self.address, *self.going.shown]
        self.asked = [page.visitor, self.model, *self.fields, self.text, self.generated]
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
                plain_text = {"label": say("Its text"), "show_label": False, "container": False, "interactive": True}
                self.text = gr.Textbox(lines=24, max_lines=60, elem_id="card_text", **plain_text)
                self.anew = gr.Button(say("Write it anew"), size="md", elem_id="card_anew")

    def _wire(self) -> None:
        @noted(self.opened.index(self.where), len(self.opened))
        def choose(token: str, key: str, oauth: gr.OAuthToken | None) -> dict:
            return self.open(token, key, plain(oauth))

        self.choosing = {"fn": choose, "outputs": self.opened, "trigger_mode": "always_last", **QUIET}
        self.model.input(inputs=[self.page.visitor, self.model], **self.choosing)

    def _wire_fields(self, sign_in: SignIn) -> None:
        """What follows from the fields is drawn again. A text counts when it has changed, however that was done: what
        gradio calls its input is a key alone, and no paste.
        """

        @noted(0, len(self.drawn))
        def draw(token, key, name, private, licence, consent, message, people, text, generated, oauth: OAuth) -> dict:
            if not key:  # a field was filled before the model beside it
                return {self.where: gr.skip()}
            own = _own(text, generated)
            choices = _choices(name, private, licence, consent, message, people, own)
            drawn = self._drawn(token, key, choices, plain(oauth))[1]
            for part in (self.text, self.generated) if own else ():  # nobody's words change under the hand
                drawn.pop(part)
            return drawn

        @noted(0, len(self.drawn))
        def anew(token, key, name, private, licence, consent, message, people, oauth: OAuth) -> dict:
            choices = _choices(name, private, licence, consent, message, people, "")
            return self._drawn(token, key, choices, plain(oauth))[1]

        self.draw = draw
        drawing = {"outputs": self.drawn, "trigger_mode": "always_last", **QUIET}
        chosen = [field.input for field in (self.private, self.licence, self.people)]
        written = [field.change for field in (self.name, self.consent, self.text)]
        gr.on([*chosen, *written, sign_in.changed.change], draw, self.asked, **drawing)
        self.anew.click(anew, self.asked[:-2], **drawing)

    def _wire_publish(self) -> None:
        studio, going = self.page.studio, self.going

        @told
        def publish(
            token, key, name, private, licence, consent, message, people, text, generated, oauth: gr.OAuthToken | None
        ):
            choices = _choices(name, private, licence, consent, message, people, _own(text, generated))
            try:
                order = studio.hub.publish(token, _known(key), choices, plain(oauth))
            except Trouble as trouble:
                return gr.Button(interactive=True), "", *going.refused(say(trouble.template, **trouble.facts))
            return gr.Button(interactive=False), "", *going.begin(token, order)

        @told
        def arrived(token: str, order: str, result: str) -> tuple:
            """What is out can be opened; where a model that ships was published, the copy of it goes on from here."""
            found = studio.hub.look(token, order) if order and result else None
            if found is None:
                return gr.skip(), gr.Button(interactive=True), ""
            models = gr.Dropdown([(each.name, each.key) for each in studio.models(token)], value=result)
            return models, gr.Button(interactive=True), hub_views.link(found.link)

        begun = [self.publish, self.address, *going.shown]
        self.publish.click(publish, self.asked, begun, trigger_mode="once", **QUIET)
        asked = [self.page.visitor, going.key, going.result]
        ended = going.ended.change(arrived, asked, [self.model, self.publish, self.address], **QUIET)
        ended.success(self.draw, self.asked, self.drawn, **QUIET)

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
            self.generated: draft.card,
        }


def _known(key: str | None) -> str:
    if not key:
        raise Trouble("Choose a model first.")
    return key


def _own(text: str | None, generated: str) -> str:
    """The text of a card that somebody wrote in; "" where it is as the studio wrote it."""
    return text if text and text.strip() != generated.strip() else ""


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
