"""Views are pure: plain data in, HTML out, and no text from outside is ever read as HTML."""

from __future__ import annotations

import dataclasses
import pathlib

import numpy as np
import pytest

from genmodels.events import Failed, Finished, Judged, Problem, Progress, Segment
from genmodels.images import PictureFormat
from genmodels.library import Shelved
from genmodels.models import FAMILIES
from genmodels.runs import Look, Sheet
from genmodels.sets import Cleaning, PictureSet
from genmodels.ui import set_views, train_views, views
from genmodels.walls import Made

EVIL = "<img src=x onerror=alert(1)> ${1+1} {{x}}"
PIXELS = np.random.default_rng(0).integers(0, 256, (10, 28, 28, 1), np.uint8)


def shelved(name: str = "Digits") -> Shelved:
    picture = PictureFormat(28, 1, ("zero", EVIL))
    return Shelved(
        "digits", name, "gan", "small", picture, {"set": EVIL, "seconds": 61.2}, PIXELS[:8], 2 << 20, True, 0.0, "abc"
    )


def looked(**more: object) -> Look:
    about = {"key": "run-1", "name": EVIL, "owner": "", "order": {}, "created": 0.0, "state": "running"}
    return Look(**{**about, "template": "Learning.", "facts": {}, **more})


def cleaned(**more: object) -> Cleaning:
    about = {"key": "k", "name": "n", "progress": None, "kept": (), "refused": (), "notes": (), "end": None}
    return Cleaning(**{**about, **more})


def everything() -> dict[str, str]:
    """Every view with something evil in it."""
    refused = Judged(
        template="It is the same picture as {other}.", facts={"other": EVIL, "can_keep": True}, name=EVIL, kept=False
    )
    end = Finished(template="Kept {kept} of {found} pictures.", facts={"kept": 16, "found": 17})
    recipe = {"name": EVIL, "seed": 1, "index": 2, "class": EVIL, "diversity": 1.0}
    each = PictureSet(EVIL, EVIL, 16, 28, 1, (EVIL,), EVIL, EVIL, b"", False)
    problem = Problem(template="It is all one colour.", name="collapse", repair="collapse")
    return {
        "cards": views.model_cards([shelved(EVIL)], "digits"),
        "shelf": views.shelf([shelved(EVIL)], ""),
        "facts": views.model_facts(shelved(EVIL)),
        "picked": views.picked(Made(PIXELS[0], recipe)),
        "wall": views.wall(PIXELS, 5, ("a", EVIL), [0, 1] * 5),
        "sets": set_views.sets([each], EVIL),
        "cleaning": set_views.cleaning(cleaned(refused=(refused,), end=end)),
        "status": train_views.status(
            looked(details=EVIL, state="failed", template=EVIL.replace("{", "").replace("}", ""))
        ),
        "runs": train_views.runs([looked()], "run-1"),
        "doctor": train_views.doctor(looked(problems=(problem,))),
        "curves": train_views.curves(looked(curves={EVIL: [(0, 1.0), (5, float(2))]})),
        "promise": train_views.promise({"seconds": 60, "images": 12345, "memory": 1 << 29}, shelved(EVIL)),
    }


@pytest.mark.parametrize("name", list(everything()))
def test_nothing_from_outside_becomes_html(name: str) -> None:
    shown = everything()[name]
    assert "<img src=x" not in shown
    assert "${" not in shown
    assert "{{" not in shown


def test_a_wall_is_made_of_buttons_that_can_be_told_apart() -> None:
    shown = views.wall(PIXELS, 5, ("cat", "dog"), [0, 1] * 5, chosen=3)
    assert shown.count("<button") == 10
    assert shown.count('aria-pressed="true"') == 1
    assert shown.count('tabindex="0"') == 1
    assert 'alt="dog, 4"' in shown


