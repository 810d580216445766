"""The Library and the Hub in a real browser: publish, search, pull, go back; what goes wrong is one sentence."""

from __future__ import annotations

import json
import pathlib
import re
import time
from collections.abc import Iterator
from typing import Any

import gradio_client
import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

import spaces  # noqa: E402
import test_app  # noqa: E402
import travellers  # noqa: E402
from loopback import Fault, Hub  # noqa: E402

browser, room = test_app.browser, test_app.room
expect = playwright.expect
LONG = f"ada/{'-'.join(['long-name'] * 9)}"
EVIL = "<script>alert(1)</script> ${1+1} {{x}}"
BUDGET = 1500  # pictures: a few seconds of training
PATIENCE = 60_000  # milliseconds on a busy machine
MISSING = {"X-Error-Code": "RepoNotFound"}


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A Hub with two small models on it, one of them told in evil words, and large files by LFS."""
    with Hub(xet=False) as started:
        started.put("ada/shapes", travellers.shapes(0), tags=("genmodels", "gan"))
        card = f"---\nlibrary_name: genmodels\nmodel_name: '{EVIL}'\nlicense: other\n---\n# {EVIL}\n".encode()
        evil = {**travellers.shapes(1), "README.md": card}
        started.put(LONG, evil, tags=("genmodels", "gan", f"license:{EVIL}"), message=EVIL)
        yield started


@pytest.fixture(scope="module")
def laptop(hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app with an empty home, and nobody signed in."""
    with spaces.app(hub, tmp_path_factory.mktemp("laptop")) as (address, _):
        yield address


@pytest.fixture(autouse=True)
def whole(hub: Hub) -> Iterator[None]:
    """Nothing is left broken for the next test."""
    yield
    hub.clear()
    hub.down()
    hub.up()


@pytest.fixture
def visit(browser: Any) -> Iterator[Any]:
    """`visit(address)`: a fresh visitor in the Library. What a page asks of another host fails the test."""
    contexts, complaints = [], []

    def opened(address: str, **look: Any) -> Any:
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **look}))
        page = contexts[-1].new_page()
        ours = (address, "data:", "blob:")
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: complaints.append(dialog.message))
        page.on("request", lambda r: None if r.url.startswith(ours) else complaints.append(r.url))
        page.goto(address)
        expect(page.locator("#wall .tile").first).to_be_visible(timeout=PATIENCE)
        room(page, "Library")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not complaints


def pictures(page: Any, name: str, seed: int) -> list[str]:
    """The wall of a model and a seed: each picture as a PNG, byte for byte."""
    picked = page.locator("#picked")
    expect(picked).to_contain_text(name, timeout=PATIENCE)  # its own wall hangs there first
    page.locator("#seed input").fill(str(seed))
    expect(picked).to_contain_text(f"{seed}, picture 1", timeout=PATIENCE)
    return page.locator("#wall .tile img").evaluate_all("all => all.map(each => each.src)")


def sign_in(page: Any, token: str) -> None:
    """Paste a token; on a laptop, whoever signed in is known in every window."""
    expect(page.locator("#who")).to_contain_text(re.compile("signed in", re.IGNORECASE), timeout=PATIENCE)
    if page.locator("#sign_out").is_visible():
        return
    page.locator("#sign_in_open").click()
    page.locator("#hub_token input").fill(token)
    page.locator("#sign_in_send").click()
    expect(page.locator("#who")).to_contain_text("Signed in as", timeout=PATIENCE)
    expect(page.locator("#hub_token input")).to_have_count(0)


def train(page: Any) -> None:
    """A model of the digits, in the Train room."""
    room(page, "Train")
    page.locator("#sets [data-set=digits]").click()
    test_app.BUDGET, usual = BUDGET, test_app.BUDGET
    test_app._budget_in_pictures(page)
    test_app.BUDGET = usual
    page.locator("#start").click()
    expect(page.locator("#publish_run")).to_be_visible(timeout=4 * PATIENCE)


