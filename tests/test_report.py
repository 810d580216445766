"""The report card: words that fit the numbers, two models compared only where they may be, and a page that is whole."""

from __future__ import annotations

import html.parser
import pathlib

import numpy as np
import pytest

from genmodels import report
from genmodels.evaluation.result import ClassScore, Evaluation, Nearest, Number, Protocol
from genmodels.evaluation.verdict import better, headline, verdicts
from genmodels.evaluations import Judging
from genmodels.evaluations.desk import Desk
from genmodels.evaluations.evidence import Evidence, Report
from genmodels.events import Progress, Trouble
from genmodels.images import PictureFormat
from genmodels.library import Shelved
from genmodels.ui import report_views
from genmodels.walls import Ask, Wall

EVIL = "<img src=x onerror=alert(1)> ${1+1} {{x}}"
PROTOCOL = Protocol(features="studio-1", made=1000, real=1000, set="digits", fingerprint="abc")
PIXELS = np.random.default_rng(0).integers(0, 256, (16, 28, 28, 1), np.uint8)


def number(name: str, value: float, reference: float | None = None, **more) -> Number:
    about = {"low": value * 0.97, "high": value * 1.03, "better": "higher", "band": "20 draws", "pictures": 1000}
    return Number(name=name, value=value, reference=reference, **{**about, **more})


def evaluation(*numbers: Number, **more) -> Evaluation:
    return Evaluation(**{"model": "Digits", "protocol": PROTOCOL, "numbers": numbers, "copying": "clear", **more})


def good(**more) -> Evaluation:
    return evaluation(
        number("frechet", 4.9, 3.9, better="lower"),
        number("precision", 0.93, 0.94),
        number("recall", 0.92, 0.935),
        number("copies", 0.011, 0.01, low=0.006, high=0.02, better="lower"),
        **more,
    )


def reported(found: Evaluation, name: str = "Digits", proof: bool = True) -> Report:
    picture = PictureFormat(28, 1, ("zero", EVIL))
    model = Shelved("k", name, "vae", "small", picture, {"set": "digits"}, PIXELS[:8], 9, True, 0.0, "id")
    pairs = PIXELS.reshape(8, 2, 28, 28, 1)
    return Report(found, Wall(model, Ask("k", 0, 16), PIXELS, None, 4), Evidence(pairs, pairs) if proof else None)


def said(found: Evaluation, aspect: str) -> tuple[str, str]:
    each = next(each for each in verdicts(found) if each.aspect == aspect)
    return each.level, each.template.format(**each.facts)


def test_words_follow_the_numbers_and_what_real_pictures_get() -> None:
    level, sentence = said(good(), "distance")
    assert (level, sentence) == ("good", "Very close: 1.3 times what real pictures get.")
    assert said(evaluation(number("frechet", 39, 3.9)), "distance")[1] == "Far: 10 times what real pictures get."
    assert said(evaluation(number("frechet", 3.9, 3.9)), "distance")[0] == "good"
    assert said(evaluation(number("frechet", 3.9)), "distance") == ("fair", "3.9, with nothing to compare it with.")
    assert "93 in 100" in said(good(), "realism")[1]
    assert said(evaluation(number("precision", 0.5, 0.94)), "realism")[0] == "poor"
    assert said(evaluation(number("precision", 0.5, 0.5)), "realism")[0] == "good", "as good as real ones is good"
    assert said(evaluation(number("recall", 0.80, 0.94)), "variety")[0] == "fair"
    assert verdicts(evaluation()) == []


def test_copies_are_told_by_the_test_and_not_by_their_share_alone() -> None:
    few = number("copies", 0.02, 0.01, low=0.005, better="lower")
    assert said(evaluation(few), "copies")[1].startswith("No:")
    assert said(evaluation(few, copying="copied"), "copies")[1].startswith("Yes: 2 in 100")
    many = number("copies", 0.4, 0.01, better="lower")
    assert said(evaluation(many, copying="clear"), "copies")[0] == "fair", "the test found it likely by chance"


def test_one_sentence_says_it_all() -> None:
    assert headline(good())[0] == "good"
    repeats = evaluation(number("precision", 0.94, 0.94), number("recall", 0.1, 0.94))
    assert headline(repeats)[1] == "Realistic, but less varied than real pictures."
    mostly = evaluation(number("precision", 0.8, 0.94, high=0.83), number("recall", 0.1, 0.94))
    assert headline(mostly)[1] == "Mostly realistic, but less varied than real pictures."
    off = evaluation(number("precision", 0.1, 0.94), number("recall", 0.94, 0.94))
    assert headline(off)[1] == "Varied, but its pictures are often off."
    assert "copies" in headline(good(copying="copied"))[1]
    assert headline(evaluation())[0] == "fair"


