"""The real app in a real browser: what a person does, from the first picture to a model of their own."""

from __future__ import annotations

import base64
import io
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from genmodels.data import starters
from genmodels.images import PictureFormat

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
expect = playwright.expect

ROOT = pathlib.Path(__file__).resolve().parents[1]
BUDGET = 8000  # pictures that the trained model sees: a few seconds of training, and digits that anyone can read
PATIENCE = 400_000  # milliseconds for a training on a busy machine
FLAGS = [
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--disable-sync",
]


def chromium() -> str | None:
    """A browser to use: CHROMIUM, one on the PATH, or Playwright's own."""
    named = [os.environ.get("CHROMIUM"), *map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))]
    if found := next((each for each in named if each and pathlib.Path(each).exists()), None):
        return found
    with playwright.sync_playwright() as driver:
        own = driver.chromium.executable_path
    return own if pathlib.Path(own).exists() else None


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    found = chromium()
    if found is None:
        sentence = "There is no Chromium here: set CHROMIUM, or run `playwright install chromium`."
        pytest.fail(sentence) if os.environ.get("CI") == "true" else pytest.skip(sentence)
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=found, args=FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A home with one model in it, which knows nothing yet: enough to hang a wall."""
    import torch

    from genmodels import checkpoint
    from genmodels.models import FAMILIES

    folder = tmp_path_factory.mktemp("home")
    torch.manual_seed(0)
    model = FAMILIES["gan"](FAMILIES.sizes("gan")["tiny"], PictureFormat(28, 1)).eval()
    checkpoint.save(folder / "models" / "sketch", model, name="Sketch", size="tiny", trained={})
    return folder


@pytest.fixture(scope="module")
def address(home: pathlib.Path) -> Iterator[str]:
    """`python app.py`, as a person starts it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "GENMODELS_HOME": str(home), "GRADIO_SERVER_PORT": str(port), "OMP_NUM_THREADS": "2"}
    log = open(home / "app.log", "wb")  # noqa: SIM115
    app = subprocess.Popen([sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(url, timeout=2)
                break
            except OSError:
                assert app.poll() is None, (home / "app.log").read_text()
                time.sleep(0.25)
        yield url
    finally:
        app.terminate()
        app.wait(timeout=20)
        log.close()


@pytest.fixture
def page(browser: playwright.Browser, address: str) -> Iterator[playwright.Page]:
    """A fresh visitor at the door. Whatever a page complains about, or asks of another host, fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 860}, accept_downloads=True)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on(
        "request", lambda r: complaints.append(r.url) if not r.url.startswith((address, "data:", "blob:")) else None
    )
    opened.goto(address)
    expect(opened.locator("#wall .tile").first).to_be_visible(timeout=30_000)
    yield opened
    context.close()
    assert not complaints


def room(page: playwright.Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).click()


def wall_pixels(page: playwright.Page) -> np.ndarray:
    """The pictures on the wall: uint8 [n, h, w]."""
    uris = page.locator("#wall .tile img").evaluate_all("all => all.map(each => each.src)")
    return np.stack([np.asarray(_picture(uri).convert("L")) for uri in uris])


def _picture(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_building_the_app_brings_no_torch(tmp_path: pathlib.Path) -> None:
    code = "import sys, app; app.build(app.Studio()); print([m for m in ('torch', 'diffusers') if m in sys.modules])"
    environment = {**os.environ, "GENMODELS_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().endswith("[]")


def test_a_wall_hangs_there_at_once_and_shuffle_changes_it(page: playwright.Page) -> None:
    first, before = page.locator("#wall img").first.get_attribute("src"), wall_pixels(page)
    assert len(before) >= 16
    page.locator("#shuffle").click()
    expect(page.locator("#wall img").first).not_to_have_attribute("src", first, timeout=60_000)
    seed = page.locator("#seed input")
    shuffled, drawn = wall_pixels(page), seed.input_value()
    assert (shuffled != before).any()
    seed.fill("0")
    expect(page.locator("#wall img").first).to_have_attribute("src", first, timeout=30_000)
    assert (wall_pixels(page) == before).all()
    seed.fill(drawn)
    expect(page.locator("#wall img").first).not_to_have_attribute("src", first, timeout=30_000)
    assert (wall_pixels(page) == shuffled).all(), "the same seed must draw the same pictures"


def test_a_picture_tells_its_recipe(page: playwright.Page) -> None:
    page.locator("#wall .tile").nth(5).click()
    link = page.locator("#save_picture")
    expect(link).to_have_attribute("download", re.compile(r"-6\.png$"))
    saved = _picture(link.get_attribute("href"))
    recipe = json.loads(saved.text["recipe"])
    assert recipe["index"] == 5
    assert recipe["identity"]
    assert saved.size[0] >= 280
    page.locator("#wall .tile").nth(5).focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(link).to_have_attribute("download", re.compile(r"-7\.png$"))


def test_all_pictures_can_be_taken_away(page: playwright.Page) -> None:
    count = page.locator("#wall .tile").count()
    with page.expect_download() as waiting:
        page.locator("#save_all").click()
    with zipfile.ZipFile(waiting.value.path()) as packed:
        names = [name for name in packed.namelist() if not name.endswith("all.png")]
        assert len(names) == count
        assert json.loads(Image.open(io.BytesIO(packed.read(names[3]))).text["recipe"])["index"] == 3


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_on_a_phone(browser: playwright.Browser, address: str, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    opened = context.new_page()
    opened.goto(address)
    expect(opened.locator("#wall .tile").first).to_be_visible(timeout=30_000)
    for name in ("Create", "Train", "Library"):
        room(opened, name)
        opened.wait_for_timeout(500)
        assert opened.evaluate("document.documentElement.scrollWidth") <= 390, f"{name} is wider than a phone"
    context.close()


def test_from_pictures_to_a_model_of_ones_own(page: playwright.Page, address: str) -> None:
    room(page, "Train")
    page.locator("#sets [data-set=digits]").click()
    page.locator("#family label").filter(has_text="GAN").click()
    page.locator("#budget label").first.click()
    _budget_in_pictures(page)
    page.locator("#start").click()
    status = page.locator("#status")
    expect(status).to_contain_text("Handwritten digits GAN", timeout=30_000)
    expect(page.locator("#live img")).to_be_visible(timeout=PATIENCE)

    page.reload()
    room(page, "Train")
    expect(status).to_contain_text("Handwritten digits GAN", timeout=15_000)
    second = page.context.new_page()
    second.goto(address)
    room(second, "Train")
    expect(second.locator("#status")).to_contain_text("Handwritten digits GAN", timeout=15_000)
    second.close()

    expect(page.locator("#use_model")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#curves svg").first).to_be_visible()
    page.locator("#use_model").click()
    expect(page.locator("#models [aria-pressed=true]")).to_contain_text("Handwritten digits GAN", timeout=15_000)
    expect(page.locator("#wall .tile")).to_have_count(60)
    pixels, labels = wall_pixels(page), np.arange(60) % 10
    assert _read(pixels, labels) > 0.6, "these are no digits"
    assert pixels[::10].std(axis=0).mean() > 10, "every zero is the same zero"


def _budget_in_pictures(page: playwright.Page) -> None:
    """In the drawer for experts: a budget in pictures, and one thread (two wait for each other on a busy machine)."""
    page.locator("#experts > button").click()
    budget = page.locator("#field_budget input")
    expect(budget).to_be_visible(timeout=60_000)
    page.locator("#field_unit input").click()
    page.get_by_role("option", name="Pictures", exact=True).click()
    budget.fill(str(BUDGET))
    page.locator("#field_threads input").fill("1")
    page.keyboard.press("Tab")
    page.wait_for_timeout(500)


def _read(pixels: np.ndarray, labels: np.ndarray) -> float:
    """How many are nearest to the mean real digit that they were meant to be; real digits score .8."""
    real, kinds = starters.open("digits").training()
    means = np.stack([real[kinds == kind].mean(axis=0).ravel() for kind in range(10)])
    distance = np.square(pixels.reshape(len(pixels), 1, -1).astype(np.float32) - means).sum(axis=2)
    return float((distance.argmin(axis=1) == labels).mean())


def test_the_library_renames_gives_takes_and_asks_before_it_deletes(
    page: playwright.Page, tmp_path: pathlib.Path
) -> None:
    room(page, "Library")
    page.locator("#shelf .card", has_text="Sketch").click()
    page.locator("#model_name input, #model_name textarea").first.fill("Étude <b>1</b>")
    page.locator("#rename").click()
    expect(page.locator("#shelf .card", has_text="Étude <b>1</b>")).to_be_visible()
    with page.expect_download() as waiting:
        page.locator("#library_take").click()
    file = tmp_path / "model.zip"
    waiting.value.save_as(file)
    page.locator("#delete").click()
    page.locator("#delete_spare").click()
    expect(page.locator("#delete_really")).to_be_hidden()
    page.locator("#delete").click()
    page.locator("#delete_really").click()
    expect(page.locator("#shelf .card", has_text="Étude")).to_have_count(0)
    page.locator("#upload_model input[type=file], input[type=file]").first.set_input_files(file)
    expect(page.locator("#shelf .card", has_text="Étude")).to_be_visible(timeout=30_000)


def test_a_seed_that_is_too_large_gets_one_sentence_and_the_wall_stays(page: playwright.Page) -> None:
    count = page.locator("#wall .tile").count()
    page.locator("#seed input").fill("99999999999")
    expect(page.locator("#picked .note")).to_contain_text("A seed is a whole number from 0 to")
    assert page.locator("#wall .tile").count() == count


def test_a_bad_file_gets_one_sentence(page: playwright.Page, tmp_path: pathlib.Path) -> None:
    room(page, "Library")
    bad = tmp_path / "model.zip"
    with zipfile.ZipFile(bad, "w") as packed:
        packed.writestr("../evil.py", "print('hello')")
    page.locator("#upload_model input[type=file], input[type=file]").first.set_input_files(bad)
    toast = page.locator(".toast-body")
    expect(toast).to_contain_text("holds other things than a model", timeout=15_000)
    expect(toast).not_to_contain_text("Traceback")
    stamped = page.locator('#library [data-testid="status-tracker"] .error:visible')
    expect(stamped).to_have_count(0)  # the toast is enough
