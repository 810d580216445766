"""Train, step 1: pictures of a data set on the Hub, by its name: looked up first, then got, then looked through."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import gradio as gr

from ..events import Trouble
from ..hub.datasets import Choice, settled
from ..settings import describe
from . import dataset_views, forms, views
from .page import LIVE, QUIET, Page, noted, pane, told
from .sign_in import plain
from .transfer import Transferring
from .words import say

# What is on its way is shown where its set will be: above, and often out of sight.
TO_BAR = "() => document.querySelector('#dataset_status').scrollIntoView({behavior: 'smooth', block: 'center'})"
FIELDS = {field.name: field for field in describe(Choice)}


class DatasetStep:
    """The components. `going` stands outside, where it is seen also when this part of the step is folded up."""

    def __init__(self, page: Page, going: Transferring) -> None:
        self.page, self.going, self.found = page, going, gr.State(None)
        pane(views.hint(say("Any data set of pictures on huggingface.co, as tables (Parquet) or as picture files.")))
        self.address = gr.Textbox(
            label=say("Name or link of a data set"),
            placeholder=say("name/pictures"),
            max_lines=1,
            elem_id="dataset_address",
        )
        self.ask = gr.Button(say("Look it up"), variant="primary", size="md", elem_id="dataset_ask")
        self.about, self.glimpse = pane("", "dataset_about"), pane("", "dataset_glimpse")
        with gr.Column(visible=False, elem_id="dataset_choices") as self.choices:
            self.split = self._choice("split")
            self.image = self._choice("image")
            self.label = self._choice("label")
            self.most = forms.component(FIELDS["most_pictures"], Choice().most_pictures)
            self.megabytes = forms.component(FIELDS["most_megabytes"], Choice().most_megabytes)
            self.costs = pane("", "dataset_costs")
            self.get = gr.Button(say("Get them"), variant="primary", size="md", elem_id="dataset_get")
        self._wire()

    def _choice(self, name: str) -> gr.Dropdown:
        field = FIELDS[name]
        words = {"label": say(field.label), "info": say(field.help), "elem_id": f"dataset_{name}"}
        return gr.Dropdown([], interactive=True, visible=False, **words)

    def _wire(self) -> None:
        studio = self.page.studio
        self.chosen = [self.split, self.image, self.label, self.most, self.megabytes]
        shown = [self.found, self.about, self.glimpse, self.choices, self.split, self.image, self.label, self.costs]

        @told
        def look(token: str, text: str, most: Any, limit: Any, oauth: gr.OAuthToken | None) -> Iterator[tuple]:
            closed = ["", gr.Column(visible=False), *[gr.skip()] * 4]
            yield None, views.hint(say("Asking the Hub ...")), *closed
            try:
                found = studio.hub.dataset(token, (text or "").strip(), plain(oauth))
            except Trouble as trouble:
                yield None, views.note(say(trouble.template, **trouble.facts), "warn"), *closed
                return
            yield found, dataset_views.about(found), "", gr.Column(visible=True), *_opened(found, most, limit)

        def glimpse(token: str, found: Any, oauth: gr.OAuthToken | None) -> str:
            try:
                return dataset_views.glimpse(studio.hub.glimpse(token, found.address, plain(oauth))) if found else ""
            except Trouble:  # the words about it are enough
                return ""

        @noted(0, 1)
        def count(found: Any, split: str, most: Any, limit: Any) -> Any:
            return _costs(found, split, most, limit) if found else ""

        asked = [self.page.visitor, self.address, self.most, self.megabytes]
        looked = gr.on([self.ask.click, self.address.submit], look, asked, shown, trigger_mode="always_last", **QUIET)
        looked.then(glimpse, [self.page.visitor, self.found], self.glimpse, **QUIET)
        again = [self.found, self.split, self.most, self.megabytes]
        for control in (self.split, self.most, self.megabytes):
            control.input(count, again, self.costs, **LIVE)

    def wire_get(self, name: gr.Textbox, settings: gr.State) -> None:
        """Get them: `name` and `settings` are those of the step, which stand below this part of it."""
        studio = self.page.studio

        @told
        def get(
            token: str,
            found: Any,
            name: str,
            settings: dict[str, Any],
            split: str,
            image: str,
            label: str,
            most: Any,
            megabytes: Any,
            oauth: gr.OAuthToken | None,
        ) -> tuple:
            choice = {"split": split, "image": image, "label": label or "", "most_pictures": most}
            choice = {key: value for key, value in {**choice, "most_megabytes": megabytes}.items() if value is not None}
            intake, name = settings.get("intake", {}), (name or "").strip()
            if found is None:  # the page outlived the server
                return self.going.refused(say("Look the data set up first."))
            try:
                key = studio.hub.take_dataset(token, found.address, choice, name, intake, plain(oauth))
            except Trouble as trouble:
                return self.going.refused(say(trouble.template, **trouble.facts))
            return self.going.begin(token, key)

        asked = [self.page.visitor, self.found, name, settings, *self.chosen]
        self.get.click(get, asked, self.going.shown, trigger_mode="once", **QUIET).success(None, js=TO_BAR)

    @property
    def waking(self) -> dict[str, Any]:
        """What a page that is opened again asks for: pictures that are on their way go on being watched."""
        inputs = [self.page.visitor, self.going.key]
        return {"fn": told(self.going.again), "inputs": inputs, "outputs": self.going.shown, **QUIET}


def _opened(found: Any, most: Any, limit: Any) -> tuple:
    """The choices for a data set: values of split, image, label and costs."""
    usual = settled(found, Choice())
    splits, images = [each.name for each in found.splits], list(found.image_columns)
    labels = [(say("no kinds"), ""), *((each.name, each.name) for each in found.label_columns)]
    return (
        gr.Dropdown(choices=splits, value=usual.split, visible=len(splits) > 1),
        gr.Dropdown(choices=images, value=usual.image, visible=len(images) > 1),
        gr.Dropdown(choices=labels, value=usual.label, visible=len(labels) > 1),
        _costs(found, usual.split, most, limit),
    )


def _costs(found: Any, split: str, most: Any, limit: Any) -> str:
    usual = Choice()
    return dataset_views.costs(found, split, int(most or usual.most_pictures), int(limit or usual.most_megabytes))
