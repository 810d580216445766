"""Create, Your picture: drawn, filmed or from a file; rebuilt by a model, blended with another, walked around."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import gradio as gr

from . import gather_views, guest_views, mirror_views, views
from .page import LIVE, QUIET, Page, download, noted, pane, told
from .pictures_step import GATHER
from .words import say

if TYPE_CHECKING:
    from ..guests import Drawing, GuestCard
    from ..library import Shelved

POLL = 0.35  # seconds
FRAMES = 25  # pictures of a blend or a walk: five by five
FILMS = ("blend", "walk")
REBUILDS = "vae"  # the family that can


class YourPicture:
    """The components of the place. Handlers return only what changes of `outputs`."""

    def __init__(self, page: Page, given: gr.BrowserState) -> None:
        self.page, self.given = page, given
        (models, guests), first = self._shelf(None), self._find(None, "")
        self.model, self.job, self.film_job = gr.State(""), gr.State(""), gr.State("")  # nobody has chosen yet
        self.mirrored = gr.State("")  # the job that hangs in the mirror, so that it is not sent again
        self.cards = pane(guest_views.rebuilder_cards(models, guests, first.key if first else ""), "rebuilders")
        with gr.Row(elem_classes=["room"], elem_id="your_picture"):
            with gr.Column(scale=11, min_width=320, elem_id="mirror_side"):
                self.mirror = pane(mirror_views.mirror("", None), "mirror")
                with gr.Column(elem_id="picture_deeds"):
                    self._deeds()
                self.film = pane("", "film")
                self.bundle = gr.Button(
                    say("Save the film's pictures as ZIP"), visible=False, size="md", elem_id="save_film_all"
                )
            with gr.Column(scale=7, min_width=300, elem_classes=["desk"], elem_id="picture_side"):
                self._desk(first)
        self.timer = gr.Timer(POLL, active=False)
        self.outputs = [
            *(self.model, self.job, self.film_job, self.mirrored, self.given),
            *(self.cards, self.slots, self.give, self.own, self.mirror, self.film),
            *(self.walk, self.blend, self.status, self.cancel, self.bundle, self.timer),
        ]
        self._wire()
        self._wire_films()

    def _desk(self, first: Shelved | None) -> None:
        self.slots = pane(mirror_views.slots(["", ""], 0), "slots")
        self.give = gr.HTML(
            gather_views.giver(), js_on_load=GATHER, apply_default_css=False, elem_id="give", paper=_paper(first)
        )
        self.own = pane(mirror_views.examples(_strip(first)), "own_of_model")

    def _deeds(self) -> None:
        with gr.Row():
            self.walk = gr.Button(
                say("Walk around it"), interactive=False, size="md", elem_id="walk", min_width=130, variant="primary"
            )
            self.blend = gr.Button(say("Blend the two"), interactive=False, size="md", elem_id="blend", min_width=130)
        self.status = pane("", "picture_status")
        self.cancel = gr.Button(say("Cancel"), visible=False, size="md", elem_id="cancel_picture")

    def _wire(self) -> None:
        guests, visitor = self.page.studio.guests, self.page.visitor
        known = [visitor, self.model, self.given, self.mirrored]
        noted_here = noted(self.outputs.index(self.status), len(self.outputs))

        def put(token: str, model: str, pictures: list[str], active: int, mirrored: str) -> dict:
            given = {self.given: {"pictures": pictures, "active": active}}  # nobody else writes it: answers may cross
            return given | self._rebuild(token, model, pictures, active, mirrored)

        @noted_here
        def take(token: str, model: str, given: Any, mirrored: str, event: gr.EventData) -> dict:
            pictures, active = _places(given)
            pictures[active] = mirror_views.trusted(event.data)
            return put(token, model, pictures, active, mirrored)

        @noted_here
        def take_own(token: str, model: str, given: Any, mirrored: str, event: gr.EventData) -> dict:
            (pictures, active), strip = _places(given), _strip(self._find(token, model))
            pictures[active] = views.png_uri(strip[int(event.index)])
            return put(token, model, pictures, active, mirrored)

        @noted_here
        def turn(token: str, model: str, given: Any, mirrored: str, event: gr.EventData) -> dict:
            return put(token, model, _places(given)[0], int(event.index), mirrored)

        @noted_here
        def choose(token: str, given: Any, event: gr.EventData) -> dict:
            return self._about(token, event.model) | self._rebuild(token, event.model, *_places(given), "")

        @noted_here
        def tick(token: str, job: str, film_job: str, mirrored: str) -> dict:
            drawing, film = guests.look(token, job), guests.look(token, film_job)
            gone = (job or film_job) and drawing is None and film is None  # cancelled while this tick was on its way
            return self._stopped() if gone else self._seen(drawing, film, mirrored)

        self.give.picture(take, known, self.outputs, **LIVE)
        self.own.pick(take_own, known, self.outputs, **LIVE)
        self.slots.pick(turn, known, self.outputs, **LIVE)
        self.cards.pick(choose, [visitor, self.given], self.outputs, **LIVE)
        jobs = [visitor, self.job, self.film_job, self.mirrored]
        self.timer.tick(tick, jobs, self.outputs, queue=False, **QUIET)

    def _wire_films(self) -> None:
        guests, visitor = self.page.studio.guests, self.page.visitor

        @told
        def walk(token: str, model: str, given: Any) -> dict:
            pictures, active = _places(given)
            seed = secrets.randbelow(1_000_000)
            return self._filming(guests.look(token, guests.walk(token, model, pictures[active], seed, FRAMES)))

        @told
        def blend(token: str, model: str, given: Any) -> dict:
            return self._filming(guests.look(token, guests.blend(token, model, *_places(given)[0], FRAMES)))

        @noted(self.outputs.index(self.status), len(self.outputs))
        def cancel(token: str, job: str, film_job: str) -> dict:
            for key in filter(None, (film_job, job)):
                if (drawing := guests.look(token, key)) and drawing.alive:
                    guests.cancel(token, key)
            return self._stopped() | {self.film: ""}

        @told
        def bundle(token: str, film_job: str) -> Any:
            return guests.bundle(token, film_job)

        known = [visitor, self.model, self.given]
        self.walk.click(walk, known, self.outputs, trigger_mode="once", **QUIET)
        self.blend.click(blend, known, self.outputs, trigger_mode="once", **QUIET)
        self.cancel.click(cancel, [visitor, self.job, self.film_job], self.outputs, queue=False, **QUIET)
        download(self.bundle, bundle, [visitor, self.film_job])

    def attach(self, token: str, model: str, given: Any, job: str, film_job: str) -> dict:
        """What was going on, found again when somebody comes to the place; the shelf as it is now."""
        guests, token = self.page.studio.guests, self.page.studio.greet(token)  # whoever has no token yet is new
        job, film_job = job or guests.again(token, ("rebuild",)), film_job or guests.again(token, FILMS)
        drawing, film = guests.look(token, job), guests.look(token, film_job)
        pictures, active = _places(given)
        if not any(pictures):
            drawing = film = None
        last = drawing or film
        about = self._about(token, model or (last.guest if last else ""))
        shown = about | self._given(pictures, active)
        drawing, film = (each if each and each.guest == about[self.model] else None for each in (drawing, film))
        if film is not None:
            shown |= {self.film_job: film_job} | self._seen(None, film, "")
        if drawing is None:
            return shown | self._rebuild(token, about[self.model], pictures, active, "")
        if drawing.alive:
            shown[self.mirror] = mirror_views.mirror(pictures[active], None)
        return shown | {self.job: job} | self._seen(drawing, film, "")

    def open(self, token: str, key: str) -> dict:
        """A model or guest chosen elsewhere; the picture that was given stays."""
        return self._about(token, key) | {self.job: "", self.mirrored: ""}

    @property
    def attached(self) -> list[Any]:
        """What `attach` asks for."""
        return [self.page.visitor, self.model, self.given, self.job, self.film_job]

    # ---- inside

    def _rebuild(self, token: str, model: str, pictures: list[str], active: int, mirrored: str) -> dict:
        """Begin to rebuild the picture that is active, at once; what hangs in the mirror stays until then."""
        shown, chosen = self._given(pictures, active), self._find(token, model)
        if not pictures[active] or chosen is None:
            return shown | {self.mirror: mirror_views.mirror("", None), self.mirrored: "", self.job: ""}
        shown |= {self.job: self.page.studio.guests.rebuild(token, chosen.key, [pictures[active]])}
        if not mirrored:
            shown |= {self.mirror: mirror_views.mirror(pictures[active], None), self.mirrored: ""}
        return shown | {self.timer: gr.Timer(active=True)}

    def _given(self, pictures: list[str], active: int) -> dict:
        """How the two places look, and what can be done with what is in them."""
        return {
            self.slots: mirror_views.slots(pictures, active),
            self.walk: gr.Button(interactive=bool(pictures[active])),
            self.blend: gr.Button(interactive=all(pictures)),
        }

    def _about(self, token: str, key: str) -> dict:
        """What changes with the model: its card, its own pictures, the colour of paper, and no film yet."""
        models, guests = self._shelf(token)
        model = self._find(token, key)
        return {
            self.model: model.key if model else "",
            self.cards: guest_views.rebuilder_cards(models, guests, model.key if model else ""),
            self.own: mirror_views.examples(_strip(model)),
            self.give: gr.HTML(paper=_paper(model)),
            self.film: "",
            self.film_job: "",
            self.bundle: gr.Button(visible=False),
        }

    def _filming(self, film: Drawing) -> dict:
        """A film has begun."""
        return {self.film_job: film.key} | self._seen(None, film, "")

    def _seen(self, drawing: Drawing | None, film: Drawing | None, mirrored: str) -> dict:
        """How the two jobs stand, either of which may be none."""
        going = [each for each in (film, drawing) if each is not None and each.alive]
        ended = [each for each in (film, drawing) if each is not None and not each.alive]
        wrong = [each for each in ended if not guest_views.whole(each)]
        spoken = next(iter((*going, *wrong)), None)
        shown = {
            self.status: guest_views.status(spoken),
            self.cancel: gr.Button(visible=bool(going)),
            self.timer: gr.Timer(active=bool(going)),
        }
        if guest_views.whole(drawing) and drawing.key != mirrored:
            shown |= {self.mirror: mirror_views.mirror("", drawing), self.mirrored: drawing.key}
        if film is not None:
            shown |= {self.film: mirror_views.film(film), self.bundle: gr.Button(visible=guest_views.whole(film))}
        return shown

    def _stopped(self) -> dict:
        rest = {self.cancel: gr.Button(visible=False), self.timer: gr.Timer(active=False)}
        return {self.status: views.note(say("You stopped it.")), **rest}

    def _shelf(self, token: str | None) -> tuple[list[Shelved], list[GuestCard]]:
        """Models and guests that can rebuild a picture."""
        studio = self.page.studio
        models = [model for model in studio.models(token) if model.family == REBUILDS]
        guests = [] if token is None else studio.guests.all(token)  # while the page is built, nobody is there
        return models, [guest for guest in guests if guest.kind == "autoencoder"]

    def _find(self, token: str | None, key: str) -> Shelved | GuestCard | None:
        """The one with this key; else the first of grey pictures, which know what people draw; else the first."""
        models, guests = self._shelf(token)
        both = [*models, *guests]
        usual = next((model for model in models if model.picture.channels == 1), next(iter(both), None))
        return next((each for each in both if each.key == key), usual)


def kept() -> gr.BrowserState:
    """The pictures that somebody gave, in the browser. Made where it is open at once: closed places read nothing."""
    return gr.BrowserState({}, storage_key="genmodels-given", secret="genmodels-studio")


def _places(given: Any) -> tuple[list[str], int]:
    """The two pictures and which is active; what the browser kept is not trusted."""
    known = given if isinstance(given, dict) else {}
    pictures = known.get("pictures")
    pictures = [mirror_views.trusted(each) for each in pictures] if isinstance(pictures, list) else []
    return [*pictures, "", ""][:2], int(known.get("active") == 1)


def _strip(model: Shelved | GuestCard | None) -> Any:
    return None if model is None else model.strip


def _paper(model: Shelved | GuestCard | None) -> str:
    """Whether what the model knows stands on dark or on light ground."""
    strip = _strip(model)
    return "dark" if strip is not None and strip.mean() < 110 else "light"
