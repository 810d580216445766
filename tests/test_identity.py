"""On a Space: everybody publishes as themselves, in a real browser; nobody as another, and the owner's token rests."""

from __future__ import annotations

import pathlib
import shutil
from collections.abc import Iterator

import pytest
from conftest import exported
from loopback import Hub

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("authlib", reason="gradio's sign-in needs authlib")

import spaces  # noqa: E402
from test_app import browser, room  # noqa: E402, F401

expect = playwright.expect
PATIENCE = 120_000  # milliseconds for an upload on a busy machine
SHIPPED = pathlib.Path(__file__).resolve().parents[1] / "checkpoints"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub(xet=False) as started:
        started.put("owner/diary", {"config.json": b"{}", "README.md": b"# Diary"}, private=True, tags=("genmodels",))
        started.token("ada")
        yield started


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """Where the app keeps what it keeps."""
    return tmp_path_factory.mktemp("space")


@pytest.fixture(scope="module")
def space(hub: Hub, folder: pathlib.Path) -> Iterator[str]:
    """The app as a Space of the owner, whose own token lies in its environment."""
    with spaces.app(hub, folder, **hub.space_environment(), HF_TOKEN=hub.token("owner")) as (address, _):
        yield address


@pytest.fixture
def visitor(browser: playwright.Browser, space: str) -> Iterator[playwright.Page]:  # noqa: F811
    """Somebody who was never here before."""
    context = browser.new_context(viewport={"width": 1280, "height": 860})
    yield context.new_page()
    context.close()


def sign_in(page: playwright.Page, address: str, name: str) -> None:
    """By the button, the Hub's own page, and back."""
    page.goto(address)
    room(page, "Library")
    page.locator("#hub_login").click()
    page.get_by_role("button", name=f"Sign in as {name}").click()
    expect(page.locator("#wall .tile").first).to_be_visible(timeout=30_000)
    room(page, "Library")
    expect(page.locator("#who")).to_contain_text(name, timeout=15_000)


def to_the_desk(page: playwright.Page) -> None:
    """The first model on the shelf, on the desk from which it is published."""
    page.get_by_role("tab", name="What you have").click()
    page.locator("#shelf .card").first.click()
    page.locator("#library_publish").click()
    expect(page.locator("#publish_files")).to_contain_text("model.safetensors", timeout=30_000)


def bring(page: playwright.Page, folder: pathlib.Path) -> None:
    """A model of one's own, from a ZIP."""
    file = shutil.make_archive(str(folder / "mine"), "zip", SHIPPED / "digits-gan")
    with page.expect_file_chooser() as chooser:
        page.locator("#upload_model").click()
    chooser.value.set_files(file)
    expect(page.locator("#shelf .card[data-model^='own/']")).to_be_visible(timeout=30_000)
    exported(next((folder / "home" / "models").glob("[!.]*")))


def test_who_signs_in_publishes_as_themselves_and_nobody_else(
    visitor: playwright.Page, space: str, hub: Hub, folder: pathlib.Path
) -> None:
    sign_in(visitor, space, "ada")
    bring(visitor, folder)
    to_the_desk(visitor)
    name = visitor.locator("#publish_name input, #publish_name textarea").first
    name.fill("owner/taken")
    visitor.wait_for_timeout(700)
    visitor.locator("#publish").click()
    expect(visitor.locator("#publish_status")).to_contain_text("not allow", timeout=PATIENCE)
    assert not hub.exists("owner/taken")
    name.fill("by-ada")
    visitor.wait_for_timeout(700)
    visitor.locator("#publish").click()
    expect(visitor.locator("#published a[href$='/ada/by-ada']")).to_be_visible(timeout=PATIENCE)
    made = hub.repo("ada/by-ada")
    assert (made.private, made.by_app, made.branches["main"].author) == (True, True, "ada")
    assert "model.safetensors" in hub.files("ada/by-ada")
    kept = visitor.context.cookies()
    visitor.locator("#hub_login").click()
    expect(visitor.locator("#wall .tile").first).to_be_visible(timeout=30_000)
    room(visitor, "Library")
    expect(visitor.locator("#who")).to_contain_text("Not signed in", timeout=15_000)
    visitor.context.add_cookies(kept)  # as somebody who copied them would
    visitor.reload()
    room(visitor, "Library")
    expect(visitor.locator("#who")).to_contain_text("forgot your sign-in", timeout=15_000)


def test_who_is_not_signed_in_publishes_nothing(visitor: playwright.Page, space: str, hub: Hub) -> None:
    before = set(hub.store.repos)
    visitor.goto(space)
    room(visitor, "Library")
    expect(visitor.locator("#who")).to_contain_text("Not signed in", timeout=30_000)
    to_the_desk(visitor)
    expect(visitor.locator("#publish")).to_be_disabled()
    visitor.locator("#publish_name input, #publish_name textarea").first.fill("owner/taken")
    visitor.wait_for_timeout(1500)
    visitor.locator("#publish").evaluate("button => { button.disabled = false; button.click(); }")  # as anybody can
    expect(visitor.locator("#publish_status")).to_contain_text("Sign in first", timeout=30_000)
    assert set(hub.store.repos) == before


def test_the_owner_is_never_asked_for_a_visitor(visitor: playwright.Page, space: str, hub: Hub) -> None:
    sign_in(visitor, space, "ada")
    visitor.get_by_role("tab", name="What the Hub has").click()
    visitor.locator("#hub_words input, #hub_words textarea").first.fill("diary")
    visitor.locator("#hub_ask").click()
    visitor.wait_for_timeout(1500)
    expect(visitor.locator("#found")).not_to_contain_text("owner/diary")
    visitor.locator("#hub_address input, #hub_address textarea").first.fill("owner/diary")
    visitor.locator("#hub_fetch").click()
    expect(visitor.locator("#pull_status")).to_contain_text("There is no owner/diary", timeout=30_000)
    assert any(row.authorised == "ada" for row in hub.log)
    assert "session" in spaces.held(visitor)
    assert not [token for token in hub.people if token in spaces.held(visitor)]
    assert not [row for row in hub.log if row.authorised == "owner"]
