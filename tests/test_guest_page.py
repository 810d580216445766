"""Create's places in a real browser: one's own picture rebuilt, blended, walked around; guests that draw."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import pathlib
import re
import time
import zipfile

import numpy as np
import pytest
from PIL import Image

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

import guest_models  # noqa: E402
import test_app  # noqa: E402

from genmodels import checkpoint, ui  # noqa: E402
from genmodels.guests.shelf import shelve  # noqa: E402
from genmodels.hub.origin import Origin  # noqa: E402
from genmodels.images import PictureFormat  # noqa: E402
from genmodels.studio import Studio  # noqa: E402

browser, address, page, room = test_app.browser, test_app.address, test_app.page, test_app.room
expect = playwright.expect
PATIENCE = 60_000  # milliseconds on a busy machine, waking the first guest included
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A home with a VAE that knows nothing."""
    import torch

    from genmodels.models import FAMILIES

    folder = tmp_path_factory.mktemp("home")
    torch.manual_seed(0)
    model = FAMILIES["vae"](FAMILIES.sizes("vae")["tiny"], PictureFormat(28, 1)).eval()
    checkpoint.save(folder / "models" / "sketch", model, name="Sketch", size="tiny", trained={})
    return folder


@pytest.fixture(scope="module")
def guests(home: pathlib.Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A pipeline and an autoencoder, as if they had been pulled."""
    place = tmp_path_factory.mktemp("pulled")
    made = guest_models.pipeline(place / "painter", channels=3), guest_models.autoencoder(place / "coder")
    for folder in made:
        Origin(repo=f"ada/{folder.name}", commit=COMMIT).write(folder)
        shelve(home / "guests", folder, "")


def place(page: playwright.Page, name: str) -> None:
    with page.expect_response(re.compile("run/predict")) if name != "Wall" else contextlib.nullcontext():
        page.locator("#places").get_by_role("tab", name=name, exact=True).click()


def choose(page: playwright.Page, name: str) -> None:
    """A model to rebuild with."""
    with page.expect_response(re.compile("run/predict")):
        page.locator("#rebuilders .card", has_text=name).click()


def stroke(page: playwright.Page, *points: tuple[float, float]) -> None:
    """Draw on the pad; places go from 0 to 1."""
    pad = page.locator("#give canvas.pad")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    where = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*where[0])
    page.mouse.down()
    for each in where[1:]:
        page.mouse.move(*each, steps=4)
    page.mouse.up()


def seen(page: playwright.Page, which: int) -> np.ndarray:
    """The left (0) or the right (1) picture in the mirror."""
    uri = page.locator("#mirror figure img").nth(which).get_attribute("src")
    return np.asarray(_open(uri).convert("L"))


def _open(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2])))


def test_the_wall_comes_first_and_a_missing_guest_is_explained(page) -> None:
    expect(page.locator("#places").get_by_role("tab", selected=True)).to_have_text("Wall")
    place(page, "Guests")
    expect(page.locator("#nobody")).to_contain_text("search the Hub for guests")
    expect(page.locator("#draw_guest")).to_be_hidden()
    page.locator("#search_guests").click()
    expect(page.get_by_role("tab", name="Library", exact=True)).to_have_attribute("aria-selected", "true")


def test_a_drawing_is_rebuilt_as_it_is_drawn_and_is_still_there_after_a_reload(page) -> None:
    place(page, "Your picture")
    choose(page, "Digits (VAE)")
    expect(page.locator("#walk")).to_be_disabled()
    stroke(page, (0.5, 0.2), (0.5, 0.8))
    expect(page.locator("#mirror .headline")).to_be_visible(timeout=PATIENCE)
    given, built = seen(page, 0), seen(page, 1)
    assert given.shape == built.shape == (28, 28)
    assert given[14, 14] > 200 > 40 > given[14, 3], "white on black, as the model's own pictures are"
    assert built[14, 12:17].max() > 120, "a stroke is rebuilt as a stroke"
    first = page.locator("#mirror img").first.get_attribute("src")
    stroke(page, (0.2, 0.5), (0.8, 0.5))
    expect(page.locator("#mirror img").first).not_to_have_attribute("src", first, timeout=PATIENCE)
    assert seen(page, 0)[14, 5] > 200
    saved = _open(page.locator("#mirror_side a.save").first.get_attribute("href"))
    assert json.loads(saved.text["recipe"])["kind"] == "rebuild"

    page.reload()
    place(page, "Your picture")
    expect(page.locator("#mirror .headline")).to_be_visible(timeout=PATIENCE)
    assert seen(page, 0)[14, 5] > 200
    assert page.locator("#slots img").count() == 1
    expect(page.locator("#walk")).to_be_enabled()


def test_two_pictures_blend_and_one_is_walked_around(page, tmp_path: pathlib.Path) -> None:
    place(page, "Your picture")
    choose(page, "Digits (VAE)")
    page.locator("#own_of_model .tile").nth(1).click()
    expect(page.locator("#walk")).to_be_enabled()
    page.locator("#slots .slot").nth(1).click()
    expect(page.locator("#walk")).to_be_disabled()  # there is nothing in that place yet
    expect(page.locator("#blend")).to_be_disabled()
    photo = tmp_path / "photo.png"
    Image.new("RGB", (90, 60), (200, 30, 30)).save(photo)
    page.locator("[data-way=file]").click()
    page.locator("#give input.choose").set_input_files(photo)
    expect(page.locator("#slots img")).to_have_count(2)
    expect(page.locator("#mirror .headline")).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#blend")).to_be_enabled()
    page.locator("#blend").click()
    link = page.locator("#save_film")
    expect(link).to_be_visible(timeout=PATIENCE)
    blend = _open(link.get_attribute("href"))
    assert blend.format == "WEBP"
    assert blend.n_frames > 25, "there and back"
    page.locator("#walk").click()
    expect(page.locator("#film h3")).to_have_text("A walk around your picture", timeout=PATIENCE)
    expect(link).to_be_visible(timeout=PATIENCE)
    assert _open(link.get_attribute("href")).n_frames == 25
    with page.expect_download() as waiting:
        page.locator("#save_film_all").click()
    with zipfile.ZipFile(waiting.value.path()) as packed:
        pictures = [name for name in packed.namelist() if name.endswith(".png")]
        assert len(pictures) == 25
        assert json.loads(Image.open(io.BytesIO(packed.read(pictures[3]))).text["recipe"])["kind"] == "walk"


def test_what_is_no_picture_gets_one_sentence_and_light_and_dark_are_swapped(page, tmp_path: pathlib.Path) -> None:
    place(page, "Your picture")
    page.locator("[data-way=file]").click()
    bad, photo = tmp_path / "notes.png", tmp_path / "photo.png"
    bad.write_text("no picture at all")
    Image.new("L", (64, 64), 250).save(photo)
    page.locator("#give input.choose").set_input_files(bad)
    expect(page.locator("#give .choose-words")).to_contain_text("cannot be opened as a picture")
    page.locator("#give input.choose").set_input_files(photo)
    expect(page.locator("#slots img")).to_have_count(1)
    light = page.locator("#slots img").get_attribute("src")
    page.locator("#give .negative").check()
    expect(page.locator("#slots img")).not_to_have_attribute("src", light)
    assert np.asarray(_open(page.locator("#slots img").get_attribute("src")).convert("L")).mean() < 10


def test_a_guest_draws_out_of_the_noise_and_the_same_seed_draws_the_same(page, guests) -> None:
    place(page, "Guests")
    expect(page.locator("#guests .card")).to_have_count(1)
    expect(page.locator("#about_guest")).to_contain_text("ada/painter")
    page.locator("#guest_steps input[type=number]").fill("150")
    page.locator("#guest_count label", has_text="9").click()
    page.locator("#guest_seed input").fill("7")
    page.locator("#draw_guest").click()
    expect(page.locator("#guest_wall .denoising img").first).to_be_visible(timeout=PATIENCE)
    expect(page.locator("#guest_status .bar")).to_be_visible()

    page.reload()
    place(page, "Guests")
    expect(page.locator("#guest_wall .tile")).to_have_count(9, timeout=PATIENCE)
    expect(page.locator("#guest_seed input")).to_have_value("7")
    page.locator("#guest_wall .tile").nth(5).click()
    link = page.locator("#guest_picked a.save")
    expect(link).to_have_attribute("download", re.compile(r"painter-7-6\.png$"))
    recipe = json.loads(_open(link.get_attribute("href")).text["recipe"])
    assert recipe["hub"] == {"repo": "ada/painter", "commit": COMMIT}
    first = page.locator("#guest_wall img").first.get_attribute("src")
    with page.expect_download() as waiting:
        page.locator("#save_guest_all").click()
    with zipfile.ZipFile(waiting.value.path()) as packed:
        assert sum(name.endswith(".png") for name in packed.namelist()) == 9
    page.locator("#other_seed").click()
    expect(page.locator("#guest_seed input")).not_to_have_value("7")
    expect(page.locator("#guest_wall .tile img").first).not_to_have_attribute("src", first, timeout=PATIENCE)
    page.locator("#guest_seed input").fill("7")
    page.locator("#draw_guest").click()
    expect(page.locator("#guest_wall img").first).to_have_attribute("src", first, timeout=PATIENCE)


def test_cancel_stops_at_once_and_a_bad_seed_gets_one_sentence(page, guests) -> None:
    place(page, "Guests")
    page.locator("#guest_steps input[type=number]").fill("250")
    page.locator("#guest_count label", has_text="25").click()
    page.locator("#draw_guest").click()
    page.locator("#cancel_guest").click(timeout=PATIENCE)
    expect(page.locator("#guest_status")).to_contain_text("You stopped it.")
    expect(page.locator("#cancel_guest")).to_be_hidden()
    page.locator("#guest_seed input").fill("-3")
    page.locator("#draw_guest").click()
    expect(page.locator(".toast-body")).to_contain_text("A seed is a whole number", timeout=15_000)


def test_an_autoencoder_from_the_hub_rebuilds_too_and_a_guest_can_be_sent_away(page, guests) -> None:
    place(page, "Your picture")
    choose(page, "coder")
    stroke(page, (0.2, 0.2), (0.8, 0.8))
    expect(page.locator("#mirror figcaption").first).to_contain_text("16 × 16 pixels", timeout=PATIENCE)
    place(page, "Guests")
    page.locator("#delete_guest").click()
    page.locator("#delete_guest_really").click()
    expect(page.locator("#nobody")).to_be_visible()


def test_a_program_can_ask_for_the_same(address: str, guests) -> None:
    from gradio_client import Client

    client = Client(address, verbose=False)
    drawn = Image.new("L", (28, 28))
    drawn.paste(255, (12, 4, 16, 24))
    buffer = io.BytesIO()
    drawn.save(buffer, "PNG")
    picture = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    key = client.predict("digits-vae", picture, api_name="/rebuild")
    deadline = time.monotonic() + PATIENCE / 1000
    while (seen := client.predict(key, api_name="/look_at_drawing"))["state"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    made = Image.open(io.BytesIO(base64.b64decode(seen["pictures"][0])))
    assert made.size == (28, 28)
    assert seen["numbers"]["psnr"] > 15
    assert client.predict(key, api_name="/cancel_drawing")
    coder = next(each for each in client.predict(api_name="/guests") if each["repo"] == "ada/coder")
    assert (coder["kind"], coder["size"], coder["commit"]) == ("autoencoder", 16, COMMIT)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_places_fit_on_a_phone(browser, address: str, scheme: str) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme=scheme)
    opened = context.new_page()
    opened.goto(address)
    expect(opened.locator("#wall .tile").first).to_be_visible(timeout=30_000)
    for name in ("Your picture", "Guests", "Wall"):
        place(opened, name)
        opened.wait_for_timeout(400)
        assert opened.evaluate("document.documentElement.scrollWidth") <= 390, f"{name} is wider than a phone"
    context.close()


def test_whoever_has_no_token_yet_finds_the_places_too(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a shared host, between the first paint and the greeting."""
    monkeypatch.setenv("GENMODELS_HOME", str(tmp_path))
    screens = ui.build(Studio(shared=True))
    calls = {getattr(each.fn, "__qualname__", ""): each.fn for each in screens.fns.values()}
    for shown in (calls["YourPicture.attach"]("", "", {}, "", ""), calls["GuestStep.attach"]("", "", "", 0)):
        assert isinstance(shown, dict), "it was refused, and its place says so"