def look_for(page: Any, words: str, repo: str) -> Any:
    """Search, and the card of a repository."""
    room(page, "What the Hub has")
    page.locator("#hub_words input, #hub_words textarea").first.fill(words)
    page.locator("#hub_ask").click()
    card = page.locator(f'.found-card[data-model="{repo}"]')
    expect(card).to_be_visible(timeout=PATIENCE)
    return card


def fetch(page: Any, address: str) -> None:
    """Pull by address."""
    page.locator("#hub_address input, #hub_address textarea").first.fill(address)
    page.locator("#hub_fetch").click()


def fill(page: Any, place: str, words: str) -> None:
    page.locator(f"{place} input, {place} textarea").first.fill(words)


def test_from_a_training_to_the_same_picture_on_another_machine(
    hub: Hub, laptop: str, visit: Any, tmp_path: pathlib.Path
) -> None:
    maker = visit(laptop)
    train(maker)
    maker.locator("#publish_run").click()
    expect(maker.locator("#publish_where")).to_contain_text("Sign in", timeout=PATIENCE)
    expect(maker.locator("#publish")).to_be_disabled()
    sign_in(maker, hub.token("ada"))
    expect(maker.locator("#publish")).to_be_enabled(timeout=PATIENCE)
    expect(maker.locator("#publish")).to_have_text("Publish privately")
    fill(maker, "#publish_name", "my-digits")
    fill(maker, "#publish_consent", f"Drawn by many; they agreed. {EVIL}")
    maker.locator("#publish_private label").nth(1).click()
    expect(maker.locator("#publish_where")).to_contain_text("ada/my-digits", timeout=PATIENCE)
    expect(maker.locator("#card_preview")).to_contain_text(EVIL, timeout=PATIENCE)
    listed = maker.locator("#publish_files li b").all_text_contents()
    expect(maker.locator("#publish")).to_have_text("Publish for everyone")
    maker.locator("#publish").click()
    link = maker.locator("#published a")
    expect(link).to_have_attribute("href", f"{hub.url}/ada/my-digits", timeout=PATIENCE)
    assert sorted(hub.files("ada/my-digits")) == sorted(listed), "exactly what was shown"
    assert not hub.repo("ada/my-digits").private
    assert "they agreed" in hub.files("ada/my-digits")["README.md"].decode()
    orders = [json.loads(each.read_text()) for each in tmp_path.parent.glob("laptop*/home/transfers/*/*/order.json")]
    assert {each["publishing"]["card"] for each in orders if each["kind"] == "push"} == {""}, "nobody wrote in it"
    expect(maker.locator("#publish_where")).to_contain_text("newest version", timeout=PATIENCE)
    room(maker, "Create")
    maker.locator("#models .card", has_text="Handwritten digits").first.click()
    made = pictures(maker, "Handwritten digits GAN", 4711)
    maker.close()

    with spaces.app(hub, tmp_path) as (address, _):
        taker = visit(address)
        card = look_for(taker, "digits", "ada/my-digits")
        expect(card.locator("img")).to_be_visible(timeout=PATIENCE)
        card.get_by_role("button").click()
        taker.locator("#pulled_use").click(timeout=PATIENCE)
        expect(taker.locator("#models [aria-pressed=true]")).to_contain_text("Handwritten digits", timeout=PATIENCE)
        assert pictures(taker, "Handwritten digits GAN", 4711) == made, "the same seed, another picture"


FAULTS = {
    "sign-in": Fault(match="GET /api/models/ada/shapes", status=401, headers={"X-Error-Message": "Invalid"}),
    "forbidden": Fault(match="GET /api/models/ada/shapes", status=403),
    "missing": Fault(match="GET /api/models/ada/shapes", status=404, headers=MISSING),
    "many requests": Fault(match="GET /api/models/ada/shapes", times=9, status=429, headers={"Retry-After": "90"}),
    "its own": Fault(match="GET /api/models/ada/shapes", times=9, status=503, headers={"Retry-After": "40"}),
    "cut": Fault(match="GET .*model.safetensors|GET /lfs/", times=99, cut_download=64, reset=True),
}


