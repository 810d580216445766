"""Train, step 3: watch a run, go back and forth in it, stop it where it is best, and take the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from ..events import Trouble
from ..studio import Watched
from . import train_views, views
from .create_tab import Create
from .model_step import order
from .page import LIVE, QUIET, Page, download, noted, pane, told
from .words import say

POLL = 1.0  # seconds
STARTED = ("waiting", "starting", "running")
HALTED = ("paused", "interrupted", "failed")


class WatchStep:
    """The components of the step; `shown` are redrawn while a run is alive."""

    def __init__(self, page: Page, headings: list[gr.HTML], create: Create) -> None:
        self.page, self.create = page, create
        self.run = gr.BrowserState("", storage_key="genmodels-run", secret="genmodels-studio")
        self.before, self.last = gr.State([]), gr.State(-1)
        self.heading = pane(views.heading(3, say("Watch"), "later"))
        self.status = pane(train_views.status(None), "status")
        with gr.Row(elem_id="finished_row"):
            self.use = gr.Button(say("Make pictures with it"), variant="primary", visible=False, elem_id="use_model")
            self.judge = gr.Button(say("Judge it"), visible=False, elem_id="judge_model", scale=0, min_width=110)
            self.publish = gr.Button(say("Publish it"), visible=False, elem_id="publish_run", scale=0, min_width=110)
            self.take = gr.Button(say("Download"), visible=False, elem_id="take_model", scale=0, min_width=110)
        self.doctor = pane("", "doctor")
        with gr.Row():
            self.repair = gr.Button("", variant="primary", visible=False, elem_id="repair")
            self.undo = gr.Button(say("Undo this repair"), visible=False, elem_id="undo")
        self.wall = pane(train_views.moment(b"", None, 0), "live")
        self.slider = gr.Slider(
            0,
            1,
            0,
            step=1,
            label=say("Time machine"),
            visible=False,
            interactive=True,
            elem_id="time_machine",
            buttons=[],
        )
        self.keep = gr.Button(say("Make this moment the model"), visible=False, size="md", elem_id="keep_moment")
        self.best = gr.Button("", visible=False, size="md", elem_id="keep_best")
        with gr.Row():
            self.pause = gr.Button(say("Pause"), visible=False, size="md", elem_id="pause", min_width=90)
            self.resume = gr.Button(say("Continue"), visible=False, size="md", elem_id="resume", min_width=90)
            self.stop = gr.Button(say("Stop and keep"), visible=False, size="md", elem_id="stop", min_width=130)
        self.curves = pane("", "curves")
        self.timer = gr.Timer(POLL, active=False)
        buttons = [
            self.keep,
            self.best,
            self.use,
            self.judge,
            self.publish,
            self.take,
            self.pause,
            self.resume,
            self.stop,
            self.repair,
            self.undo,
        ]
        panes = [*headings, self.heading, self.status, self.wall, self.slider, self.doctor, self.curves]
        self.shown = [*panes, *buttons, self.timer]
        self.outputs = [self.before, self.last, *self.shown]
        self._wire()

    def _wire(self) -> None:
        studio, visitor = self.page.studio, self.page.visitor

        @told
        def tick(token: str, key: str, at: float, before: list, last: int) -> tuple:
            try:
                watched = studio.watch(token, key, None if (at or 0) >= last else int(at))
            except Trouble:  # it was deleted, here or in another window
                return [], -1, *self._views(None, False)
            return self._redrawn(watched, before, (at or 0) < last)

        @noted(0, 2)
        def travel(token: str, key: str, at: float) -> tuple:
            seen = studio.watch(token, key, int(at or 0))
            return train_views.moment(seen.sheet, seen.look, seen.at), gr.Button(train_views.keeps(seen.look, seen.at))

        @told
        def keep(token: str, key: str, at: float) -> tuple:
            return self._leave(token, studio.keep(token, key, int(at or 0)))

        @told
        def keep_best(token: str, key: str) -> tuple:
            return self._leave(token, studio.keep_best(token, key))

        @told
        def use(token: str, key: str) -> tuple:
            return self._leave(token, studio.watch(token, key).model)

        @told
        def parcel(token: str, key: str) -> Any:
            return studio.pack(token, studio.watch(token, key).model)

        def asks(wish: Callable[[str, str], None]) -> Callable[[str, str], tuple]:
            @told
            def ask(token: str, key: str) -> tuple:
                wish(token, key)
                return self._redrawn(studio.watch(token, key), [], False)

            return ask

        reads = [visitor, self.run]
        self.timer.tick(tick, [*reads, self.slider, self.before, self.last], self.outputs, queue=False, **QUIET)
        self.slider.input(travel, [*reads, self.slider], [self.wall, self.keep], **LIVE)
        for button, wish in ((self.pause, "pause"), (self.resume, "resume"), (self.stop, "stop")):
            said = asks(lambda token, key, wish=wish: studio.tell(token, key, wish))
            button.click(said, reads, self.outputs, **QUIET)
        self.repair.click(asks(studio.repair), reads, self.outputs, **QUIET)
        self.undo.click(asks(studio.undo), reads, self.outputs, **QUIET)
        rooms = [self.page.rooms, *self.create.outputs]
        self.keep.click(keep, [*reads, self.slider], rooms, **QUIET)
        self.best.click(keep_best, reads, rooms, **QUIET)
        self.use.click(use, reads, rooms, **QUIET)
        download(self.take, parcel, reads)

    def begin(self, token: str, name: str, *chosen: Any) -> Iterator[tuple]:
        """Start a run as ordered: a word at once, then its key and everything redrawn."""
        studio, skipped = self.page.studio, [gr.skip()] * (len(self.outputs) + 1)
        skipped[1 + self.outputs.index(self.status)] = train_views.ready()
        yield tuple(skipped)
        try:
            key = studio.start(token, order(*chosen), (name or "").strip())
        except Trouble as trouble:  # it stays in the page when the toast has gone
            skipped[1 + self.outputs.index(self.status)] = views.note(say(trouble.template, **trouble.facts), "warn")
            yield tuple(skipped)
            raise
        yield key, *self._redrawn(studio.watch(token, key), [], False)

    def attach(self, token: str, key: str) -> tuple:
        """Find the run again after a reload, in a second tab, or after the server was restarted."""
        watched = self.page.studio.again(token, key)
        if watched is None:
            return "", [], -1, *self._views(None, False)
        return watched.look.key, *self._redrawn(watched, [], False)

    def _leave(self, token: str, model: str) -> tuple:
        return gr.Tabs(selected="create"), *self.create.open_model(token, model)

    def _redrawn(self, watched: Watched, before: list, back: bool) -> tuple:
        """What is new since `before`; the rest is left as it is."""
        values = self._views(watched, back)
        marks = [
            repr(value) if isinstance(value, str) else repr(sorted(value.constructor_args.items(), key=str))
            for value in values
        ]
        known = before if len(before) == len(marks) else [None] * len(marks)
        fresh = [gr.skip() if mark == old else value for value, mark, old in zip(values, marks, known, strict=True)]
        return marks, len(watched.look.previews) - 1, *fresh

    def _views(self, watched: Watched | None, back: bool) -> list[Any]:
        """The value of each of `shown`. `back`: somebody looks at an earlier moment."""
        look, sheet, at, model = (
            (watched.look, watched.sheet, watched.at, watched.model) if watched else (None, b"", 0, "")
        )
        state, last = (look.state, len(look.previews) - 1) if look else ("", -1)
        repair = (
            next((each.repair for each in reversed(look.problems) if each.repair in train_views.REPAIRS), "")
            if look
            else ""
        )
        position = {} if back else {"value": max(0, last)}
        finished = state == "finished"
        return [
            views.heading(1, say("Pictures"), "done"),
            views.heading(2, say("Model"), "done" if look else "now"),
            views.heading(3, say("Watch"), "done" if finished else "now" if look else "later"),
            train_views.status(look),
            train_views.moment(sheet, look, at),
            gr.Slider(maximum=max(1, last), visible=last > 0, **position),
            train_views.doctor(look),
            train_views.curves(look),
            gr.Button(train_views.keeps(look, at), visible=bool(look and look.points)),
            gr.Button(train_views.best(look), visible=bool(train_views.best(look))),
            *(gr.Button(visible=bool(model)) for _ in range(4)),
            gr.Button(visible=state in STARTED),
            gr.Button(visible=state in HALTED),
            gr.Button(visible=state in STARTED or (state in HALTED and bool(look.points))),
            gr.Button(say(train_views.REPAIRS[repair]) if repair else "", visible=bool(repair)),
            gr.Button(visible=bool(look and look.segments)),
            gr.Timer(active=bool(look and look.alive)),
        ]
