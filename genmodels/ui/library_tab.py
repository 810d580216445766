"""Library: what you have (models and runs), what the Hub has, and the desk from which a model is published."""

from __future__ import annotations

from typing import Any

import gradio as gr

from . import train_views, views
from .create_tab import Create
from .hub_step import GUESTS, HubStep
from .page import LIVE, QUIET, Page, download, noted, pane, told
from .publish_step import PublishStep
from .revisions_step import RevisionsStep
from .sign_in import SignIn, plain
from .train_tab import Train
from .words import say

# On a phone the desk stands below the shelf: what was chosen comes into view.
TO_DESK = "() => { if (innerWidth < 700) document.querySelector('#library_desk').scrollIntoView({behavior: 'smooth'}) }"


class Library:
    """The components of the room."""

    def __init__(self, page: Page, create: Create, train: Train) -> None:
        self.page, self.create, self.train = page, create, train
        self.model, self.run = gr.State(""), gr.State("")
        self.sign_in = SignIn(page)
        with gr.Tabs(elem_id="library_rooms", elem_classes=["inner"], selected="here") as self.inner:
            with gr.Tab(say("What you have"), id="here"):
                self._here()
            with gr.Tab(say("What the Hub has"), id="hub") as self.hub_tab:
                self.hub = HubStep(page, create)
            with gr.Tab(say("Publish"), id="publish") as self.publish_tab:
                self.publish = PublishStep(page, self.sign_in)
        self.shown = [self.model, self.run, self.shelf, self.runs, self.hint, self.model_desk, self.run_desk]
        self.details = [
            self.facts,
            self.name,
            self.save,
            self.delete,
            self.sure,
            self.run_facts,
            self.resume,
            self.sure_run,
        ]
        self.outputs = [*self.shown, *self.details]
        self._wire()
        self._wire_runs()
        self._wire_hub()

    def _here(self) -> None:
        with gr.Row(elem_classes=["room"]):
            with gr.Column(scale=11, min_width=320):
                pane(views.title(say("Models")))
                self.shelf = pane("", "shelf")
                self.upload = gr.UploadButton(
                    say("Bring in a model (ZIP)"), file_types=[".zip"], elem_id="upload_model"
                )
                pane(views.title(say("Runs")))
                self.runs = pane("", "runs")
            with gr.Column(scale=7, min_width=300, elem_classes=["desk"], elem_id="library_desk"):
                self.hint = pane(
                    views.note(say("Choose a model or a run to see what can be done with it.")), "library_hint"
                )
                with gr.Column(visible=False) as self.model_desk:
                    self._model_desk()
                with gr.Column(visible=False) as self.run_desk:
                    self._run_desk()

    def _model_desk(self) -> None:
        self.facts = pane("", "model_facts")
        self.use = gr.Button(say("Make pictures with it"), variant="primary", elem_id="library_use")
        with gr.Row():
            self.leads = gr.Button(say("Publish it"), elem_id="library_publish", min_width=110)
            self.take = gr.Button(say("Download as ZIP"), elem_id="library_take", min_width=110)
        self.versions = RevisionsStep(self.page, self.model)
        with gr.Row(elem_id="model_name_row"):
            self.name = gr.Textbox(label=say("Name"), max_lines=1, elem_id="model_name", min_width=150)
            self.save = gr.Button(say("Rename"), elem_id="rename", scale=0, min_width=110)
        self.delete = gr.Button(say("Delete"), variant="stop", elem_id="delete")
        with gr.Column(visible=False, elem_id="delete_sure") as self.sure:
            pane(views.note(say("It will be gone for good. Download it first if you may want it again."), "warn"))
            with gr.Row():
                self.really = gr.Button(say("Delete for good"), variant="stop", elem_id="delete_really", min_width=120)
                self.spare = gr.Button(say("Keep it"), elem_id="delete_spare", min_width=120)

    def _run_desk(self) -> None:
        self.run_facts = pane("", "run_facts")
        self.watch = gr.Button(say("Look at it"), variant="primary", elem_id="run_watch")
        self.resume = gr.Button(say("Continue"), elem_id="run_resume")
        self.delete_run = gr.Button(say("Delete"), variant="stop", elem_id="run_delete")
        with gr.Column(visible=False) as self.sure_run:
            pane(views.note(say("The run and its saved moments will be gone; a finished model stays."), "warn"))
            with gr.Row():
                self.really_run = gr.Button(
                    say("Delete for good"), variant="stop", elem_id="run_delete_really", min_width=120
                )
                self.spare_run = gr.Button(say("Keep it"), elem_id="run_delete_spare", min_width=120)

    def _wire(self) -> None:
        studio, visitor = self.page.studio, self.page.visitor

        @told
        def choose_model(token: str, event: gr.EventData) -> tuple:
            return self.redrawn(token, event.model, "")

        @told
        def rename(token: str, key: str, name: str) -> tuple:
            studio.rename(token, key, name)
            return self.redrawn(token, key, "")

        @told
        def delete(token: str, key: str) -> tuple:
            studio.delete(token, key)
            return self.redrawn(token, "", "")

        @told
        def bring(token: str, file: str) -> tuple:
            return self.redrawn(token, studio.unpack(token, file), "")

        @told
        def take(token: str, key: str) -> Any:
            return studio.pack(token, key)

        @told
        def use(token: str, key: str) -> tuple:
            return gr.Tabs(selected="create"), *self.create.open_model(token, key)

        one, outputs = [visitor, self.model], self.outputs
        chosen = self.shelf.pick(choose_model, visitor, outputs, **LIVE)
        chosen.then(None, js=TO_DESK).then(**self.versions.showing)
        gr.on([self.save.click, self.name.submit], rename, [*one, self.name], outputs, **QUIET)
        self.upload.upload(bring, [visitor, self.upload], outputs, **{**QUIET, "show_progress": "minimal"})
        self.use.click(use, one, [self.page.rooms, *self.create.outputs], **QUIET)
        download(self.take, take, one)
        self.really.click(delete, one, outputs, **QUIET)
        for ask, spare, sure in (
            (self.delete, self.spare, self.sure),
            (self.delete_run, self.spare_run, self.sure_run),
        ):
            ask.click(lambda: gr.Column(visible=True), None, sure, queue=False, **QUIET)
            spare.click(lambda: gr.Column(visible=False), None, sure, queue=False, **QUIET)

    def _wire_runs(self) -> None:
        studio, visitor = self.page.studio, self.page.visitor

        @told
        def choose_run(token: str, event: gr.EventData) -> tuple:
            return self.redrawn(token, "", event.run)

        @told
        def delete_run(token: str, key: str) -> tuple:
            studio.tell(token, key, "delete")
            return self.redrawn(token, "", "")

        @told
        def watch(token: str, key: str) -> tuple:
            return gr.Tabs(selected="train"), *self.train.watch.attach(token, key)

        @told
        def resume(token: str, key: str) -> tuple:
            studio.tell(token, key, "resume")
            return watch(token, key)

        run, outputs = [visitor, self.run], self.outputs
        trained = [self.page.rooms, self.train.watch.run, *self.train.watch.outputs]
        self.runs.pick(choose_run, visitor, outputs, **LIVE)
        self.really_run.click(delete_run, run, outputs, **QUIET)
        self.watch.click(watch, run, trained, **QUIET)
        self.resume.click(resume, run, trained, **QUIET)

    def _wire_hub(self) -> None:
        """What comes from the Hub is on the shelf at once; what goes there starts from a model or a finished run."""
        studio, visitor, hub, publish = self.page.studio, self.page.visitor, self.hub, self.publish
        desk = [self.page.rooms, self.inner, *publish.opened]

        def leads(token: str, key: str, oauth: str | None) -> dict:
            there = {self.page.rooms: gr.Tabs(selected="library"), self.inner: gr.Tabs(selected="publish")}
            return {**there, **publish.open(token, key, oauth)}

        @told
        def from_shelf(token: str, key: str, oauth: gr.OAuthToken | None) -> dict:
            return leads(token, key, plain(oauth))

        @told
        def from_run(token: str, run: str, oauth: gr.OAuthToken | None) -> dict:
            return leads(token, studio.watch(token, run).model, plain(oauth))

        @noted(publish.opened.index(publish.where), len(publish.opened))
        def enter(token: str, key: str, chosen: str, oauth: gr.OAuthToken | None) -> dict:
            models = studio.models(token)
            if any(model.key == key for model in models):  # what was typed there stays
                return {publish.model: gr.Dropdown([(model.name, model.key) for model in models])}
            opened = publish.open(token, chosen or (models[0].key if models else ""), plain(oauth))
            return {part: value for part, value in opened.items() if part not in publish.going.shown}  # goes on

        self.leads.click(from_shelf, [visitor, self.model], desk, **QUIET)
        self.train.watch.publish.click(from_run, [visitor, self.train.watch.run], desk, **QUIET)
        came = self.publish_tab.select(enter, [visitor, publish.model, self.model], publish.opened, **QUIET)
        came.success(publish.draw, publish.asked, publish.drawn, **QUIET)  # the Hub may answer by now
        self.hub_tab.select(**hub.entering).then(**hub.hanging)
        somebody_else = self.sign_in.changed.change(lambda: [], None, hub.found, **QUIET)  # who may see other models
        somebody_else.then(**hub.entering).then(**hub.hanging)
        there = [self.page.rooms, self.inner, hub.kind, hub.found]  # of guests, nothing is found yet
        for button in self.create.guests.searching:
            button.click(
                lambda: (gr.Tabs(selected="library"), gr.Tabs(selected="hub"), GUESTS, []), None, there, **QUIET
            ).then(**hub.entering).then(**hub.hanging)
        for going in (hub.going, publish.going, self.versions.going):
            ended = going.ended.change(told(self.redrawn), [visitor, self.model, self.run], self.outputs, **QUIET)
            ended.then(**self.versions.showing)

    def wake(self, room: gr.Tab) -> None:
        """When somebody comes in: what is on the shelf, and who they are on the Hub."""

        @told
        def come(token: str, model: str, run: str) -> tuple:
            return self.redrawn(token, model, run)

        @told
        def meet(token: str, oauth: gr.OAuthToken | None) -> tuple:
            return self.sign_in.seen(token, plain(oauth))

        visitor = self.page.visitor
        room.select(come, [visitor, self.model, self.run], self.outputs, **QUIET).then(**self.versions.showing)
        room.select(meet, visitor, self.sign_in.shown, **QUIET)

    @property
    def transfers(self) -> list:
        """What may be on its way when a page comes back."""
        return [self.hub.going, self.publish.going, self.versions.going]

    def attach(self, token: str, *keys: str) -> tuple:
        """After a reload: what is on its way goes on being watched. The values of `found`."""
        return tuple(
            value for going, key in zip(self.transfers, keys, strict=True) for value in going.again(token, key)
        )

    def redrawn(self, token: str, model_key: str, run_key: str) -> tuple:
        """The value of each of `outputs`, with this model or run chosen, or none."""
        studio = self.page.studio
        models, looks = studio.models(token), studio.runs(token)
        model = next((each for each in models if each.key == model_key), None)
        look = next((each for each in looks if each.key == run_key), None)
        ours = model is not None and model.ours
        halted = look is not None and look.state in ("paused", "interrupted", "failed", "ready")
        return (
            model.key if model else "",
            look.key if look else "",
            views.shelf(models, model_key),
            train_views.runs(looks, run_key),
            gr.HTML(visible=model is None and look is None),
            gr.Column(visible=model is not None),
            gr.Column(visible=look is not None),
            views.title(model.name) + views.model_facts(model) if model else "",
            gr.Textbox(model.name if model else "", visible=not ours),
            gr.Button(visible=not ours),
            gr.Button(visible=not ours),
            gr.Column(visible=False),
            train_views.status(look) if look else "",
            gr.Button(visible=halted),
            gr.Column(visible=False),
        )


def build(page: Page, create: Create, train: Train) -> Library:
    """The room, inside the tab that is open."""
    return Library(page, create, train)