def test_bars_show_better_to_the_right_and_stay_inside() -> None:
    near, far = (verdicts(evaluation(number("frechet", value, 4.0)))[0] for value in (5.0, 50.0))
    assert near.place > far.place
    assert near.mark == 1.0
    wild = verdicts(evaluation(number("frechet", 1e-9, 4.0), number("precision", 1.0, 1.0, high=1.7)))
    assert all(0 <= place <= 1 for each in wild for place in (each.place, each.low, each.high, each.mark))


def test_two_models_are_compared_by_their_bands_and_only_under_one_protocol() -> None:
    worse = evaluation(number("frechet", 29.0, 3.9, better="lower"), number("precision", 0.94, 0.94))
    assert better(good(), worse) == {"frechet": 1, "precision": 0}
    shown = report.two_cards(reported(good()), reported(worse, "Other"))
    assert shown.count("clearly better") == 1
    assert "too close to call" in shown
    assert "Not measured." in shown
    none = good().model_copy(update={"numbers": (number("copies", 0.0, 0.02, low=0.0, high=0.001, better="lower"),)})
    few = good().model_copy(update={"numbers": (number("copies", 0.015, 0.02, better="lower"),)})
    assert "clearly better" not in report.two_cards(reported(none), reported(few)), "neither copies"
    elsewhere = good(protocol=PROTOCOL.model_copy(update={"made": 200}))
    with pytest.raises(Trouble, match="different numbers of made pictures"):
        report.two_cards(reported(good()), reported(elsewhere))


class Addresses(html.parser.HTMLParser):
    """Every address that a page asks for, and every tag."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.asked += [value or "" for name, value in attributes if name in ("src", "href", "data", "action")]


def test_the_page_is_whole_and_asks_for_nothing(tmp_path: pathlib.Path) -> None:
    nearest = tuple(Nearest(index=n, row=n, distance=0.5 * n, typical=1.0, suspicious=n < 2) for n in range(8))
    kinds = tuple(ClassScore(name=name, asked=50, precision=0.9, recall=0.5, f1=0.7) for name in ("zero", EVIL))
    found = good(
        copying="copied", nearest=nearest, rebuilt=tuple(range(8)), classes=kinds, hardware=EVIL, made_with=EVIL
    )
    file = report.write((reported(found, EVIL), reported(found, "Other")), tmp_path)
    text, page = file.read_text(encoding="utf-8"), Addresses()
    page.feed(text)
    assert file.suffix == ".html"
    assert page.asked
    assert all(address.startswith("data:image/") for address in page.asked), "opens from the disk, with no network"
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert "url(" not in text
    assert "@import" not in text
    assert "<img src=x" not in text
    assert "suspicious" in text
    assert "Fréchet" in text
    assert "fingerprint abc" in text


def everything() -> dict[str, str]:
    """What the tab shows, with something evil in it."""
    kinds = (ClassScore(name=EVIL, asked=1, precision=1, recall=1, f1=1),)
    evil = good(classes=kinds, hardware=EVIL, protocol=PROTOCOL.model_copy(update={"set": EVIL}))
    one, other = reported(evil, EVIL), reported(evil, EVIL + "2")
    desk = Desk([], [], one.wall.model, "digits", "digits", found=evil, walls=(one.wall, other.wall))
    both = Desk(**{**desk.__dict__, "other": other.wall.model, "beside": evil})
    refused = Desk(**{**desk.__dict__, "other": other.wall.model, "refusal": Trouble("{x}", x=EVIL), "alike": True})
    failed = Judging("k", "m", "s", "failed", "{x}", {"x": EVIL}, details=EVIL)
    return {
        "card": report_views.shown(desk),
        "both": report_views.shown(both),
        "refused": report_views.shown(refused),
        "missing": report_views.shown(Desk([], [], one.wall.model)),
        "proof": report_views.proof((one,)),
        "failed": report_views.progress(failed),
    }


@pytest.mark.parametrize("name", list(everything()))
def test_nothing_from_outside_becomes_html(name: str) -> None:
    shown = everything()[name]
    assert shown
    assert "<img src=x" not in shown
    assert "${" not in shown
    assert "{{" not in shown


def test_the_tab_says_where_judging_is() -> None:
    going = Judging(
        "k", "m", "s", "running", "Judging {name}.", {"name": "Digits"}, Progress(fraction=0.4, remaining=9)
    )
    assert 'aria-valuenow="40"' in report_views.progress(going)
    assert "9 seconds left" in report_views.progress(going)
    assert report_views.progress(None) == ""
    assert "has not been judged" in report_views.shown(Desk([], [], reported(good()).wall.model))
    assert "正在评判" in report_views.progress(going, "zh")
    assert "逼真" in report.card(reported(good()), report_views._say("zh"))
