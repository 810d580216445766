"""A data set of the Hub in a real browser: looked up, got with a bar and Cancel, looked through, and learned from."""

from __future__ import annotations

import os
import pathlib
import re
import time
from collections.abc import Iterator

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

import conftest  # noqa: E402
import picture_tables as made  # noqa: E402
import test_app  # noqa: E402
from loopback import Fault, Hub  # noqa: E402

browser, home, page, room = test_app.browser, test_app.home, test_app.page, test_app.room
app, expect = test_app.address, playwright.expect
NAMES = ("circle", "<b>square</b>", "star", "leaf")


@pytest.fixture(scope="module")
def far() -> Iterator[Hub]:
    """A Hub with one data set of 400 pictures."""
    with Hub(xet=False) as hub:
        files = {f"data/train-{n:05}-of-00002.parquet": made.shapes(200 * n, 200, NAMES) for n in (0, 1)}
        hub.put("ada/shapes", {"README.md": made.CARD, **files}, kind="dataset")
        yield hub


@pytest.fixture(scope="module")
def address(far: Hub, home: pathlib.Path) -> Iterator[str]:
    """`python app.py` that knows this Hub only."""
    told = {"HF_ENDPOINT": far.url, "HF_HOME": str(home / "hf"), "HF_HUB_DISABLE_XET": "1"}
    before = dict(os.environ)
    for name in conftest.NO_MORE:
        os.environ.pop(name, None)
    os.environ.update(told)
    try:
        yield from app.__wrapped__(home) if hasattr(app, "__wrapped__") else app(home)
    finally:
        os.environ.clear()
        os.environ.update(before)


def test_pictures_of_a_data_set_become_a_set_to_learn_from(page: playwright.Page, far: Hub) -> None:
    room(page, "Train")
    page.locator("#own_pictures > button").click()
    page.locator("#own_pictures").get_by_role("tab", name="Hub", exact=True).click()
    field, about = page.locator("#dataset_address").get_by_role("textbox"), page.locator("#dataset_about")
    field.fill("ada/nothing")
    page.locator("#dataset_ask").click()
    expect(about).to_contain_text("There is no ada/nothing on the Hub")
    expect(page.locator("#dataset_get")).to_be_hidden()
    field.fill(f"{far.url}/datasets/ada/shapes/viewer")
    field.press("Enter")
    expect(about).to_contain_text("cc-by-4.0")
    expect(about).to_contain_text("400 pictures")
    expect(about).to_contain_text("<b>square</b>")
    expect(page.get_by_alt_text("Some of its pictures")).to_be_visible(timeout=20_000)
    page.locator("#field_most_pictures").get_by_role("spinbutton").fill("40")
    expect(page.locator("#dataset_costs")).to_contain_text("40 of 400 pictures")
    # the Hub is slow: a bar, the time left, and Cancel that leaves nothing
    far.fault(Fault(match="GET /lfs", times=1000, pace=12_000))
    page.locator("#dataset_get").click()
    status = page.locator("#dataset_status")
    expect(status.get_by_role("progressbar")).to_be_visible(timeout=20_000)
    expect(status).to_contain_text("left", timeout=20_000)
    page.reload()
    room(page, "Train")
    expect(status.get_by_role("progressbar")).to_be_visible(timeout=20_000)
    page.locator("#dataset_cancel").click()
    expect(status).to_contain_text("You stopped it")
    page.locator("#own_pictures > button").click()
    page.locator("#own_pictures").get_by_role("tab", name="Hub", exact=True).click()
    # and again, at its usual pace
    far.clear()
    field.fill("ada/shapes")
    page.locator("#dataset_ask").click()
    expect(page.locator("#dataset_get")).to_be_visible(timeout=20_000)
    page.locator("#field_most_pictures").get_by_role("spinbutton").fill("40")
    page.locator("#dataset_get").click()
    expect(status).to_contain_text(re.compile(r"Got 40 pictures; [\d.]+ MB were downloaded"), timeout=30_000)
    expect(page.locator("#report")).to_contain_text("Kept 40 of 40 pictures", timeout=30_000)
    card = page.locator('#sets [aria-pressed="true"]')
    expect(card).to_contain_text("shapes")
    expect(card).to_contain_text("4 kinds")
    assert "ada/shapes on the Hugging Face Hub" in card.get_attribute("title")
    assert page.locator("#own_pictures b:text('square')").count() == 0


def test_programs_can_do_the_same(address: str, far: Hub) -> None:
    from gradio_client import Client

    far.clear()
    ask = Client(address, verbose=False).predict
    found = ask("ada/shapes", api_name="/look_up_dataset")
    assert (found["licence"], found["splits"][0]["pictures"]) == ("cc-by-4.0", 400)
    going = ask("ada/shapes", pictures=32, label="", api_name="/get_dataset")
    deadline = time.monotonic() + 30
    while (seen := ask(going, api_name="/transfer"))["state"] == "running":
        assert time.monotonic() < deadline
    assert seen["sentence"].startswith("Got 32 pictures")
    while (report := ask(seen["result"], api_name="/look_at_set"))["state"] == "running":
        assert time.monotonic() < deadline
    assert (report["state"], report["kept"]) == ("finished", 32)