def test_a_run_says_where_it_is() -> None:
    progress = Progress(fraction=0.25, remaining=45.0, images=12345)
    shown = train_views.status(looked(progress=progress))
    assert "12,345 pictures seen" in shown
    assert "45 seconds left" in shown
    assert 'aria-valuenow="25"' in shown
    waiting = train_views.status(
        looked(state="waiting", template="Waiting for its turn: number {place} in the queue.", facts={"place": 2})
    )
    assert "number 2" in waiting
    assert "Details" in train_views.status(looked(state="failed", details="a reason"))
    assert "Press Start" in train_views.status(None)


def test_the_time_machine_shows_its_moment(tmp_path: pathlib.Path) -> None:
    sheets = (Sheet(tmp_path / "1.webp", 100, 2.0, 8), Sheet(tmp_path / "2.webp", 4000, 30.0, 8))
    shown = train_views.moment(b"picture", looked(previews=sheets), 1)
    assert "After 4,000 pictures, 30 seconds" in shown
    assert "on their way" in train_views.moment(b"", looked(), -1)


def test_the_doctor_tells_what_is_wrong_and_what_was_done() -> None:
    segment = Segment(template="Repaired: the critic now learns at half its rate.", number=1, images=50)
    problem = Problem(template="It is all one colour.", name="collapse", repair="collapse")
    shown = train_views.doctor(looked(segments=(segment,), problems=(problem,)))
    assert "half its rate" in shown
    assert 'role="alert"' in shown
    assert train_views.doctor(looked()) == ""


def test_cleaning_is_told_in_words_and_every_decision_has_its_button() -> None:
    copies = [
        Judged(template="It is all one colour.", facts={"can_keep": True}, name=f"{n}.png", kept=False, reason="blank")
        for n in range(3)
    ]
    broken = Judged(template="The file is empty.", name="b.png", kept=False, reason="empty")
    kept = tuple(Judged(template="Kept.", name=f"k{n}.png", kept=True, index=n) for n in range(16))
    end = Finished(template="Kept {kept} of {found} pictures.", facts={"kept": 16, "found": 20})
    shown = set_views.cleaning(cleaned(refused=(*copies, broken), kept=kept, end=end, pictures=PIXELS))
    assert "Kept 16 of 20 pictures. 3 of one colour; 1 empty." in shown
    assert shown.count('data-pick="keep"') == 3
    assert shown.count('data-pick="drop"') == 10
    assert "Delete for good" in shown
    failed = set_views.cleaning(
        cleaned(end=Failed(template="The set cannot be written: {error}.", facts={"error": "full"}))
    )
    assert "note-warn" in failed
    running = set_views.cleaning(cleaned(progress=Progress(fraction=0.5, remaining=3.0), kept=kept))
    assert "16 kept so far" in running


def test_curves_have_plain_names_and_shares_are_percent() -> None:
    shown = train_views.curves(
        looked(curves={"critic": [(0, 1.0), (10, 2.0)], "once": [(0, 1.0)]}, scores={"variety": [(0, 0.1), (9, 0.5)]})
    )
    assert shown.count("<svg") == 2
    assert "Critic&#x27;s loss" in shown
    assert "50 %" in shown
    assert train_views.curves(None) == ""


def test_promises_hold_two_figures() -> None:
    assert "12,000 pictures" in train_views.promise({"seconds": 60, "images": 12345, "memory": 1 << 29})
    endless = train_views.promise({"seconds": None, "images": None, "images_per_second": 594.2, "memory": 1 << 29})
    assert "until you stop it" in endless
    assert "590 pictures a second" in endless


def test_chinese_is_spoken_everywhere() -> None:
    assert "种子" in views.picked(
        Made(PIXELS[0], {"name": "a", "seed": 1, "index": 0, "class": "", "diversity": 1.0}), "zh"
    )
    assert "已看 12,345 张图片" in train_views.status(looked(progress=Progress(fraction=0.5, images=12345)), "zh")
    assert views.kind(FAMILIES.caption("gan"), "zh").startswith("GAN\n生成器")
    assert dataclasses.is_dataclass(Shelved)
