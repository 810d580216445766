"""Evaluate: a report card in words, two models side by side, and the pictures behind the numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import gradio as gr

from ..evaluations import SETTINGS, desk
from ..events import Trouble
from . import forms, odd, quiz, report_views, views
from .page import QUIET, Page, download, noted, pane, told
from .train_tab import Train
from .words import say

POLL = 0.7  # seconds
NONE = ""  # nothing to stand beside it


@dataclasses.dataclass(frozen=True)
class Chosen:
    """What is judged, for the sections below: the keys of a model and of a set."""

    model: gr.State
    set: gr.Dropdown


class Evaluate:
    """The components of the room; `shown` follow what is chosen, `watched` follow a judgement at work."""

    def __init__(self, page: Page, train: Train) -> None:
        self.page, first = page, page.studio.model(None)
        self.model, self.settings = gr.State(first.key if first else ""), gr.State({})
        self.job = gr.BrowserState("", storage_key="genmodels-judging", secret="genmodels-studio")
        self.ended = gr.State("")  # the judgement that has just come to its end
        self.timer = gr.Timer(POLL, active=False)
        self.cards = pane("", "judged_models")
        with gr.Row(elem_classes=["room"]):
            with gr.Column(scale=11, min_width=320, elem_classes=["desk"], elem_id="report_side"):
                self.report = pane("", "report")
                self.proof = pane("", "proof")
            with gr.Column(scale=6, min_width=300, elem_classes=["desk"], elem_id="judge_side"):
                self._desk()
        self.chosen = Chosen(self.model, self.set)
        self.asked = [page.visitor, self.model, self.set, self.other, self.job]
        self.shown = [
            *(self.model, self.cards, self.set, self.hint, self.judge),
            *(self.other, self.same, self.save, self.report, self.proof),
        ]
        self.watched = [self.ended, self.progress, self.cancel, self.timer]
        self.found = [self.job, *self.watched, *self.shown]
        self._wire()
        self._wire_judging(train)
        quiz.build(page, self.chosen)
        odd.build(page, self.chosen)

    def _desk(self) -> None:
        self.set = gr.Dropdown([], value=None, label=say("Beside these pictures"), elem_id="judge_set")
        self.hint = pane("", "judge_hint")
        self.judge = gr.Button(say("Judge it"), variant="primary", size="lg", elem_id="judge")
        self.progress = pane("", "judging")
        self.cancel = gr.Button(say("Cancel"), visible=False, size="md", elem_id="cancel_judging")
        self.other = gr.Dropdown([], value=None, label=say("Side by side with"), elem_id="judge_other")
        self.same = gr.Button("", visible=False, variant="primary", size="md", elem_id="judge_same")
        self.save = gr.Button(say("Save report"), visible=False, elem_id="save_report")
        with gr.Accordion(say("How it is judged"), open=False, elem_classes=["drawer"], elem_id="judge_how") as drawer:
            self._form(drawer)

    def _form(self, opened: gr.Accordion) -> None:
        @gr.render(inputs=[self.settings], triggers=[opened.expand], show_progress="minimal")
        def drawer(changed: dict[str, Any]) -> None:
            from ..evaluation import Evaluating

            described = [field for field in forms.fields(Evaluating) if field.name in SETTINGS]
            forms.form(described, changed.get("judge", {}), "judge", self.settings)

    def _wire(self) -> None:
        """What is chosen is shown: the choice at once, then the words, then the pictures behind them.

        Who asks takes a ticket, and an answer that has been overtaken is dropped: no pictures of one model ever stand
        under the name of another.
        """
        studio, visitor = self.page.studio, self.page.visitor
        newest: dict[str, object] = {}

        @told
        def choose(token: str, job: str, request: gr.Request, event: gr.EventData) -> tuple:
            newest[request.session_hash] = object()
            judging = studio.evaluations.look(token, job) if job else None
            told = gr.skip() if judging and judging.alive else ""  # how another model's judging ended is no news here
            return event.model, *self.settled(token, event.model), told

        @told
        def show(token: str, key: str, pictures: str, other: str, job: str, request: gr.Request) -> tuple:
            newest[request.session_hash] = mine = object()
            shown = self.redrawn(token, key, pictures, other, job)
            return shown if newest.get(request.session_hash) is mine else (gr.skip(),) * len(shown)

        @noted(0, 1)
        def prove(token: str, key: str, pictures: str, other: str, job: str, request: gr.Request) -> str:
            mine = newest.get(request.session_hash)
            reports = desk.look(studio.evaluations, token, key, pictures, other, job).reports
            proof = report_views.proof(desk.prove(studio.evaluations, token, reports) if len(reports) == 1 else ())
            return proof if newest.get(request.session_hash) is mine else gr.skip()

        @told
        def save(*asked: Any) -> Any:
            return studio.report(*asked)

        self.show, self.proven = show, {"fn": prove, "inputs": self.asked, "outputs": self.proof, **QUIET}
        chosen = self.cards.pick(
            choose, [visitor, self.job], [self.model, self.set, self.other, self.progress], **QUIET
        )
        chosen.then(show, self.asked, self.shown, **QUIET).then(**self.proven)
        for event in (self.set.input, self.other.input, self.ended.change):
            event(show, self.asked, self.shown, trigger_mode="always_last", **QUIET).then(**self.proven)
        download(self.save, save, self.asked)

    def _wire_judging(self, train: Train) -> None:
        studio, visitor = self.page.studio, self.page.visitor
        evaluations = studio.evaluations

        def starts(begin: Callable[..., str]) -> Callable[..., tuple]:
            @told
            def start(token: str, *asked: Any) -> tuple:
                job = begin(token, *asked)
                return job, *self._watch(token, job)

            return start

        def judge(token: str, key: str, pictures: str, settings: dict[str, Any]) -> str:
            if not pictures:
                raise Trouble("Choose the pictures to judge it beside first.")
            return evaluations.start(token, key, pictures, settings.get("judge", {}))

        def judge_alike(token: str, *asked: Any) -> str:
            return desk.judge_alike(evaluations, token, desk.look(evaluations, token, *asked))

        @told
        def cancel(token: str, job: str) -> tuple:
            evaluations.cancel(token, job)
            return "", *self._watch(token, "")

        @told
        def tick(token: str, job: str) -> tuple:
            return self._watch(token, job)

        @told
        def from_run(token: str, run: str) -> tuple:
            key = studio.watch(token, run).model
            home = evaluations.home(token, key)
            job = evaluations.start(token, key, home, {}) if home else ""
            watched = self._watch(token, job) if job else [gr.skip()] * len(self.watched)
            return gr.Tabs(selected="evaluate"), job, *watched, *self.redrawn(token, key, home, NONE, job)

        started, once = [self.job, *self.watched], {"concurrency_id": "judge", "concurrency_limit": 1, **QUIET}
        self.judge.click(starts(judge), [visitor, self.model, self.set, self.settings], started, **once)
        self.same.click(starts(judge_alike), self.asked, started, **once)
        self.cancel.click(cancel, [visitor, self.job], started, **QUIET)
        self.timer.tick(tick, [visitor, self.job], self.watched, **QUIET)
        rooms, run = [self.page.rooms, *self.found], [visitor, train.watch.run]
        train.watch.judge.click(from_run, run, rooms, **once).then(**self.proven)

    def wake(self, room: gr.Tab) -> None:
        """When somebody comes in: what is known of the model is there at once."""
        room.select(self.show, self.asked, self.shown, **QUIET).then(**self.proven)

    def attach(self, token: str) -> tuple:
        """After a reload: the judgement that is at work goes on being watched, or its end is. The values of `found`."""
        at_work = self.page.studio.evaluations.look(token)
        if at_work is None:
            return tuple(gr.skip() for _ in self.found)
        redrawn = self.redrawn(token, at_work.model, at_work.set, NONE, at_work.key)
        return at_work.key, *self._watch(token, at_work.key), *redrawn

    def settled(self, token: str, key: str) -> tuple:
        """What a model is judged beside, if nobody says otherwise: the value of the two choices, at once."""
        evaluations = self.page.studio.evaluations
        found = desk.Desk([], evaluations.pictures.all(evaluations.whose(token)), home=evaluations.home(token, key))
        return gr.Dropdown(report_views.sets(found), value=found.home or None), NONE

    def redrawn(self, token: str, key: str, pictures: str | None, other: str | None, job: str) -> tuple:
        """The value of each of `shown` for these choices."""
        studio = self.page.studio
        model = studio.model(token, key)
        found = desk.look(studio.evaluations, token, model.key if model else "", pictures, other or NONE, job)
        why = views.note(say(found.misfit.template, **found.misfit.facts), "warn") if found.misfit else ""
        if found.model and not found.set:
            why = views.note(say("The pictures that it learned from are not here. Choose some like them."))
        alike = report_views.alike(found)
        return (
            found.model.key if found.model else "",
            views.model_cards(found.models, found.model.key if found.model else ""),
            gr.Dropdown(report_views.sets(found), value=found.set or None),
            why,
            gr.Button(interactive=bool(found.set) and found.misfit is None),
            gr.Dropdown(report_views.others(found), value=found.other.key if found.other else NONE),
            gr.Button(alike, visible=bool(alike)),
            gr.Button(visible=bool(found.reports)),
            report_views.shown(found),
            report_views.proof_to_come(found),
        )

    def _watch(self, token: str, job: str) -> tuple:
        """The value of each of `watched`. A judgement that is not there any more was stopped, here or elsewhere."""
        judging = self.page.studio.evaluations.look(token, job) if job else None
        if judging is None:
            return "", views.note(say("You stopped it.")), gr.Button(visible=False), gr.Timer(active=False)
        ended = gr.skip() if judging.alive else f"{judging.key} {judging.state}"
        return ended, report_views.progress(judging), gr.Button(visible=judging.alive), gr.Timer(active=judging.alive)


def build(page: Page, train: Train) -> Evaluate:
    """The room, inside the tab that is open."""
    return Evaluate(page, train)