def test_whatever_goes_wrong_is_one_sentence_and_pressing_again_helps(hub: Hub, laptop: str, visit: Any) -> None:
    page = visit(laptop)
    room(page, "What the Hub has")
    status = page.locator("#pull_status")
    for name, fault in FAULTS.items():
        hub.fault(fault)
        fetch(page, "ada/shapes")
        expect(page.locator("#pull_cancel"), name).to_be_visible(timeout=PATIENCE)
        expect(page.locator("#pull_cancel"), name).to_be_hidden(timeout=PATIENCE)
        note = status.locator(".note-warn")
        expect(note, name).to_have_count(1)
        told = note.inner_text()
        assert re.fullmatch(r"[^\n]{20,200}\.", told), (name, told)
        assert not re.search("Traceback|Error|hf_", told), (name, told)
        hub.clear()
    page.locator("#hub_fetch").click()
    expect(status.locator(".note-good")).to_contain_text("ada/shapes", timeout=PATIENCE)
    expect(page.locator("#pulled_use")).to_be_visible()


def test_a_publishing_that_fails_is_pressed_again_and_costs_only_what_is_missing(
    hub: Hub, laptop: str, visit: Any
) -> None:
    page = visit(laptop)
    sign_in(page, hub.token("ada"))
    page.locator("#shelf .card", has_text="Digits (VAE)").last.click()
    page.locator("#library_publish").click()
    fill(page, "#publish_name", "again")
    expect(page.locator("#publish_where")).to_contain_text("ada/again", timeout=PATIENCE)
    faults = (
        Fault(match="PUT ", times=99, cut_upload=512, reset=True),
        Fault(match="POST /api/models/ada/again/commit", times=9, status=403, headers={"X-Error-Message": "<b>No</b>"}),
    )
    for fault in faults:
        hub.fault(fault)
        page.locator("#publish").click()
        expect(page.locator("#publish_status .note-warn")).to_have_count(1, timeout=2 * PATIENCE)
        expect(page.locator("#published a")).to_have_count(0)
        expect(page.locator("#publish")).to_be_enabled(timeout=PATIENCE)
        hub.clear()
    page.locator("#publish").click()
    expect(page.locator("#publish_status .note-good")).to_contain_text("ada/again", timeout=2 * PATIENCE)
    assert set(hub.tags("ada/again")) == {"v1"}
    assert not [row for row in hub.log if row.method == "PUT"], "what had arrived was sent again"
    assert hub.repo("ada/again").private, "private, where nobody said otherwise"


def test_with_the_hub_down_it_is_said_at_once_and_the_rest_works(hub: Hub, laptop: str, visit: Any) -> None:
    hub.down()
    times = []
    while not times or (min(times) > 2.0 and len(times) < 3):  # others use this machine as well
        page = visit(laptop)
        page.wait_for_timeout(1000)
        start = time.monotonic()
        room(page, "What the Hub has")
        expect(page.locator("#hub_notice .note-warn")).to_contain_text("does not answer", timeout=10_000)
        times.append(time.monotonic() - start)
    assert min(times) < 2.0
    expect(page.locator(".toast-body")).to_have_count(0)
    room(page, "Create")
    first = page.locator("#wall img").first.get_attribute("src")
    page.locator("#shuffle").click()
    expect(page.locator("#wall img").first).not_to_have_attribute("src", first, timeout=PATIENCE)
    hub.up()
    room(page, "Library")
    look_for(page, "shapes", "ada/shapes")
    expect(page.locator("#hub_notice")).not_to_contain_text("does not answer")


