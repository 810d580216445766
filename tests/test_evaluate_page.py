"""The Evaluate tab in a real browser: a card at once, judging, cancel, reload, two side by side, a page to forward."""

from __future__ import annotations

import pathlib
import re

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

import test_app  # noqa: E402
import test_evaluations  # noqa: E402

from genmodels import checkpoint  # noqa: E402
from genmodels.data.imageset import ImageSet  # noqa: E402
from genmodels.evaluation.result import Evaluation, Nearest, Number, Protocol  # noqa: E402
from genmodels.images import PictureFormat  # noqa: E402

browser, address, page, room = test_app.browser, test_app.address, test_app.page, test_app.room
expect = playwright.expect
PATIENCE = 120_000  # milliseconds on a busy machine


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A home with a small set and two models that know nothing; one carries an evaluation from elsewhere."""
    import torch

    from genmodels.models import FAMILIES

    folder = tmp_path_factory.mktemp("home")
    test_evaluations.keep_set(folder / "sets" / "blobs", "")
    for name in ("Known", "Fresh"):
        torch.manual_seed(ord(name[0]))
        made = FAMILIES["gan"](FAMILIES.sizes("gan")["tiny"], PictureFormat(28, 1, test_evaluations.KINDS)).eval()
        target = folder / "models" / name.lower()
        checkpoint.save(target, made, name=name, size="tiny", trained={"set": "Blobs"})
    numbers = [Number(name="frechet", value=12.0, low=11.0, high=13.0, better="lower", reference=4.0)]
    numbers += [Number(name=n, value=0.9, low=0.88, high=0.92, better="higher", reference=0.9) for n in ("precision",)]
    pictures = ImageSet.open(folder / "sets" / "blobs" / "set")
    protocol = Protocol(features="old", made=100, real=16, set="Blobs", fingerprint=pictures.fingerprint())
    known = folder / "models" / "known"
    Evaluation(
        model="Known",
        identity=checkpoint.Checkpoint.open(known).identity,
        protocol=protocol,
        numbers=tuple(numbers),
        copying="copied",
        nearest=(Nearest(index=0, label=1, row=3, distance=0.5, typical=1.0, suspicious=True),),
    ).save(known)
    return folder


def choose(page: playwright.Page, name: str) -> None:
    room(page, "Evaluate")
    page.locator("#judged_models .card", has_text=name).click()


def test_a_card_is_there_at_once_with_its_pictures_and_as_a_page(page, tmp_path: pathlib.Path) -> None:
    choose(page, "Known")
    card = page.locator("#report_side")
    expect(card.locator(".verdict").first).to_be_visible(timeout=15_000)
    expect(card).to_contain_text("Close: 3.0 times what real pictures get.")
    expect(page.locator(".pair-suspicious")).to_be_visible(timeout=30_000)
    expect(card.locator("table").first).to_be_hidden()
    card.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(card.locator("table").first).to_contain_text("Fréchet distance")
    with page.expect_download() as waiting:
        page.locator("#save_report").click()
    saved = tmp_path / "report.html"
    waiting.value.save_as(saved)
    assert re.fullmatch(r"report-known\.html", waiting.value.suggested_filename)
    assert "Close: 3.0 times" in saved.read_text(encoding="utf-8")
    page.locator("#judge_set input").click()
    page.get_by_role("option", name=re.compile("Pixel-art")).click()
    expect(page.locator("#judge_hint")).to_contain_text("Choose a set of its size.")
    expect(page.locator("#judge")).to_be_disabled()


def test_judging_can_be_stopped_survives_a_reload_and_makes_two_comparable(page) -> None:
    choose(page, "Fresh")
    expect(page.locator("#report_side")).to_contain_text("has not been judged")
    page.locator("#judge_how > button").click()
    count = page.locator("#field_count input")
    expect(count).to_be_visible(timeout=60_000)
    count.fill("40")
    page.keyboard.press("Tab")
    page.wait_for_timeout(500)
    page.locator("#judge").click()
    expect(page.locator("#judging [role=progressbar]")).to_be_visible(timeout=15_000)
    page.locator("#cancel_judging").click()
    expect(page.locator("#judging")).to_contain_text("You stopped it.", timeout=5_000)
    page.locator("#judge").click()
    expect(page.locator("#cancel_judging")).to_be_visible(timeout=15_000)
    page.reload()
    room(page, "Evaluate")
    expect(page.locator("#judged_models [aria-pressed=true]")).to_contain_text("Fresh", timeout=15_000)
    expect(page.locator("#report_side .verdict").first).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#report_side")).to_contain_text("40 of its pictures")
    expect(page.locator("#cancel_judging")).to_be_hidden()
    expect(page.locator("#judging")).to_contain_text("was judged in")
    choose(page, "Known")
    expect(page.locator("#judging")).not_to_contain_text("was judged in", timeout=5_000)
    choose(page, "Fresh")

    page.locator("#judge_other input").click()
    page.get_by_role("option", name="Known", exact=True).click()
    expect(page.locator("#report_side .note-warn")).to_contain_text("different judges", timeout=15_000)
    expect(page.locator("#report_side .two-walls img")).to_have_count(2)
    page.locator("#judge_same").click()
    expect(page.locator("#report_side .report-two")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#judge_same")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_on_a_phone(browser, address, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    opened = context.new_page()
    opened.goto(address)
    choose(opened, "Known")
    expect(opened.locator("#report_side .verdict").first).to_be_visible(timeout=15_000)
    opened.locator("#judge_other input").click()
    opened.get_by_role("option", name="Fresh", exact=True).click()
    expect(opened.locator("#report_side .two-walls")).to_be_visible(timeout=15_000)
    assert opened.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
