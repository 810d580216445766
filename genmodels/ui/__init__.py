"""build(studio): the screens, one room for each file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gradio as gr

from . import api, create_tab, evaluate_tab, library_tab, train_tab, transfer, views
from .page import QUIET, Page, pane, told
from .words import say

if TYPE_CHECKING:
    from ..studio import Studio

# Fixed, so that a page finds its token again after the server was restarted; it hides nothing.
KEEP = {"storage_key": "genmodels-visitor", "secret": "genmodels-studio"}

CACHE = (600, 3600)  # every ten minutes, what gradio keeps of uploads and downloads for longer than an hour goes


def build(studio: Studio) -> gr.Blocks:
    """The whole page. Nothing in it imports torch."""
    with gr.Blocks(title="GenModels Studio", analytics_enabled=False, fill_width=True, delete_cache=CACHE) as screens:
        visitor, transfers = gr.BrowserState("", **KEEP), transfer.kept()
        api.build(studio)  # first of all: its names are promised, and what else is called so gets a number
        pane(views.masthead(), "masthead")
        with gr.Tabs(elem_id="rooms", selected="create") as rooms:
            page = Page(studio, visitor, rooms, transfers)
            with gr.Tab(say("Create"), id="create", elem_id="create") as wall_room:
                create = create_tab.build(page)
            with gr.Tab(say("Train"), id="train", elem_id="train") as room:
                train = train_tab.build(page, create)
            with gr.Tab(say("Evaluate"), id="evaluate", elem_id="evaluate") as court:
                evaluate = evaluate_tab.build(page, train)
            with gr.Tab(say("Library"), id="library", elem_id="library") as shelf:
                library = library_tab.build(page, create, train)
        greeted = screens.load(studio.greet, visitor, visitor, **QUIET)
        greeted.then(create.refresh, [visitor, create.model], create.cards, **QUIET)
        train.wake(room)
        evaluate.wake(court)
        greeted.then(train.attach, train.attached, train.found, **QUIET)
        greeted.then(told(evaluate.attach), visitor, evaluate.found, **QUIET)
        wall_room.select(told(create.refresh), [visitor, create.model], create.cards, **QUIET)
        going = [each.key for each in library.transfers]
        found = [output for each in library.transfers for output in each.shown]
        greeted.then(told(library.attach), [visitor, *going], found, **QUIET)
        greeted.then(**train.pictures.dataset.waking)
        library.wake(shelf)
    return screens