def test_what_others_wrote_is_text_and_long_names_fit(hub: Hub, laptop: str, visit: Any) -> None:
    page = visit(laptop)
    card = look_for(page, "long-name", LONG)
    expect(card).to_contain_text("<script>alert(1)</script> ${1+1} {{x}}")
    assert page.locator("#library script").count() == 0
    card.get_by_role("button").click()
    expect(page.locator("#pulled_use")).to_be_visible(timeout=PATIENCE)
    room(page, "What you have")
    page.locator("#shelf .card").first.click()
    expect(page.locator("#revisions")).to_contain_text("<script>", timeout=PATIENCE)
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_an_update_is_said_and_taken_and_taken_back(hub: Hub, laptop: str, visit: Any) -> None:
    hub.put("ada/moving", travellers.shapes(2), tags=("genmodels", "gan"), message="First")
    page = visit(laptop)
    room(page, "What the Hub has")
    fetch(page, f"{hub.url}/ada/moving/tree/main")
    expect(page.locator("#pulled_use")).to_be_visible(timeout=PATIENCE)
    room(page, "What you have")
    page.locator("#shelf .card").first.click()
    expect(page.locator("#origin")).to_contain_text("ada/moving", timeout=PATIENCE)
    expect(page.locator("#revisions li", has_text="First")).to_contain_text("here", timeout=PATIENCE)
    expect(page.locator("#revisions .update")).to_have_count(0)
    strip = page.locator("#shelf [aria-pressed=true] img").get_attribute("src")

    hub.put("ada/moving", travellers.shapes(3), message="Second")
    page.locator("#shelf .card").first.click()
    page.locator("#revisions .update button").click(timeout=PATIENCE)
    expect(page.locator("#revisions li", has_text="Second")).to_contain_text("here", timeout=PATIENCE)
    shown = page.locator("#shelf [aria-pressed=true] img")
    expect(shown).not_to_have_attribute("src", strip, timeout=PATIENCE)
    page.get_by_role("button", name=re.compile("Use version")).first.click()
    expect(page.locator("#revisions li", has_text="First")).to_contain_text("here", timeout=PATIENCE)
    expect(shown).to_have_attribute("src", strip, timeout=PATIENCE)


def test_a_pull_can_be_stopped_and_is_found_again_after_a_reload(hub: Hub, laptop: str, visit: Any) -> None:
    page = visit(laptop)
    expect(page.locator("#shelf .card").first).to_be_visible(timeout=PATIENCE)
    before = page.locator("#shelf .card").count()
    room(page, "What the Hub has")
    hub.fault(Fault(match="GET /lfs/|safetensors", times=99, pace=200))
    fetch(page, "ada/shapes")
    expect(page.locator("#pull_cancel")).to_be_visible(timeout=PATIENCE)
    page.reload()
    room(page, "Library")
    room(page, "What the Hub has")
    page.locator("#pull_cancel").click(timeout=PATIENCE)
    expect(page.locator("#pull_status")).to_contain_text("You stopped it.", timeout=10_000)
    room(page, "What you have")
    expect(page.locator("#shelf .card")).to_have_count(before)


def test_programs_do_the_same_over_http(hub: Hub, laptop: str) -> None:
    client = gradio_client.Client(laptop, verbose=False)
    found = client.predict("shapes", api_name="/search_hub")["found"]
    assert [each["repo"] for each in found] == ["ada/shapes"]
    key = client.predict("ada/shapes", api_name="/pull_model")
    pulled = _end(client, key)
    assert pulled["state"] == "finished"
    assert [each["here"] for each in client.predict(pulled["result"], api_name="/revisions")] == [True]

    token = hub.token("eve")
    assert client.predict(token, api_name="/sign_in") == "eve"
    draft = client.predict(pulled["result"], "mine", api_name="/preview_publishing")
    assert draft["repo"] == "eve/mine"
    key = client.predict(pulled["result"], "mine", api_name="/publish_model")
    published = _end(client, key)
    assert published["link"] == f"{hub.url}/eve/mine"
    assert sorted(each["name"] for each in draft["files"]) == sorted(hub.files("eve/mine"))
    assert hub.repo("eve/mine").private
    assert client.predict(api_name="/sign_out") is True


def _end(client: Any, key: str) -> dict[str, Any]:
    """How a transfer ended."""
    for _ in range(200):
        told = client.predict(key, api_name="/transfer")
        if told["state"] != "running":
            return told
        time.sleep(0.3)
    raise AssertionError(told)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_on_a_phone(laptop: str, visit: Any, scheme: str) -> None:
    page = visit(laptop, viewport={"width": 390, "height": 844}, color_scheme=scheme)
    for name in ("What the Hub has", "Publish", "What you have"):
        room(page, name)
        page.wait_for_timeout(900)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, f"{name} is wider than a phone"
