"""Create, Guests: pipelines from the Hub draw, and what they draw is seen to come out of the noise."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import gradio as gr

from . import guest_views, views
from .page import LIVE, QUIET, Page, download, noted, pane, told
from .words import say

if TYPE_CHECKING:
    from ..guests import Drawing, GuestCard

POLL = 0.5  # seconds
COUNTS = (1, 4, 9, 16, 25)
SUGGESTED = ""  # the sampler that a guest is drawn with unless somebody says otherwise
LARGEST_SEED = 1_000_000
MOST_STEPS = 250  # beyond these nobody sees a difference


class GuestStep:
    """The components of the place. Handlers return only what changes of `outputs`."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.guest, self.job, self.index = gr.State(""), gr.State(""), gr.State(0)
        with gr.Column(elem_id="no_guest") as self.nobody:
            first = page.studio.model(None)
            pane(guest_views.nobody(first.strip[0] if first else None), "nobody")
            self.search = gr.Button(
                say("Search the Hub for guests"), variant="primary", size="lg", elem_id="search_guests"
            )
        with gr.Column(visible=False) as self.present:
            self.cards = pane("", "guests")
            with gr.Row(elem_classes=["room"], elem_id="guest_room"):
                with gr.Column(scale=11, min_width=320, elem_id="guest_side"):
                    self.wall = pane(guest_views.denoising(None), "guest_wall")
                    self.about = pane("", "about_guest")
                with gr.Column(scale=7, min_width=300, elem_classes=["desk"], elem_id="guest_desk"):
                    self._desk()
        self.timer = gr.Timer(POLL, active=False)
        self.outputs = [
            *(self.guest, self.job, self.index, self.nobody, self.present, self.cards, self.wall, self.about),
            *(self.seed, self.count, self.steps, self.sampler, self.status, self.cancel, self.picked),
            *(self.bundle, self.sure, self.timer),
        ]
        self._wire()
        self._wire_shelf()

    def _desk(self) -> None:
        self.draw = gr.Button(say("Draw"), variant="primary", size="lg", elem_id="draw_guest")
        self.status = pane("", "guest_status")
        self.cancel = gr.Button(say("Cancel"), visible=False, size="md", elem_id="cancel_guest")
        self.count = gr.Radio(
            list(COUNTS), value=4, label=say("How many"), elem_id="guest_count", elem_classes=["short"]
        )
        self.steps = gr.Slider(
            1,
            100,
            25,
            step=1,
            label=say("Steps"),
            info=say("More steps take longer and come out cleaner."),
            elem_id="guest_steps",
            buttons=[],
        )
        with gr.Row():
            self.sampler = gr.Dropdown(
                [(say("suggested"), SUGGESTED)],
                value=SUGGESTED,
                label=say("Sampler"),
                elem_id="guest_sampler",
                min_width=120,
            )
            self.seed = gr.Number(0, label=say("Seed"), precision=0, elem_id="guest_seed", min_width=90)
        self.other = gr.Button(say("Draw with another seed"), size="md", elem_id="other_seed")
        self.picked = pane("", "guest_picked")
        self.bundle = gr.Button(say("Save all as ZIP"), visible=False, elem_id="save_guest_all")
        with gr.Row(elem_id="guest_links"):
            self.more = gr.Button(say("Find another guest"), size="md", elem_id="more_guests", min_width=100)
            self.delete = gr.Button(say("Remove this guest"), size="md", elem_id="delete_guest", min_width=100)
        with gr.Column(visible=False) as self.sure:
            pane(views.note(say("Its files go from this machine; it can be pulled again at any time."), "warn"))
            with gr.Row():
                self.really = gr.Button(say("Remove it"), variant="stop", elem_id="delete_guest_really", min_width=120)
                self.spare = gr.Button(say("Keep it"), elem_id="delete_guest_spare", min_width=120)

    def _wire(self) -> None:
        guests, visitor = self.page.studio.guests, self.page.visitor
        asked = [visitor, self.guest, self.seed, self.count, self.steps, self.sampler]
        noted_here = noted(self.outputs.index(self.status), len(self.outputs))

        @told
        def draw(token: str, guest: str, seed: int, count: int, steps: int, sampler: str) -> dict:
            job = guests.draw(token, guest, seed, int(count), int(steps), sampler or SUGGESTED)
            return {self.job: job, self.index: 0} | self._seen(guests.look(token, job), 0)

        @told
        def another(token: str, guest: str, _: int, *rest: Any) -> dict:
            seed = secrets.randbelow(LARGEST_SEED)
            return {self.seed: seed} | draw(token, guest, seed, *rest)

        @noted_here
        def tick(token: str, guest: str, job: str, index: int) -> dict:
            drawing = guests.look(token, job) if job else None
            if drawing is None:  # it was cancelled, or another guest chosen, while this tick was on its way
                return self._stopped() if job else self._rest()
            shown = self._seen(drawing, index)
            if guest_views.whole(drawing):  # what it drew is on its card now
                shown[self.cards] = guest_views.guest_cards(self._pipelines(token), guest)
            return shown

        @noted_here
        def pick(token: str, job: str, event: gr.EventData) -> dict:
            index = int(event.index)
            return {self.index: index, self.picked: guest_views.picked(guests.look(token, job), index)}

        @noted_here
        def cancel(token: str, job: str) -> dict:
            guests.cancel(token, job)
            return self._stopped()

        @told
        def bundle(token: str, job: str) -> Any:
            return guests.bundle(token, job)

        self.draw.click(draw, asked, self.outputs, trigger_mode="once", **QUIET)
        self.other.click(another, asked, self.outputs, trigger_mode="once", **QUIET)
        self.timer.tick(tick, [visitor, self.guest, self.job, self.index], self.outputs, queue=False, **QUIET)
        self.wall.pick(pick, [visitor, self.job], self.outputs, **LIVE)
        self.cancel.click(cancel, [visitor, self.job], self.outputs, queue=False, **QUIET)
        download(self.bundle, bundle, [visitor, self.job])

    def _wire_shelf(self) -> None:
        guests, visitor = self.page.studio.guests, self.page.visitor

        @noted(self.outputs.index(self.status), len(self.outputs))
        def choose(token: str, event: gr.EventData) -> dict:
            return self.open(token, event.model)

        @told
        def delete(token: str, guest: str) -> dict:
            guests.delete(token, guest)
            return self.open(token, "")

        self.cards.pick(choose, visitor, self.outputs, **LIVE)
        self.really.click(delete, [visitor, self.guest], self.outputs, **QUIET)
        for button, visible in ((self.delete, True), (self.spare, False)):
            button.click(lambda v=visible: gr.Column(visible=v), None, self.sure, queue=False, **QUIET)

    def attach(self, token: str, guest: str, job: str, index: int) -> dict:
        """What was going on, found again when somebody comes to the place; the guests as they are now."""
        guests, token = self.page.studio.guests, self.page.studio.greet(token)  # whoever has no token yet is new
        again = "" if job else guests.again(token, ("draw",))
        drawing = guests.look(token, job or again)
        shown = self._about(token, guest or (drawing.guest if drawing else ""), bool(guest))
        if drawing is None or shown[self.guest] != drawing.guest:
            return shown | self._seen(None, 0) | {self.job: ""}
        if again:
            shown |= self._controls(guests.find(token, drawing.guest), drawing.recipe)
        return shown | self._seen(drawing, index) | {self.job: drawing.key}

    def open(self, token: str, key: str) -> dict:
        """A guest chosen here or elsewhere; the first where there is no such guest."""
        return self._about(token, key) | self._seen(None, 0) | {self.job: ""}

    @property
    def searching(self) -> tuple[gr.Button, ...]:
        """The buttons that lead to where guests are found."""
        return self.search, self.more

    @property
    def attached(self) -> list[Any]:
        """What `attach` asks for."""
        return [self.page.visitor, self.guest, self.job, self.index]

    # ---- inside

    def _about(self, token: str, key: str, keep: bool = False) -> dict:
        """What changes with the guest; with `keep` the controls stay as somebody set them."""
        pipelines = self._pipelines(token)
        guest = next((each for each in pipelines if each.key == key), next(iter(pipelines), None))
        shown = {
            self.guest: guest.key if guest else "",
            self.nobody: gr.Column(visible=guest is None),
            self.present: gr.Column(visible=guest is not None),
            self.cards: guest_views.guest_cards(pipelines, guest.key if guest else ""),
            self.about: guest_views.guest_facts(guest),
            self.sure: gr.Column(visible=False),
        }
        return shown if guest is None or keep else shown | self._controls(guest, {})

    def _pipelines(self, token: str) -> list[GuestCard]:
        return [guest for guest in self.page.studio.guests.all(token) if guest.kind == "pipeline"]

    def _controls(self, guest: GuestCard, recipe: dict[str, Any]) -> dict:
        """The controls for a guest, as they were when it drew by this recipe."""
        counts = [count for count in COUNTS if count <= guest.most] or [1]
        asked, usual = recipe.get("count"), 4 if 4 in counts else counts[-1]
        first, *others = guest.samplers
        samplers = [(say("{name}, suggested", name=first), first), *((name, name) for name in others)]
        most = min(MOST_STEPS, guest.most_steps)
        return {
            self.count: gr.Radio(counts, value=asked if asked in counts else usual),
            self.steps: gr.Slider(value=min(most, recipe.get("steps", guest.steps)), maximum=most),
            self.sampler: gr.Dropdown(samplers, value=recipe.get("sampler", first)),
            self.seed: recipe.get("seed", gr.skip()),
        }

    def _seen(self, drawing: Drawing | None, index: int) -> dict:
        """How a drawing stands."""
        alive = drawing is not None and drawing.alive
        done = guest_views.whole(drawing)
        return {
            self.wall: guest_views.denoising(drawing, index),
            self.status: "" if done else guest_views.status(drawing),
            self.cancel: gr.Button(visible=alive),
            self.picked: guest_views.picked(drawing, index),
            self.bundle: gr.Button(visible=done),
            self.timer: gr.Timer(active=alive),
        }

    def _stopped(self) -> dict:
        return {self.status: views.note(say("You stopped it.")), **self._rest()}

    def _rest(self) -> dict:
        return {self.cancel: gr.Button(visible=False), self.timer: gr.Timer(active=False)}
